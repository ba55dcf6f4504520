import type { Graph } from "@tessera/identity-graph";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import type { Identity } from "@tessera/xdm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

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
