import { ADOBE_LIMITS } from "@tessera/guardrails";
import { describe, expect, it } from "vitest";
import {
  type Dataflow,
  type DataflowCheck,
  httpProfileExport,
  previewMapping,
  validateDataflow,
} from "./index.ts";

const check: DataflowCheck = {
  destination: {
    id: "d1",
    slug: "s",
    kind: "streaming-audience",
    capabilities: { ...httpProfileExport.capabilities, namespaces: ["ECID", "Email_LC_SHA256", "GAID"] },
  },
  schema: {
    type: "object",
    properties: {
      tier: { type: "string" },
      tags: { type: "array", items: { type: "string" } },
      person: {
        type: "object",
        properties: { name: { type: "object", properties: { firstName: { type: "string" } } } },
      },
      xEvent: { type: "array", items: { type: "object" } },
    },
  },
  namespaces: { ECID: "COOKIE", Email: "EMAIL", Email_LC_SHA256: "EMAIL", Phone: "PHONE", GAID: "DEVICE" },
  audiences: { ups: new Set(["a1", "a2"]) },
  limits: ADOBE_LIMITS,
  counts: {
    destinations: 1,
    personalizationDestinations: 0,
    personalizationAttributes: 0,
    campaignAudiences: 0,
    audiencesInSameHour: 0,
  },
  newDestination: false,
  governance: () => [],
  checkExpression: (expression) =>
    expression.includes("(") ? [] : [{ code: "pql.syntax", message: "not PQL" }],
};
const good: Dataflow = {
  id: "f1",
  destinationId: "d1",
  name: "flow",
  enabled: true,
  audiences: [{ id: "a1", namespace: "ups", name: "A1" }],
  mapping: [
    { source: { kind: "identity", namespace: "ECID" }, target: "ECID" },
    { source: { kind: "identity", namespace: "Email" }, target: "Email_LC_SHA256", transform: "sha256" },
    { source: { kind: "attribute", path: "person.name.firstName" }, target: "first" },
  ],
};
const file: DataflowCheck = {
  ...check,
  destination: { ...check.destination, kind: "batch-file", capabilities: httpProfileExport.capabilities },
};
const schedule = { mode: "incremental", everyHours: 3, time: "00:00" } as const;

const cases: readonly (readonly [string, Partial<Dataflow>, readonly string[], DataflowCheck?])[] = [
  ["a good dataflow", {}, []],
  [
    "no name, another destination",
    { name: " ", destinationId: "d2" },
    ["dataflow.name", "dataflow.destination"],
  ],
  ["no audience", { audiences: [] }, ["dataflow.no-audience"]],
  [
    "unknown and repeated audiences",
    { audiences: [...good.audiences, ...good.audiences, { id: "z", namespace: "ups", name: "Z" }] },
    ["dataflow.twice", "dataflow.unknown-audience"],
  ],
  [
    "times the wrong way round",
    {
      audiences: [
        {
          id: "a1",
          namespace: "ups",
          name: "A",
          startsAt: "2026-02-01T00:00:00Z",
          endsAt: "2026-01-01T00:00:00Z",
        },
      ],
    },
    ["dataflow.time"],
  ],
  ["no identity", { mapping: good.mapping.slice(2) }, ["mapping.no-identity"]],
  [
    "a raw e-mail into a hashed field",
    { mapping: [{ source: { kind: "identity", namespace: "Email" }, target: "Email_LC_SHA256" }] },
    ["mapping.identity-type"],
  ],
  [
    "hashed twice",
    {
      mapping: [
        {
          source: { kind: "identity", namespace: "Email_LC_SHA256" },
          target: "Email_LC_SHA256",
          transform: "sha256",
        },
      ],
    },
    ["mapping.identity-type"],
  ],
  [
    "a phone into a device field",
    { mapping: [{ source: { kind: "identity", namespace: "Phone" }, target: "GAID" }] },
    ["mapping.identity-type"],
  ],
  [
    "a namespace nobody knows, into a field the destination does not take",
    { mapping: [{ source: { kind: "identity", namespace: "Shoe" }, target: "Shoe" }] },
    ["mapping.namespace", "mapping.identity-type"],
  ],
  [
    "an unknown path and a bad expression",
    {
      mapping: [
        ...good.mapping,
        { source: { kind: "attribute", path: "no.such" }, target: "x" },
        { source: { kind: "pql", expression: "nonsense" }, target: "y" },
      ],
    },
    ["mapping.unknown-path", "pql.syntax"],
  ],
  [
    "the same target twice",
    { mapping: [...good.mapping, { source: { kind: "attribute", path: "tier" }, target: "first" }] },
    ["mapping.target-twice"],
  ],
  [
    "events and lists",
    {
      mapping: [
        ...good.mapping,
        { source: { kind: "attribute", path: "xEvent.type" }, target: "x" },
        { source: { kind: "attribute", path: "tags" }, target: "y" },
      ],
    },
    ["limit.destinations.event-fields", "limit.destinations.array-fields"],
  ],
  [
    "a schedule on a stream",
    { audiences: [{ id: "a1", namespace: "ups", name: "A", schedule }] },
    ["schedule.streaming"],
  ],
  ["a file without a schedule", { mapping: good.mapping.slice(2) }, ["schedule.invalid"], file],
  [
    "a file with two namespaces and a mixed key",
    {
      audiences: [{ id: "a1", namespace: "ups", name: "A", schedule }],
      mapping: good.mapping.map((m) => ({ ...m, dedup: true })),
    },
    ["mapping.namespaces", "mapping.dedup"],
    file,
  ],
  [
    "a destination that takes no attributes",
    {},
    ["mapping.attributes"],
    {
      ...check,
      destination: {
        ...check.destination,
        capabilities: { ...check.destination.capabilities, attributes: false },
      },
    },
  ],
  [
    "what the edge cannot answer",
    {
      mapping: [
        ...good.mapping,
        { source: { kind: "pql", expression: "f()" }, target: "x" },
        { source: { kind: "attribute", path: "tier" }, target: "y", transform: "sha256" },
      ],
    },
    Array.from({ length: 4 }, () => "mapping.profile-request"),
    { ...check, destination: { ...check.destination, kind: "profile-request" } },
  ],
  [
    "a path below an open field",
    { mapping: [...good.mapping, { source: { kind: "attribute", path: "more.or.less" }, target: "x" }] },
    [],
    { ...check, schema: { type: "object", additionalProperties: true } },
  ],
  [
    "governance",
    {},
    ["policy.denied"],
    { ...check, governance: (_, actions) => [{ code: "policy.denied", message: actions.join() }] },
  ],
];

