import type { LinkObservation } from "@tessera/identity-graph";

/** A small seeded generator (mulberry32), so that every run sees the same data. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Link events of a shop: people with a customer id, an e-mail address and some browsers; in one event of fifty a browser
 * is used by somebody else. Every event has strings of its own, as events read from the network have.
 */
export function history(count: number, seed = 1): LinkObservation[] {
  const random = seeded(seed);
  const people = Math.round(count * 0.42);
  const observations: LinkObservation[] = [];
  for (let index = 0; index < count; index++) {
    const person = Math.floor(random() * people);
    const customer = { namespace: "CRMID", id: `c-${person}` };
    const other =
      random() < 0.25
        ? { namespace: "Email", id: `person${person}@example.com` }
        : { namespace: "ECID", id: ecid(random() < 0.02 ? Math.floor(random() * people) : person, random()) };
    observations.push({
      t: 1_700_000_000_000 + index * 10,
      key: `event-${index}`,
      datasetId: "web",
      identities: [customer, other],
    });
  }
  return observations;
}

function ecid(person: number, choice: number): string {
  const browser = choice < 0.6 ? 1 : choice < 0.9 ? 2 : 3;
  return `${browser}${String(person).padStart(18, "0")}${String((person * 2_654_435_761) % 1e15).padStart(19, "7")}`;
}
