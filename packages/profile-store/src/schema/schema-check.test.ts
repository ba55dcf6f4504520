import type { JsonSchema } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { parseDataset } from "../dataset.ts";
import { CORE_FIELD_GROUPS } from "./core-field-groups.ts";
import { parseFieldGroup, parseSchemaDefinition } from "./field-group.ts";
import { mergeSchemas } from "./merge-schemas.ts";
import { compileSchema } from "./schema-check.ts";

const SCHEMA: JsonSchema = {
  type: "object",
  required: ["sku"],
  properties: {
    sku: { type: "string", pattern: "^[A-Z]+$", maxLength: 4 },
    amount: { type: "integer", minimum: 1, maximum: 9 },
    price: { type: "number" },
    gift: { type: "boolean" },
    when: { type: "string", format: "date-time" },
    day: { type: "string", format: "date" },
    mail: { type: "string", format: "email" },
    size: { enum: ["S", "M", 7] },
    tags: { type: "array", items: { type: "string", minLength: 2 } },
    closed: { type: "object", additionalProperties: false, properties: { a: { type: "number" } } },
    map: { type: "object", additionalProperties: { type: "number" } },
  },
};

describe("checking against a schema", () => {
  const check = compileSchema(SCHEMA);
  const good = { sku: "AB", amount: 3, price: 1.5, gift: false, unknown: { x: 1 } };
  const cases: readonly [string, unknown, readonly string[]][] = [
    ["all right", good, []],
    ["null removes", { sku: "AB", amount: null }, []],
    ["right formats", { sku: "A", when: "2026-01-01T00:00:00Z", day: "2026-01-01", mail: "a@b.example" }, []],
    ["lists, closed objects, maps", { sku: "A", tags: ["xy"], closed: { a: 1 }, map: { q: 1 }, size: 7 }, []],
    ["no object", "text", [""]],
    ["missing", {}, ["sku"]],
    ["types", { sku: 1, amount: 1.5, price: "1", gift: 0 }, ["sku", "amount", "price", "gift"]],
    ["not finite", { sku: "A", price: Number.NaN }, ["price"]],
    ["ranges", { sku: "ABCDE", amount: 10 }, ["sku", "amount"]],
    ["pattern", { sku: "ab" }, ["sku"]],
    ["formats", { sku: "A", when: "soon", day: "1.2.26", mail: "nobody" }, ["when", "day", "mail"]],
    ["enum", { sku: "A", size: "XL" }, ["size"]],
    ["items", { sku: "A", tags: ["xy", "z", 3] }, ["tags.1", "tags.2"]],
    ["closed", { sku: "A", closed: { a: "x", b: 1 } }, ["closed.a", "closed.b"]],
    ["map", { sku: "A", map: { q: "x" } }, ["map.q"]],
  ];
  it.each(cases)("%s", (_name, value, paths) => {
    expect(check(value).map(({ path = [] }) => path.join("."))).toEqual(paths);
  });

  it("an update may leave out what is required, not remove it; items of its lists are whole", () => {
    const update = compileSchema(
      { ...SCHEMA, properties: { list: { type: "array", items: SCHEMA } } },
      "update",
    );
    const paths = (value: unknown): readonly string[] => update(value).map(({ path = [] }) => path.join("."));
    expect(paths({})).toEqual([]);
    expect(paths({ sku: null })).toEqual(["sku"]);
    expect(paths({ list: [{}] })).toEqual(["list.0.sku"]);
    expect(check({ sku: null }).map(({ path = [] }) => path.join("."))).toEqual(["sku"]);
  });

  it("says nothing of the value itself", () => {
    expect(JSON.stringify(check({ sku: "secret value" }))).not.toContain("secret");
  });
});

describe("field groups and schemas", () => {
  const known = new Map(CORE_FIELD_GROUPS.map((group) => [group.id, group]));

  it("a user's fields lie under the tenant", () => {
    const group = {
      id: "pets",
      class: "profile",
      schema: { type: "object", properties: { _acme: { type: "object" } } },
    };
    expect(parseFieldGroup(group, "_acme").ok).toBe(true);
    expect(parseFieldGroup(group, "_other")).toMatchObject({
      ok: false,
      error: [{ code: "schema.invalid" }],
    });
    const nested = { ...group, schema: { properties: { _acme: { properties: { a: { type: "date" } } } } } };
    expect(parseFieldGroup(nested, "_acme")).toMatchObject({ ok: false });
  });

  const unusable: readonly [string, unknown][] = [
    ["schema", "text"],
    ["schema.type", { type: "date" }],
    ["schema.properties.a.pattern", { properties: { a: { type: "string", pattern: "(" } } }],
    ["schema.properties.a.enum", { properties: { a: { enum: "gold" } } }],
    ["schema.properties.a.items.minimum", { properties: { a: { type: "array", items: { minimum: "1" } } } }],
    ["schema.required", { required: "name" }],
  ];
  it.each(unusable)("what nothing can be checked against is no schema: %s", (path, schema) => {
    const dataset = parseDataset({ id: "crm", kind: "profile", schema });
    expect(dataset.ok ? [] : dataset.error.map((issue) => issue.path?.join("."))).toEqual([path]);
    expect(parseFieldGroup({ id: "g", class: "profile", schema }, "_acme").ok).toBe(false);
  });

  it("a schema names groups of its class, and all core groups fit together", () => {
    for (const schemaClass of ["profile", "event"] as const) {
      const fieldGroups = CORE_FIELD_GROUPS.filter((group) => group.class === schemaClass).map(
        ({ id }) => id,
      );
      expect(parseSchemaDefinition({ id: "all", class: schemaClass, fieldGroups }, known).ok).toBe(true);
    }
    const wrong = { id: "x", class: "profile", fieldGroups: ["event-commerce", "nowhere"] };
    expect(parseSchemaDefinition(wrong, known)).toMatchObject({ ok: false, error: [{}, {}] });
  });

  it("merging adds, and refuses one field of two types", () => {
    const a: JsonSchema = { properties: { x: { properties: { a: { type: "integer" } } } } };
    const b: JsonSchema = {
      properties: { x: { properties: { a: { type: "number" }, b: { type: "string" } } } },
    };
    expect(mergeSchemas([a, b])).toMatchObject({
      ok: true,
      value: { properties: { x: { properties: { a: { type: "integer" }, b: { type: "string" } } } } },
    });
    const c: JsonSchema = { properties: { x: { properties: { a: { type: "string" } } } } };
    expect(mergeSchemas([a, c])).toMatchObject({
      ok: false,
      error: [{ code: "schema.conflict", path: ["x", "a"] }],
    });
  });
});