describe("validateDataflow", () => {
  for (const [name, change, codes, against = check] of cases) {
    it(name, () =>
      expect(validateDataflow({ ...good, ...change }, against).violations.map(({ code }) => code)).toEqual(
        codes,
      ),
    );
  }

  it("asks for no mapping where none is needed", () => {
    const capabilities = { ...check.destination.capabilities, attributes: false };
    const against = { ...check, destination: { ...check.destination, capabilities } };
    expect(validateDataflow({ ...good, mapping: [] }, against).violations).toEqual([]);
    expect(validateDataflow({ ...good, mapping: [] }, check).violations.length).toBe(1);
  });

  it("asks the limits that the destination names", () => {
    const capabilities = { ...check.destination.capabilities, limits: "target" as const };
    const against = { ...check, destination: { ...check.destination, capabilities } };
    const asked = validateDataflow(good, against).limits.map(({ limit }) => limit.id);
    expect(asked).toContain("target.attributes");
    expect(validateDataflow(good, check).limits.map(({ limit }) => limit.id)).not.toContain(
      "target.attributes",
    );
  });

  it("warns of soft limits and reports every violation at once", () => {
    const audiences = Array.from({ length: 251 }, () => ({ id: "a1", namespace: "ups", name: "A" }));
    const { warnings, violations } = validateDataflow({ ...good, audiences, name: "" }, check);
    expect(warnings.map(({ code }) => code)).toEqual(["limit.destinations.audiences-per-dataflow"]);
    expect(violations.length).toBe(251);
  });
});

describe("previewMapping", () => {
  it("shows what would leave for a real person", () => {
    const person = {
      personId: "p",
      identities: [{ namespace: "Email", id: " Ada@X.test" }],
      attributes: { tier: "gold", tags: ["a"] },
      memberships: {},
    };
    const mapping = [
      ...good.mapping.slice(1),
      { source: { kind: "attribute", path: "tags" }, target: "tags" },
      { source: { kind: "pql", expression: "f()" }, target: "score" },
      { source: { kind: "attribute", path: "none" }, target: "none", required: true },
    ] as const;
    const preview = previewMapping(mapping, person, () => 7);
    expect(preview.map(({ target, state }) => [target, state])).toEqual([
      ["Email_LC_SHA256", "ok"],
      ["first", "missing"],
      ["tags", "complex"],
      ["score", "ok"],
      ["none", "required-missing"],
    ]);
    expect(preview[0]?.values).toEqual(["24fa47595737a979eee92dfdb7a0614917c9d47d0c4f713746603471ca2587c7"]);
  });
});
