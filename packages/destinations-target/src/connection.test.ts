import type { Dataflow } from "@tessera/destinations";
import { destinationCases } from "@tessera/destinations/conformance";
import { ADOBE_LIMITS } from "@tessera/guardrails";
import { describe, expect, it } from "vitest";
import {
  type Activity,
  checkConnection,
  checkTargetDataflow,
  type ConnectionCheck,
  targetConnection,
  targetMode,
  type TargetDataflowCheck,
  targetProfile,
} from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const settings = { name: "Target", datastreamId: "ds-1", workspace: "default" };
const context = { now: at, destinationId: "d1", destinationName: "T", orgId: "o", sandbox: "prod" };
const item = {
  id: "i1",
  personId: "p",
  trigger: "membership" as const,
  at,
  identities: [{ namespace: "ECID", id: "1".repeat(38), target: "ECID" }],
  attributes: { tier: "gold" },
  changes: [{ audienceId: "a", namespace: "ups", status: "realized" as const, at }],
  memberships: {},
};

describe("the Target connection", () => {
  const cases = destinationCases(targetConnection, {
    settings: [{ name: "Target", datastreamId: "none" }, settings],
    invalidSettings: [
      { input: { name: "x" }, path: ["datastreamId"] },
      { input: { name: "", datastreamId: "none" }, path: ["name"] },
      { input: { name: "x", datastreamId: "no way" }, path: ["datastreamId"] },
      { input: { name: "x", datastreamId: "none", token: "t" }, path: ["token"] },
    ],
    batches: [
      { kind: "profiles", destinationId: "d1", dataflowId: "f", audiences: [], mapping: [], items: [item] },
    ],
    context,
  });
  for (const { name, run } of cases) it(name, run);

  const modes: readonly (readonly [
    string,
    boolean | undefined,
    "web-sdk" | "at.js" | "server",
    string,
    unknown,
  ])[] = [
    ["ds-1", true, "web-sdk", "same-page", "any"],
    ["ds-1", false, "web-sdk", "next-session", "any"],
    ["none", undefined, "web-sdk", "next-session", "any"],
    ["ds-1", true, "at.js", "next-session", ["ECID"]],
    ["none", undefined, "at.js", "next-session", ["ECID"]],
    ["none", undefined, "server", "next-session", "any"],
  ];
  for (const [datastreamId, edgeSegmentation, client, personalization, namespaces] of modes) {
    it(`mode: ${client}, datastream ${datastreamId}, edge segmentation ${edgeSegmentation}`, () => {
      const datastream = edgeSegmentation === undefined ? undefined : { edgeSegmentation };
      expect(targetMode({ datastreamId }, datastream, client)).toMatchObject({ personalization, namespaces });
    });
  }

  const good: ConnectionCheck = {
    orgId: "o",
    targetOrgId: "o",
    sandbox: { name: "prod", kind: "production", isDefault: true },
    datastream: { id: "ds-1", target: true, platform: true, personalizationDestinations: true },
    takenDatastreams: [],
  };
  const { datastream: _, ...without } = good;
  const dev = { name: "dev", kind: "development", isDefault: false } as const;
  const checks: readonly (readonly [string, ConnectionCheck, readonly string[]])[] = [
    ["a good connection", good, []],
    ["another organisation", { ...good, targetOrgId: "x" }, ["target.organisation"]],
    ["another sandbox", { ...good, sandbox: dev }, ["target.sandbox"]],
    ["another sandbox by the newer rule", { ...good, sandbox: dev, sandboxRule: "any" }, []],
    ["an unknown datastream", without, ["target.datastream"]],
    [
      "a datastream without Target",
      {
        ...good,
        datastream: { id: "ds-1", target: false, platform: true, personalizationDestinations: true },
      },
      ["target.datastream-services"],
    ],
    [
      "everything at once",
      { ...without, targetOrgId: "x", sandbox: dev, takenDatastreams: ["ds-1"] },
      ["target.organisation", "target.sandbox", "target.datastream", "target.datastream-taken"],
    ],
  ];
  for (const [name, check, codes] of checks) {
    it(name, () => expect(checkConnection(settings, check).map(({ code }) => code)).toEqual(codes));
  }
});

