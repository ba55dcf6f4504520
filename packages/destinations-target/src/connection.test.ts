import type { Dataflow } from "@tessera/destinations";
import { destinationCases } from "@tessera/destinations/conformance";
import { describe, expect, it } from "vitest";
import {
  type Activity,
  checkActivityAudiences,
  checkConnection,
  checkTargetDataflow,
  type ConnectionCheck,
  explainTargetMode,
  targetConnection,
  targetMode,
  type TargetDataflowCheck,
  targetProfile,
} from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const settings = { datastreamId: "ds-1", workspace: "default" };
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
    settings: [{ datastreamId: "none" }, { ...settings, organisation: "O1@AdobeOrg" }],
    invalidSettings: [
      { input: {}, path: ["datastreamId"] },
      { input: { datastreamId: "no way" }, path: ["datastreamId"] },
      { input: { datastreamId: "none", organisation: "acme" }, path: ["organisation"] },
      { input: { datastreamId: "none", token: "t" }, path: ["token"] },
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
  it("mode: a datastream that lacks Target, or is not there, personalises nothing, and says why", () => {
    const off = { samePage: false, nextPage: false, nextSession: false, attributes: false };
    const noTarget = targetMode(settings, { edgeSegmentation: true, target: false }, "web-sdk");
    expect(noTarget).toMatchObject({ ...off, reason: "no-target-service" });
    const unknown = targetMode(settings, undefined, "web-sdk");
    expect(unknown).toMatchObject({ ...off, reason: "unknown-datastream" });
    expect(explainTargetMode(unknown.reason)).toContain("does not exist");
  });

  const good: ConnectionCheck = {
    orgId: "o",
    sandbox: { name: "prod", kind: "production", isDefault: true },
    datastream: { id: "ds-1", target: true, platform: true, personalizationDestinations: true },
    takenDatastreams: [],
  };
  const { datastream: _, ...without } = good;
  const dev = { name: "dev", kind: "development", isDefault: false } as const;
  const checks: readonly (readonly [string, ConnectionCheck, readonly string[], string?])[] = [
    ["a good connection", good, []],
    ["the same organisation by name", good, [], "o"],
    ["another organisation", good, ["target.organisation"], "x"],
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
      { ...without, sandbox: dev, takenDatastreams: ["ds-1"] },
      ["target.organisation", "target.sandbox", "target.datastream", "target.datastream-taken"],
      "x",
    ],
  ];
  for (const [name, check, codes, organisation] of checks) {
    const asked = { ...settings, ...(organisation !== undefined && { organisation }) };
    it(name, () => expect(checkConnection(asked, check).map(({ code }) => code)).toEqual(codes));
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
  [
    "an audience whose time is made to end while a live activity uses it",
    { audiences: dataflow.audiences.map((audience) => ({ ...audience, endsAt: at })) },
    {
      saved: {
        ...dataflow,
        audiences: dataflow.audiences.map(({ id, namespace, name }) => ({ id, namespace, name })),
      },
      now: at,
    },
    ["target.audience-in-use"],
  ],
  [
    "an audience whose time was over before",
    { audiences: dataflow.audiences.slice(0, 1) },
    { saved: dataflow, now: at },
    [],
  ],
  [
    "switched off while a live activity uses it",
    { enabled: false },
    { saved: dataflow },
    ["target.audience-in-use"],
  ],
];

describe("workspaces", () => {
  const without = { ...dataflow, audiences: [{ id: "a", namespace: "ups", name: "A" }] };
  const of = (workspace: string, activity: Activity): readonly string[] =>
    checkTargetDataflow(without, { ...check, saved: dataflow, workspace, activities: [activity] }).map(
      ({ code }) => code,
    );
  it("keep an audience for the activities of the same workspace alone", () => {
    expect(of("default", live)).toEqual(["target.audience-in-use"]);
    expect(of("Shop", live)).toEqual([]);
    expect(of("Shop", { ...live, workspace: "Shop" })).toEqual(["target.audience-in-use"]);
  });

  it("let an activity go live only by audiences that are mapped there", () => {
    const mapped = new Map([
      ["default", new Set(["a"])],
      ["Shop", new Set(["b"])],
    ]);
    const asked = (change: Partial<Activity>): readonly string[] =>
      checkActivityAudiences({ ...live, ...change }, mapped).map(({ message }) => message);
    expect(asked({})).toEqual([expect.stringContaining("The audience b is not activated")]);
    expect(asked({ workspace: "Shop" })).toEqual([]);
    expect(asked({ workspace: "Attic" })).toEqual([expect.stringContaining("workspace Attic")]);
    expect(asked({ status: "inactive" })).toEqual([]);
    expect(asked({ audience: { kind: "everyone" } })).toEqual([]);
  });
});

describe("dataflows to Target", () => {
  for (const [name, change, more, codes] of flows) {
    it(name, () =>
      expect(
        checkTargetDataflow({ ...dataflow, ...change }, { ...check, ...more }).map(({ code }) => code),
      ).toEqual(codes),
    );
  }

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
