import {
  compileSchema,
  CORE_FIELD_GROUPS,
  type Dataset,
  type FieldGroup,
  mergeSchemas,
  parseFieldGroup,
  parseSchemaDefinition,
  type SchemaCheck,
  type SchemaClass,
  type SchemaDefinition,
  type HubStore,
} from "@tessera/profile-store";
import { err, type Issue, type JsonSchema, ok, type Result } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { saveDocument } from "./destination-lifecycle.ts";

/** Schemas of a sandbox: what items of datasets are checked against, and what audiences are type-checked against. */
export interface SandboxSchemas {
  /** The core field groups and those of users. */
  readonly fieldGroups: () => readonly FieldGroup[];
  /** Saves a field group; its fields lie under the tenant's field. In use, it can only be added to. */
  readonly saveFieldGroup: (input: unknown) => Promise<Result<FieldGroup, readonly Issue[]>>;
  readonly schemas: () => readonly SchemaDefinition[];
  /** Saves a schema. Used by a dataset, it can only be added to: a union never loses a field. */
  readonly saveSchema: (input: unknown) => Promise<Result<SchemaDefinition, readonly Issue[]>>;
  /** All fields of all datasets of a class; undefined while no dataset has a schema. */
  readonly unionSchema: (schemaClass: SchemaClass) => JsonSchema | undefined;
}

/** Schemas as the hub works by them. */
export interface SchemaBook {
  readonly fieldGroups: ReadonlyMap<string, FieldGroup>;
  readonly definitions: ReadonlyMap<string, SchemaDefinition>;
  /** The check of each dataset that has a schema, by dataset id. */
  readonly checks: ReadonlyMap<string, SchemaCheck>;
  /** The same for partial updates. */
  readonly updateChecks: ReadonlyMap<string, SchemaCheck>;
  readonly unions: ReadonlyMap<SchemaClass, JsonSchema>;
  /** What PQL is checked against: a person with `xEvent`; undefined while no dataset has a schema. */
  readonly person: JsonSchema | undefined;
}

const FIELD_GROUP = "fieldGroup";
const SCHEMA = "schema";

/** Reads the schemas of a sandbox and makes them ready. */
export async function readSchemas(
  store: HubStore,
  datasets: ReadonlyMap<string, Dataset>,
): Promise<SchemaBook> {
  const [groups, definitions] = await Promise.all([store.documents(FIELD_GROUP), store.documents(SCHEMA)]);
  return schemaBook(
    groups.map(({ body }) => body as unknown as FieldGroup),
    definitions.map(({ body }) => body as unknown as SchemaDefinition),
    datasets,
  );
}

function schemaBook(
  groups: readonly FieldGroup[],
  schemas: readonly SchemaDefinition[],
  datasets: ReadonlyMap<string, Dataset>,
): SchemaBook {
  const fieldGroups = new Map([...CORE_FIELD_GROUPS, ...groups].map((group) => [group.id, group]));
  const definitions = new Map(schemas.map((definition) => [definition.id, definition]));
  const checks = new Map<string, SchemaCheck>();
  const updateChecks = new Map<string, SchemaCheck>();
  const used: Record<SchemaClass, JsonSchema[]> = { profile: [], event: [] };
  const open = new Set<SchemaClass>();
  for (const dataset of datasets.values()) {
    const schema = schemaOf(dataset, definitions, fieldGroups);
    if (schema === undefined) open.add(dataset.kind);
    else {
      checks.set(dataset.id, compileSchema(schema));
      updateChecks.set(dataset.id, compileSchema(schema, "update"));
      used[dataset.kind].push(schema);
    }
  }
  const unions = new Map<SchemaClass, JsonSchema>();
  for (const schemaClass of ["profile", "event"] as const) {
    const merged = mergeSchemas(used[schemaClass]);
    // Two datasets may disagree on a field: then the union leaves types open rather than refuse what was saved.
    if (used[schemaClass].length > 0 && merged.ok) unions.set(schemaClass, merged.value);
  }
  return { fieldGroups, definitions, checks, updateChecks, unions, person: personSchema(unions, open) };
}

/**
 * What forbids a dataset to have the schema it names: there is none of its class, or data was checked against fields that
 * it lacks. `before` is the dataset as it stands.
 */
export function schemaIssues(
  dataset: Dataset,
  before: Dataset | undefined,
  { definitions, fieldGroups }: SchemaBook,
): readonly Issue[] {
  const { schemaId, kind } = dataset;
  const named = schemaId === undefined ? undefined : definitions.get(schemaId);
  if (schemaId !== undefined && named?.class !== kind) {
    const expected = `the id of a schema of class ${kind}`;
    const came = named === undefined ? "an id that no schema has" : `one of class ${named.class}`;
    const message = `schemaId: expected ${expected}, got ${came}. Save the schema first.`;
    return [{ code: "dataset.invalid", path: ["schemaId"], expected, came, message }];
  }
  const was = before === undefined ? undefined : schemaOf(before, definitions, fieldGroups);
  if (was === undefined) return [];
  const is = schemaOf(dataset, definitions, fieldGroups);
  if (is !== undefined) return lostFields(was, is, []).map(fieldLost);
  const message =
    "schemaId: data was checked against the schema of this dataset; it cannot be taken away. Name it again, or make another dataset.";
  return [{ code: "schema.shrinks", path: ["schemaId"], message }];
}

