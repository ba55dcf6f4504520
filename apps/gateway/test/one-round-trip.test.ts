import { createMemoryStore } from "@tessera/profile-store";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataOf, type Harness, startHarness, viewEvent } from "./harness.ts";

const PERSONS = 40;
const store = createMemoryStore();
const asked = { load: 0, events: 0 };
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({}, store);
  const events = Array.from({ length: PERSONS * 3 }, (_, n) =>
    viewEvent(`e${n}`, `C${n % PERSONS}`, { timestamp: `2026-03-01T0${Math.floor(n / PERSONS)}:00:00Z` }),
  );
  await harness.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify(events) });
  const [load, read] = [store.load.bind(store), store.events.bind(store)];
  store.load = (...given) => {
    asked.load += 1;
    return load(...given);
  };
  store.events = (...given) => {
    asked.events += 1;
    return read(...given);
  };
});
afterAll(() => harness.close());

it("reads many persons, their graphs and their events with one question each", async () => {
  const identities = Array.from({ length: PERSONS }, (_, n) => ({ namespace: "CRMID", id: `C${n}` }));
  [asked.load, asked.events] = [0, 0];
  const answer = await harness.graphql(
    `query($i:[IdentityInput!]!){profiles(identities:$i){identities{id} identityGraph{size} events(first:2){nodes{id} totalCount}}}`,
    { i: identities },
  );
  const { profiles } = dataOf<{
    profiles: {
      identities: { id: string }[];
      identityGraph: { size: number };
      events: { nodes: { id: string }[]; totalCount: number };
    }[];
  }>(answer);
  expect(asked).toEqual({ load: 2, events: 1 });
  for (const [n, { identities: own, identityGraph, events }] of profiles.entries()) {
    expect(own.map(({ id }) => id)).toContain(`C${n}`);
    expect(identityGraph.size).toBe(2);
    expect(events).toEqual({
      nodes: [{ id: `e${n + 2 * PERSONS}` }, { id: `e${n + PERSONS}` }],
      totalCount: 3,
    });
  }
});
