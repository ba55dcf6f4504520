import type { Graph } from "@tessera/identity-graph";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { type Identity, identityKey } from "@tessera/xdm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";
import { eventOf, type Happening, happening, openHub } from "./happenings.ts";

const NOW = Date.parse("2026-02-01T12:00:00Z");
const open = (store: HubStore): Promise<Hub> => {
  let ids = 0;
  return createHub({ store, clock: () => NOW, newId: () => `id-${(ids += 1)}` });
};
const seen = (id: string, minute: number, identities: readonly Identity[]): object => ({
  _id: id,
  timestamp: new Date(NOW - 86_400_000 + minute * 60_000).toISOString(),
  identityMap: Object.fromEntries(
    [...Map.groupBy(identities, ({ namespace }) => namespace)].map(([namespace, same]) => [
      namespace,
      same.map((one) => ({ id: one.id })),
    ]),
  ),
});
/** Everyone but blocked identities by themselves. */
const persons = async (store: HubStore): Promise<readonly object[]> =>
  (await store.scan("", 100))
    .filter(({ graph }) => (graph as Graph).identities[0]?.blocked === undefined)
    .map(({ personId, identities, graph, eventCount }) => ({ personId, identities, graph, eventCount }));

const tester = { namespace: "CRMID", id: "tester" };
const [one, two, three] = ["1", "2", "3"].map((id) => ({ namespace: "SESSION", id })) as [
  Identity,
  Identity,
  Identity,
];

describe("events that a blocked identity owns", () => {
  it("still tell who else was seen together in them, when others around are derived anew", async () => {
    const store = createMemoryStore();
    const hub = await open(store);
    await hub.ingestEvents("web", [
      seen("e1", 1, [tester, one, two]),
      seen("e2", 2, [one]),
      seen("e3", 3, [one, three]),
    ]);
    expect((await hub.blockIdentity(tester)).ok).toBe(true);
    expect((await hub.explainLink(one, two)).linked).toBe(true);
    expect((await hub.unlinkIdentities(one, three)).ok).toBe(true);
    expect((await hub.explainLink(one, two)).path).toMatchObject([{ first: { key: "e1" }, count: 1 }]);
    // Too late for its place in time: its cluster is replayed.
    await hub.ingestEvents("web", [seen("e0", 0, [one, three])]);
    expect((await hub.explainLink(one, two)).linked).toBe(true);
    expect((await hub.explainLink(one, three)).linked).toBe(false);
  });

  it("leave persons as a rebuild makes them, whatever is decided in which order", async () => {
    const identity = fc.constantFrom(
      ...["a", "b", "c"].map((id) => ({ namespace: "CRMID", id })),
      ...["1", "2", "3", "4"].map((id) => ({ namespace: "SESSION", id })),
      { namespace: "Email", id: "x@shop.example" },
    );
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant("see" as const),
          minute: fc.integer({ min: 0, max: 20 }),
          identities: fc.uniqueArray(identity, { minLength: 1, maxLength: 3, selector: ({ id }) => id }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom("unlink" as const, "relink" as const),
          identities: fc.tuple(identity, identity),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constantFrom("block" as const, "unblock" as const), identity }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const store = createMemoryStore();
        const hub = await open(store);
        for (const [index, taken] of steps.entries()) {
          // What cannot be decided, as nothing is to be taken back, is refused: that is as well.
          if (taken.kind === "see")
            await hub.ingestEvents("web", [seen(`e${index}`, taken.minute, taken.identities)]);
          else if (taken.kind === "unlink") await hub.unlinkIdentities(...taken.identities);
          else if (taken.kind === "relink") await hub.relinkIdentities(...taken.identities);
          else if (taken.kind === "block") await hub.blockIdentity(taken.identity);
          else if (taken.kind === "unblock") await hub.unblockIdentity(taken.identity);
        }
        const before = await persons(store);
        await hub.rebuild();
        expect(await persons(store)).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a bad value that is the primary identity of events", () => {
  const bad = { namespace: "CRMID", id: "undefined" };
  const identities = [
    ...["a", "b", "c"].map((id) => ({ namespace: "CRMID", id })),
    ...["s1", "s2", "s3"].map((id) => ({ namespace: "SESSION", id })),
  ];
  const everyone = (hub: Hub): Promise<readonly object[]> =>
    Promise.all(
      identities.map(async (identity) => ({ ...(await hub.profile(identity)), version: 0, personId: "" })),
    );
  /** Visitors without a customer id were given the bad one. */
  const poisoned = (one: Happening, index: number): object =>
    eventOf({ ...one, crm: one.crm ?? bad.id }, index);

  it("gives visitors back their events and memberships when it is blocked, also those that come later", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 14 }),
        fc.nat(14),
        async (happenings, before) => {
          const [store, cleanStore] = [createMemoryStore(), createMemoryStore()];
          const [hub, clean] = [await openHub(store), await openHub(cleanStore)];
          await hub.ingestEvents("web", happenings.slice(0, before).map(poisoned));
          expect((await hub.blockIdentity(bad)).ok).toBe(true);
          const later = happenings.slice(before).map((one, index) => poisoned(one, before + index));
          await hub.ingestEvents("web", later);
          await clean.ingestEvents("web", happenings.map(eventOf));
          expect(await everyone(hub)).toEqual(await everyone(clean));
          expect(await store.counters()).toEqual(await cleanStore.counters());
        },
      ),
      { numRuns: 100 },
    );
  });

  it("is as if it had never been blocked when the block is taken back", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 14 }),
        fc.nat(14),
        async (happenings, before) => {
          const [store, other] = [createMemoryStore(), createMemoryStore()];
          const [hub, never] = [await openHub(store), await openHub(other)];
          await hub.ingestEvents("web", happenings.slice(0, before).map(poisoned));
          expect((await hub.blockIdentity(bad)).ok).toBe(true);
          const later = happenings.slice(before).map((one, index) => poisoned(one, before + index));
          await hub.ingestEvents("web", later);
          expect((await hub.unblockIdentity(bad)).ok).toBe(true);
          await never.ingestEvents("web", happenings.map(poisoned));
          expect(await everyone(hub)).toEqual(await everyone(never));
          const keys = [bad, ...identities].map(identityKey);
          expect(await store.events(keys)).toEqual(await other.events(keys));
        },
      ),
      { numRuns: 100 },
    );
  });
});
