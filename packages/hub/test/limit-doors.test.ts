import { catalogEntry, csvFileDestination } from "@tessera/destinations";
import { createMemoryStore } from "@tessera/profile-store";
import type { Issue, Result } from "@tessera/xdm";
import { expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");

async function openHub(): Promise<Hub> {
  let ids = 0;
  return createHub({
    store: createMemoryStore(),
    clock: () => NOW,
    newId: () => `id-${(ids += 1)}`,
    catalog: [catalogEntry(csvFileDestination("local"))],
  });
}

const codesOf = <T>(result: Result<T, readonly Issue[] | Issue>): readonly string[] =>
  result.ok ? [] : [result.error].flat().map(({ code }) => code);

let events = 0;
/** Sends an event and gives the codes of what was refused or left out of it. */
async function event(hub: Hub, identities: readonly string[], body: object = {}): Promise<readonly string[]> {
  const { rejected, warnings } = await hub.ingestEvents("web", [
    {
      _id: `e${(events += 1)}`,
      timestamp: "2026-01-31T00:00:00Z",
      identityMap: { CRMID: identities.map((id) => ({ id })) },
      ...body,
    },
  ]);
  return [...rejected, ...warnings].map(({ code }) => code);
}

const dataset = (eventExpirationDays: number) => ({ id: "web", kind: "event", eventExpirationDays });
const policy = (name: string) => ({ name, identityGraph: { type: "pdg" } });
const computed = (days: number) => ({ name: "visits", function: "count", lookBackHours: days * 24 });
const rules = (cap: number) => ({
  namespaces: [{ namespace: "CRMID", type: "CROSS_DEVICE", priority: 1 }],
  cap,
});
const folder = (name: string) => ({ name, type: "csv-local", settings: { target: { folder: name } } });
const audience = (city: string, evaluation: "batch" | "edge") =>
  ({
    name: city,
    expression: { type: "PQL", format: "pql/text", value: `homeAddress.city = "${city}"` },
    evaluation,
  }) as const;

interface Door {
  /** The limit, set to this value for the test. */
  readonly limit: string;
  readonly value: number;
  /** What just passes. */
  readonly within: (hub: Hub) => Promise<readonly string[]>;
  /** What is one too many, sent after it; and the code it is told with. */
  readonly beyond: (hub: Hub) => Promise<readonly string[]>;
  readonly code: string;
}

const DOORS: readonly Door[] = [
  {
    limit: "identity.record-identities",
    value: 2,
    within: (hub) => event(hub, ["a", "b"]),
    beyond: (hub) => event(hub, ["a", "b", "c"]),
    code: "identity.tooMany",
  },
  {
    limit: "identity.value-length",
    value: 10,
    within: (hub) => event(hub, ["a".repeat(10)]),
    beyond: (hub) => event(hub, ["b", "a".repeat(11)]),
    code: "identity.tooLong",
  },
  {
    limit: "identity.graph-identities",
    value: 10,
    within: async (hub) => codesOf(await hub.setLinkingRules(rules(10))),
    beyond: async (hub) => codesOf(await hub.setLinkingRules(rules(11))),
    code: "limit.identity.graph-identities",
  },
  {
    limit: "profile.event-size",
    value: 200,
    within: (hub) => event(hub, ["a"], { note: "x".repeat(50) }),
    beyond: (hub) => event(hub, ["a"], { note: "x".repeat(150) }),
    code: "profile.event-size",
  },
  {
    limit: "profile.event-expiration",
    value: 30,
    within: async (hub) => codesOf(await hub.saveDataset(dataset(30))),
    beyond: async (hub) => codesOf(await hub.saveDataset(dataset(29))),
    code: "limit.profile.event-expiration",
  },
  {
    limit: "profile.computed-lookback",
    value: 1,
    within: async (hub) => codesOf(await hub.saveComputedAttribute(computed(30))),
    beyond: async (hub) => codesOf(await hub.saveComputedAttribute(computed(31))),
    code: "computedAttribute.invalid",
  },
  {
    limit: "merge-policy.policies",
    value: 2,
    within: async (hub) => codesOf(await hub.saveMergePolicy(policy("second"))),
    beyond: async (hub) => codesOf(await hub.saveMergePolicy(policy("third"))),
    code: "mergePolicy.limit",
  },
  {
    limit: "destinations.destinations",
    value: 1,
    within: async (hub) => codesOf(await hub.createDestination(folder("one"))),
    beyond: async (hub) => codesOf(await hub.createDestination(folder("two"))),
    code: "limit.destinations.destinations",
  },
];

it.each(DOORS)("asks $limit at its door", async ({ limit, value, within, beyond, code }) => {
  const hub = await openHub();
  expect(codesOf(await hub.setLimits("adobe", { [limit]: value }))).toEqual([]);
  expect(await within(hub)).toEqual([]);
  expect(await beyond(hub)).toContain(code);
});

it("gives a new sandbox's graphs the cap that its limits have", async () => {
  const hub = await openHub();
  await hub.setLimits("adobe", { "identity.graph-identities": 3 });
  await hub.ingestEvents(
    "web",
    Array.from({ length: 6 }, (_, index) => ({
      _id: `cap${index}`,
      timestamp: `2026-01-31T00:00:0${index}Z`,
      identityMap: { CRMID: [{ id: "ada" }], ECID: [{ id: String(index + 1).padStart(38, "1") }] },
    })),
  );
  const person = await hub.profile({ namespace: "CRMID", id: "ada" });
  expect(person?.identities).toHaveLength(3);
});

it("soft limits let pass, and the report tells of them", async () => {
  const hub = await openHub();
  await hub.setLimits("adobe", { "segmentation.edge-audiences": 1 });
  for (const city of ["Bonn", "Paris"])
    expect(codesOf(await hub.createAudience(audience(city, "edge")))).toEqual([]);
  const row = (await hub.limitsReport()).find(({ limit }) => limit.id === "segmentation.edge-audiences");
  expect(row).toMatchObject({ kind: "soft-violation", value: 2 });
});

it("sets aside a partial update for which its fragment has no room, and takes all beside it", async () => {
  const hub = await openHub();
  await hub.setLimits("adobe", { "profile.fragment-size": 300 });
  const update = (crm: string, field: string, length: number): object => ({
    identityMap: { CRMID: [{ id: crm, primary: true }] },
    _tenant: { [field]: "x".repeat(length) },
  });
  const records = [
    update("ada", "a", 200),
    update("ada", "b", 200),
    update("bob", "a", 200),
    update("ada", "c", 20),
  ];
  const report = await hub.ingestRecords("crm", records, "merge");
  expect(report).toMatchObject({ accepted: 3, duplicates: 0, warnings: [] });
  expect(report.rejected).toMatchObject([{ index: 1, code: "profile.fragment-size" }]);
  const tenantOf = async (id: string): Promise<unknown> =>
    (await hub.profile({ namespace: "CRMID", id }))?.attributes["_tenant"];
  expect(await tenantOf("ada")).toEqual({ a: "x".repeat(200), c: "x".repeat(20) });
  expect(await tenantOf("bob")).toEqual({ a: "x".repeat(200) });
  const [kept, ...others] = await hub.quarantined(10);
  expect(others).toEqual([]);
  expect(kept).toMatchObject({ operation: "merge", body: records[1] });
  // Once there is room, it goes in as it came.
  await hub.setLimits("adobe", {});
  expect(await hub.replayQuarantined([kept?.id ?? ""])).toMatchObject({ accepted: 1, rejected: [] });
  expect(await tenantOf("ada")).toMatchObject({ b: "x".repeat(200) });
});
