import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  anyMayDo,
  DEFAULT_ROLES,
  type FieldLabels,
  fieldLabelsOf,
  labelsOfRoles,
  mayDo,
  parseRole,
  type Permission,
  PERMISSIONS,
  redact,
  type Role,
  visibleFields,
} from "./index.ts";

const marketer: Role = {
  id: "marketer",
  name: "Marketer",
  permissions: ["manage-segments", "activate-destinations"],
  sandboxes: ["dev"],
  labels: ["core/I1"],
};

it.each<readonly [Permission, string, boolean]>([
  ["manage-segments", "dev", true],
  ["view-segments", "dev", true],
  ["manage-segments", "prod", false],
  ["activate-without-mapping", "dev", true],
  ["view-destinations", "dev", true],
  ["manage-destinations", "dev", false],
  ["view-profiles", "dev", false],
])("a marketer may %s in %s: %s", (permission, sandbox, expected) => {
  expect(mayDo(marketer, permission, sandbox)).toBe(expected);
});

it("permissions of one role do not count in the sandboxes of another", () => {
  const reader: Role = { ...marketer, permissions: ["view-profiles"], sandboxes: ["prod"], labels: [] };
  expect(anyMayDo([marketer, reader], "view-profiles", "prod")).toBe(true);
  expect(anyMayDo([marketer, reader], "manage-segments", "prod")).toBe(false);
  expect(labelsOfRoles([marketer, reader], "prod")).toEqual([]);
  expect(labelsOfRoles([marketer, reader], "dev")).toEqual(["core/I1"]);
});

it("the default roles: production may all there, administrators care for sandboxes", () => {
  const [production, administrators] = DEFAULT_ROLES;
  if (!production || !administrators) throw new Error("no default roles");
  for (const permission of Object.keys(PERMISSIONS) as Permission[]) {
    expect(mayDo(production, permission, "prod")).toBe(true);
    expect(mayDo(production, permission, "dev")).toBe(false);
  }
  expect(mayDo(administrators, "reset-sandboxes", "dev")).toBe(true);
  expect(mayDo(administrators, "view-profiles", "dev")).toBe(false);
  expect(labelsOfRoles(DEFAULT_ROLES, "prod")).toBe("all");
});

it("a role is read, and everything wrong with it told at once", () => {
  const role = {
    id: "r",
    name: "R",
    permissions: ["view-profiles"],
    sandboxes: "all",
    labels: ["C2", "own"],
  };
  expect(parseRole(role)).toEqual({ ok: true, value: { ...role, labels: ["core/C2", "custom/own"] } });
  const wrong = parseRole({ id: "", permissions: ["fly"], sandboxes: [""], labels: ["a b"] });
  expect(wrong.ok ? [] : wrong.error.map(({ code, path }) => `${code} ${path?.join(".")}`)).toEqual([
    "access.role id",
    "access.role name",
    "access.role permissions.0",
    "access.role sandboxes.0",
    "label.invalid labels.0",
  ]);
});

const LABELS: FieldLabels = {
  "personalEmail.address": ["core/I1"],
  person: ["core/I2"],
  "person.birthDate": ["core/I1"],
  "/orders/total": ["core/C2", "core/S1"],
};
const PROFILE = {
  person: { name: "J", birthDate: "2000-01-01" },
  personalEmail: { address: "j@example.test", status: "active" },
  orders: [{ id: 1, total: 9 }, { id: 2 }],
  loyalty: { tier: "gold" },
};

it.each([
  ["all", "all" as const, [], PROFILE],
  [
    "none",
    [],
    ["personalEmail.address", "person", "orders.total"],
    { personalEmail: { status: "active" }, orders: [{ id: 1 }, { id: 2 }], loyalty: { tier: "gold" } },
  ],
  [
    "I1, but not the parent's I2",
    ["core/I1", "core/C2"],
    ["person", "orders.total"],
    { personalEmail: PROFILE.personalEmail, orders: [{ id: 1 }, { id: 2 }], loyalty: { tier: "gold" } },
  ],
  [
    "I2, but not the child's I1",
    ["core/I2", "core/C2", "core/S1"],
    ["personalEmail.address", "person.birthDate"],
    { ...PROFILE, person: { name: "J" }, personalEmail: { status: "active" } },
  ],
])("a role with labels %s", (_, labels, hidden, value) => {
  const redacted = redact(PROFILE, LABELS, labels);
  expect(redacted.value).toEqual(value);
  expect(redacted.hidden.toSorted()).toEqual(hidden.toSorted());
});

it("what is untouched is shared, the profile itself is not changed", () => {
  const before = structuredClone(PROFILE);
  const { value } = redact(PROFILE, LABELS, []);
  expect(value["loyalty"]).toBe(PROFILE.loyalty);
  expect(PROFILE).toEqual(before);
  expect(redact(PROFILE, { "a.b": ["core/C1"] }, []).value).toBe(PROFILE);
});

it("every labelled field is either visible or hidden, and more labels on a role hide no more", () => {
  const label = fc.constantFrom("core/C1", "core/C2", "core/I1");
  const path = fc.constantFrom("a", "a.b", "a.b.c", "a.bc", "d", "d.e");
  const labels = fc.dictionary(path, fc.uniqueArray(label), { maxKeys: 5 });
  fc.assert(
    fc.property(labels, fc.uniqueArray(label), label, (fieldLabels, role, more) => {
      const { visible, hidden } = visibleFields(fieldLabels, role);
      expect([...visible, ...hidden].toSorted()).toEqual(Object.keys(fieldLabels).toSorted());
      expect(hidden).toEqual(expect.arrayContaining([...visibleFields(fieldLabels, [...role, more]).hidden]));
    }),
    { numRuns: 300 },
  );
});

it("the labels of a person's fields are those of all record datasets", () => {
  const dataset = { name: "D", labels: ["core/C12"] };
  const datasets = [
    { ...dataset, id: "a", kind: "record" as const, fieldLabels: { "/person/name": ["core/I1"] } },
    { ...dataset, id: "b", kind: "record" as const, fieldLabels: { "person.name": ["core/I2", "core/I1"] } },
    { ...dataset, id: "c", kind: "event" as const, fieldLabels: { web: ["core/S1"] } },
  ];
  expect(fieldLabelsOf(datasets)).toEqual({ "person.name": ["core/I1", "core/I2"] });
  expect(fieldLabelsOf(datasets, "event")).toEqual({ web: ["core/S1"] });
});
