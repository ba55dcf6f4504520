import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventOf, happening, NOW, openHub, personsOf } from "./happenings.ts";

const HOUR = 3_600_000;

async function ingestInParts(bodies: readonly object[], parts: number, hard: boolean): Promise<HubStore> {
  const store = createMemoryStore();
  let now = NOW;
  const hub = await openHub(store, { hard, clock: () => now });
  const size = Math.max(1, Math.ceil(bodies.length / parts));
  for (let from = 0; from < bodies.length; from += size)
    await hub.ingestEvents("web", bodies.slice(from, from + size));
  // What was yet to come comes, and windows lapse.
  for (let hours = 1; hours <= 6; hours += 1) {
    now = NOW + hours * HOUR;
    while ((await hub.runTimers()) > 0);
  }
  return store;
}

describe("order of arrival", () => {
  it("late and out-of-order events end in the same state as ordered ones", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 14 }),
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.nat()),
        fc.boolean(),
        async (happenings, parts, dice, hard) => {
          const ordered = happenings.toSorted((a, b) => a.at - b.at).map(eventOf);
          const shuffled = ordered
            .map((body) => ({ body, rank: dice.next().value ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ body }) => body);
          const [inOrder, mixed] = await Promise.all([
            ingestInParts(ordered, ordered.length, hard),
            ingestInParts(shuffled, parts, hard),
          ]);
          expect(await personsOf(mixed)).toEqual(await personsOf(inOrder));
          expect(await mixed.counters()).toEqual(await inOrder.counters());
        },
      ),
      { numRuns: 200 },
    );
  });
});
