import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";
import { eventOf, type Happening, happening, personsOf } from "./happenings.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse("2026-02-01T00:00:00Z");

const DEFINITIONS = [
  { name: "visits", function: "count", lookBackHours: 7 },
  { name: "buys", function: "count", filter: 'eventType = "buy"', lookBackHours: 30 * 24 },
  { name: "spent", function: "sum", field: "commerce.order.priceTotal", lookBackHours: 48 },
  { name: "least", function: "min", field: "commerce.order.priceTotal", lookBackHours: 48 },
  { name: "greatest", function: "max", field: "commerce.order.priceTotal", lookBackHours: 48 },
  { name: "last", function: "mostRecent", field: "eventType", lookBackHours: 24 },
  { name: "kinds", function: "list", field: "eventType", lookBackHours: 24, most: 2 },
] as const;

async function open(store: HubStore, clock: () => number): Promise<Hub> {
  let ids = 0;
  const hub = await createHub({ store, clock, newId: () => `id-${(ids += 1)}` });
  if (hub.computedAttributes().length === 0) {
    for (const definition of DEFINITIONS) await hub.saveComputedAttribute(definition);
  }
  return hub;
}

const priced = (one: Happening, index: number): object => ({
  ...eventOf(one, index),
  commerce: { order: { priceTotal: (index * 7) % 5 } },
});
const ada = { namespace: "CRMID", id: "a" };

describe("computed attributes", () => {
  it("are worked out with every event, and lapse with their windows", async () => {
    let now = START;
    const hub = await open(createMemoryStore(), () => now);
    const made = await hub.createAudience({
      name: "Frequent",
      expression: { type: "PQL", format: "pql/text", value: "SystemComputedAttribute.visits.value >= 2" },
      evaluation: "streaming",
    });
    const id = made.ok ? made.value.id : "";
    const buy = (event: string, at: number, priceTotal: number, eventType = "buy"): object => ({
      _id: event,
      timestamp: new Date(at).toISOString(),
      eventType,
      commerce: { order: { priceTotal } },
      identityMap: { CRMID: [{ id: "a" }] },
    });
    const computed = async (): Promise<unknown> =>
      (await hub.profile(ada))?.attributes["SystemComputedAttribute"];
    await hub.ingestEvents("web", [buy("1", now, 5)]);
    expect((await hub.audience(id))?.count).toBe(0);
    now += HOUR;
    await hub.ingestEvents("web", [buy("2", now, 3), buy("3", now, 9, "view")]);
    expect(await computed()).toEqual({
      visits: { value: 3 },
      buys: { value: 2 },
      spent: { value: 17 },
      least: { value: 3 },
      greatest: { value: 9 },
      last: { value: "view", timestamp: "2026-02-01T01:00:00.000Z" },
      kinds: { value: ["view", "buy"] },
    });
    expect((await hub.audience(id))?.count).toBe(1);
    expect((await hub.explainMembership(id, ada)).ok).toBe(true);
    now += 8 * HOUR;
    while ((await hub.runTimers()) > 0);
    expect(await computed()).toMatchObject({ buys: { value: 2 }, spent: { value: 17 } });
    expect(await computed()).not.toHaveProperty("visits");
    expect((await hub.audience(id))?.count).toBe(0);
    await hub.ingestEvents("web", [buy("late", now - 20 * HOUR, 100)]);
    expect(await computed()).toMatchObject({ spent: { value: 117 }, greatest: { value: 100 } });
    now += 40 * DAY;
    while ((await hub.runTimers()) > 0);
    expect(await computed()).toBeUndefined();
  });

  it("come out the same whatever the order of arrival, and from a rebuild", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 10 }),
        fc.infiniteStream(fc.nat()),
        async (happenings, dice) => {
          const ordered = happenings.toSorted((a, b) => a.at - b.at).map(priced);
          const shuffled = ordered
            .map((body) => ({ body, rank: dice.next().value ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ body }) => body);
          const stores = [createMemoryStore(), createMemoryStore()] as const;
          const [one, other] = [await open(stores[0], () => START), await open(stores[1], () => START)];
          for (const body of ordered) await one.ingestEvents("web", [body]);
          for (const body of shuffled) await other.ingestEvents("web", [body]);
          expect(await personsOf(stores[1])).toEqual(await personsOf(stores[0]));
          await one.rebuild();
          expect(await personsOf(stores[0])).toEqual(await personsOf(stores[1]));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("a definition is worked out for everyone who is there, and taken away from them", async () => {
    const store = createMemoryStore();
    const hub = await createHub({ store, clock: () => START, newId: () => "id" });
    await hub.ingestEvents("web", [priced({ at: START - HOUR, type: "buy", crm: "a", cookies: ["s1"] }, 1)]);
    await hub.ingestRecords("crm", [
      { identityMap: { CRMID: [{ id: "a", primary: true }] }, person: { gender: "x" } },
    ]);
    expect(await hub.saveComputedAttribute(DEFINITIONS[1])).toMatchObject({ ok: true });
    expect((await hub.profile(ada))?.attributes).toMatchObject({
      SystemComputedAttribute: { buys: { value: 1 } },
      person: { gender: "x" },
    });
    await hub.saveMergePolicy({
      name: "CRM first",
      attributeMerge: { type: "dataSetPrecedence", order: ["crm"] },
      default: true,
      isActiveOnEdge: true,
    });
    expect((await hub.profile(ada))?.attributes).toHaveProperty("SystemComputedAttribute");
    expect(await hub.deleteComputedAttribute("buys")).toMatchObject({ ok: true });
    expect((await hub.profile(ada))?.attributes).toEqual({ person: { gender: "x" } });
  });

  it("nobody says them in a record, nor sends anything to their dataset", async () => {
    const hub = await open(createMemoryStore(), () => START);
    const said = { identityMap: { CRMID: [{ id: "a" }] }, SystemComputedAttribute: { buys: { value: 99 } } };
    for (const [dataset, record] of [
      ["crm", said],
      ["SystemComputedAttribute", { identityMap: said.identityMap, tier: "gold" }],
    ] as const) {
      const told = await hub.ingestRecords(dataset, [record]);
      expect(told).toMatchObject({ accepted: 0, rejected: [{ code: "record.computed" }] });
      expect((await hub.quarantined(9)).map(({ body }) => body)).toContainEqual(record);
    }
    expect(await hub.profile(ada)).toBeUndefined();
    expect(await hub.saveDataset({ id: "SystemComputedAttribute", kind: "profile" })).toMatchObject({
      ok: false,
    });
  });

  const wrong: readonly object[] = [
    { name: "1x", function: "count", lookBackHours: 1 },
    { name: "x", function: "average", lookBackHours: 1 },
    { name: "x", function: "sum", lookBackHours: 1 },
    { name: "x", function: "count", lookBackHours: 10_000 },
    { name: "x", function: "count", lookBackHours: 1, filter: "eventType = " },
    { name: "x", function: "list", field: "a", lookBackHours: 1, most: 0 },
  ];
  it.each(wrong)("a definition is checked: %j", async (definition) => {
    const hub = await createHub({ store: createMemoryStore(), clock: () => START, newId: () => "id" });
    expect(await hub.saveComputedAttribute(definition)).toMatchObject({ ok: false });
  });
});