function schemaOf(
  dataset: Dataset,
  definitions: ReadonlyMap<string, SchemaDefinition>,
  fieldGroups: ReadonlyMap<string, FieldGroup>,
): JsonSchema | undefined {
  if (dataset.schema !== undefined) return dataset.schema;
  const definition = dataset.schemaId === undefined ? undefined : definitions.get(dataset.schemaId);
  return definition === undefined ? undefined : composed(definition, fieldGroups);
}

function composed(
  { fieldGroups: ids }: SchemaDefinition,
  fieldGroups: ReadonlyMap<string, FieldGroup>,
): JsonSchema | undefined {
  const merged = mergeSchemas(ids.flatMap((id) => fieldGroups.get(id)?.schema ?? []));
  return merged.ok ? merged.value : undefined;
}

/** A person with events. Where data may come from a dataset without a schema, fields that no schema names may be there too. */
function personSchema(
  unions: ReadonlyMap<SchemaClass, JsonSchema>,
  open: ReadonlySet<SchemaClass>,
): JsonSchema | undefined {
  if (unions.size === 0) return undefined;
  const opened = (schemaClass: SchemaClass): JsonSchema => {
    const union = unions.get(schemaClass) ?? { type: "object", properties: {} };
    return open.has(schemaClass) || !unions.has(schemaClass)
      ? { ...union, additionalProperties: true }
      : union;
  };
  const person = opened("profile");
  const anything: JsonSchema = { type: "object", additionalProperties: true };
  return {
    ...person,
    properties: {
      ...person.properties,
      identityMap: anything,
      segmentMembership: anything,
      SystemComputedAttribute: anything,
      xEvent: { type: "array", items: { ...opened("event"), properties: withEventFields(opened("event")) } },
    },
  };
}

function withEventFields({ properties }: JsonSchema): NonNullable<JsonSchema["properties"]> {
  const text: JsonSchema = { type: "string" };
  return {
    _id: text,
    timestamp: { type: "string", format: "date-time" },
    eventType: text,
    eventMergeId: text,
    identityMap: { type: "object", additionalProperties: true },
    ...properties,
  };
}

/** What the schemas side of a hub is made of. */
export interface SandboxSchemasOptions {
  readonly store: HubStore;
  readonly configuration: () => Configuration;
  readonly reload: () => Promise<void>;
  /** The field that users' own fields lie under: `_<tenant>`. */
  readonly tenantField: string;
}

const CONFLICT: Issue = {
  code: "conflict",
  message: "Someone else changed this meanwhile. Read it again and repeat.",
};

/** The schemas side of a hub. */
export function createSandboxSchemas(options: SandboxSchemasOptions): SandboxSchemas {
  const { store, configuration, reload, tenantField } = options;
  const book = (): SchemaBook => configuration().schemas;

  const save = async <T extends FieldGroup | SchemaDefinition>(
    kind: string,
    value: T,
  ): Promise<Result<T, readonly Issue[]>> => {
    if (!(await saveDocument(store, kind, value.id, value))) return err([CONFLICT]);
    await reload();
    return ok(value);
  };

  return {
    fieldGroups: () => [...book().fieldGroups.values()],
    saveFieldGroup: async (input) => {
      const group = parseFieldGroup(input, tenantField);
      if (!group.ok) return group;
      const { value } = group;
      if (CORE_FIELD_GROUPS.some(({ id }) => id === value.id)) {
        return err([
          {
            code: "schema.core",
            path: ["id"],
            message: `${value.id} is a core field group. Choose another id.`,
          },
        ]);
      }
      const users = [...book().definitions.values()].filter(({ fieldGroups }) =>
        fieldGroups.includes(value.id),
      );
      const before = book().fieldGroups.get(value.id);
      const lost =
        before === undefined || users.length === 0 ? [] : lostFields(before.schema, value.schema, []);
      if (lost.length > 0) return err(lost.map(fieldLost));
      for (const { fieldGroups } of users) {
        const others = fieldGroups.flatMap((id) =>
          id === value.id ? [] : (book().fieldGroups.get(id)?.schema ?? []),
        );
        const merged = mergeSchemas([...others, value.schema]);
        if (!merged.ok) return merged;
      }
      return save(FIELD_GROUP, value);
    },
    schemas: () => [...book().definitions.values()],
    saveSchema: async (input) => {
      const definition = parseSchemaDefinition(input, book().fieldGroups);
      if (!definition.ok) return definition;
      const { value } = definition;
      const before = book().definitions.get(value.id);
      const isUsed = [...configuration().datasets.values()].some(({ schemaId }) => schemaId === value.id);
      if (before !== undefined && isUsed) {
        const [was, is] = [composed(before, book().fieldGroups), composed(value, book().fieldGroups)];
        const lost = was === undefined || is === undefined ? [] : lostFields(was, is, []);
        if (lost.length > 0) return err(lost.map(fieldLost));
      }
      return save(SCHEMA, value);
    },
    unionSchema: (schemaClass) => book().unions.get(schemaClass),
  };
}

/** Fields that were there and are no more, or have another type now. */
function lostFields(
  before: JsonSchema,
  after: JsonSchema,
  path: readonly string[],
): readonly (readonly string[])[] {
  if (before.type !== undefined && before.type !== after.type) return [path];
  return Object.entries(before.properties ?? {}).flatMap(([field, schema]) => {
    const now = after.properties?.[field];
    return now === undefined ? [[...path, field]] : lostFields(schema, now, [...path, field]);
  });
}

function fieldLost(path: readonly string[]): Issue {
  return {
    code: "schema.shrinks",
    path,
    message: `${path.join(".")}: data was checked against this field; it cannot be taken away or change its type. Add another field.`,
  };
}
