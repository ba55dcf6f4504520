import type { Graph, LinkObservation } from "@tessera/identity-graph";
import type { HubStore, PersonState, StoredEvent, StoredRecord } from "@tessera/profile-store";
import { compareKeys, type IdentityKey, identityOfKey } from "@tessera/xdm";
import { widenCluster } from "./link-batch.ts";

/** A cluster: all identities that history ever brought near each other, with the truth about them; events in (time, id) order. */
export interface Cluster {
  readonly keys: ReadonlySet<IdentityKey>;
  readonly persons: ReadonlyMap<string, PersonState>;
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
  readonly observations: readonly LinkObservation[];
}

/** Where a cluster begins: some identities, and what is known of graphs beyond the store. */
export interface ClusterSeed {
  readonly store: HubStore;
  readonly keys: Iterable<IdentityKey>;
  readonly graphs?: ReadonlyMap<IdentityKey, Graph>;
}

/** Follows graphs, removed links and the observations themselves until nothing new comes in. */
export async function loadCluster({ store, keys, graphs }: ClusterSeed): Promise<Cluster> {
  const persons = new Map<string, PersonState>();
  const graphOf = new Map<IdentityKey, Graph>();
  const events: StoredEvent[] = [];
  const records: StoredRecord[] = [];
  const observations: LinkObservation[] = [];
  const read = new Set<IdentityKey>();
  let wide: ReadonlySet<IdentityKey> = new Set(keys);
  while (read.size < wide.size) {
    const unread = [...wide].filter((key) => !read.has(key));
    const [neighbours, own, said] = await Promise.all([
      store.load(unread, []),
      store.events(unread),
      store.records(unread),
    ]);
    for (const person of neighbours.persons.values()) {
      persons.set(person.personId, person);
      for (const key of person.identities) graphOf.set(key, person.graph as Graph);
    }
    events.push(...own);
    records.push(...said);
    for (const key of unread) read.add(key);
    const next = new Set(widenCluster(graphOf, wide));
    if (graphs !== undefined) for (const key of widenCluster(graphs, next)) next.add(key);
    for (const truth of [...own, ...said]) {
      observations.push(observationOfTruth(truth));
      for (const key of truth.identities) next.add(key);
    }
    wide = next;
  }
  // Each step read its events in order; memberships are followed from the first event of all to the last.
  events.sort((a, b) => a.at - b.at || compareKeys(a.id, b.id));
  return { keys: wide, persons, events, records, observations };
}

/** What a stored event or record says about who is who. */
export function observationOfTruth(truth: StoredEvent | StoredRecord): LinkObservation {
  const { at, id, datasetId, identities } = truth;
  return { t: at, key: id, datasetId, identities: identities.map(identityOfKey), keys: identities };
}