const dataflow: Dataflow = {
  id: "f",
  destinationId: "d1",
  name: "to Target",
  enabled: true,
  audiences: [
    { id: "a", namespace: "ups", name: "A" },
    { id: "b", namespace: "ups", name: "B", endsAt: at },
  ],
  mapping: [
    { source: { kind: "attribute", path: "loyalty.tier" }, target: "loyalty.tier" },
    { source: { kind: "attribute", path: "tags" }, target: "tags" },
  ],
};
const live: Activity = {
  id: 5,
  name: "live",
  type: "xt",
  status: "live",
  priority: 1,
  audience: { kind: "any", audiences: ["b"] },
  experiences: [
    { id: 0, name: "e", offers: [{ location: { kind: "page-load" }, offer: { kind: "default" } }] },
  ],
};
const check: TargetDataflowCheck = {
  limits: ADOBE_LIMITS,
  otherAttributes: 0,
  audiences: {
    a: { origin: "ups", activeOnEdge: true },
    b: { origin: "ups", activeOnEdge: true },
    csv: { origin: "upload", activeOnEdge: true },
    hub: { origin: "ups", activeOnEdge: false },
  },
  activities: [live],
};
const flows: readonly (readonly [
  string,
  Partial<Dataflow>,
  Partial<TargetDataflowCheck>,
  readonly string[],
])[] = [
  ["a good dataflow", {}, {}, []],
  [
    "an uploaded audience",
    { audiences: [{ id: "csv", namespace: "ups", name: "C" }] },
    {},
    ["target.audience-origin"],
  ],
  [
    "a merge policy that is not on the edge",
    { audiences: [{ id: "hub", namespace: "ups", name: "H" }] },
    {},
    ["target.merge-policy"],
  ],
  ["31 attributes in the sandbox", {}, { otherAttributes: 29 }, ["limit.target.attributes"]],
  [
    "an audience removed that a live activity uses",
    { audiences: [{ id: "a", namespace: "ups", name: "A" }] },
    { saved: dataflow },
    ["target.audience-in-use"],
  ],
  [
    "an audience removed that only a stopped activity uses",
    { audiences: [{ id: "a", namespace: "ups", name: "A" }] },
    { saved: dataflow, activities: [{ ...live, status: "inactive" }] },
    [],
  ],
];

describe("dataflows to Target", () => {
  for (const [name, change, more, codes] of flows) {
    it(name, () =>
      expect(
        checkTargetDataflow({ ...dataflow, ...change }, { ...check, ...more }).violations.map(
          ({ code }) => code,
        ),
      ).toEqual(codes),
    );
  }

  it("counts 50 audiences as advice", () => {
    const audiences = Array.from({ length: 51 }, () => ({ id: "a", namespace: "ups", name: "A" }));
    const { violations, limits } = checkTargetDataflow({ ...dataflow, audiences }, check);
    expect([violations.length, limits[0]?.kind]).toEqual([0, "soft-violation"]);
  });

  it("answers a profile request with mapped audiences in force and single values", () => {
    const person = {
      personId: "p",
      identities: [],
      attributes: { loyalty: { tier: "gold" }, tags: ["x"] },
      memberships: {
        ups: {
          a: { status: "realized" as const, lastQualificationTime: at },
          b: { status: "realized" as const, lastQualificationTime: at },
          c: { status: "realized" as const, lastQualificationTime: at },
        },
      },
    };
    expect(targetProfile(person, dataflow, at)).toEqual({
      audiences: [{ id: "a", namespace: "ups" }],
      attributes: { "loyalty.tier": "gold" },
    });
  });
});
