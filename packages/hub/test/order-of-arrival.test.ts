import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventOf, happening, openHub, personsOf } from "./happenings.ts";

async function ingestInParts(bodies: readonly object[], parts: number): Promise<HubStore> {
  const store = createMemoryStore();
  const hub = await openHub(store);
  const size = Math.max(1, Math.ceil(bodies.length / parts));
  for (let from = 0; from < bodies.length; from += size)
    await hub.ingestEvents("web", bodies.slice(from, from + size));
  return store;
}

describe("order of arrival", () => {
  it("late and out-of-order events end in the same state as ordered ones", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 14 }),
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.nat()),
        async (happenings, parts, dice) => {
          const ordered = happenings.toSorted((a, b) => a.at - b.at).map(eventOf);
          const shuffled = ordered
            .map((body) => ({ body, rank: dice.next().value ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ body }) => body);
          const [inOrder, mixed] = await Promise.all([
            ingestInParts(ordered, ordered.length),
            ingestInParts(shuffled, parts),
          ]);
          expect(await personsOf(mixed)).toEqual(await personsOf(inOrder));
          expect(await mixed.counters()).toEqual(await inOrder.counters());
        },
      ),
      { numRuns: 200 },
    );
  });
});
