import type { Graph, LinkObservation } from "@tessera/identity-graph";
import type { HubStore, PersonState } from "@tessera/profile-store";
import { identityKey, type IdentityKey, identityOfKey } from "@tessera/xdm";
import { type Linking, widenCluster } from "./link-batch.ts";

/** A cluster: all identities that history ever brought near each other, and all observations of them. */
export interface Cluster {
  readonly keys: ReadonlySet<IdentityKey>;
  readonly observations: readonly LinkObservation[];
}

/** Where a cluster begins and what is known around it. `know` is told of each person that is loaded on the way. */
export interface ClusterSeed {
  readonly store: HubStore;
  readonly graphs: ReadonlyMap<IdentityKey, Graph>;
  readonly linking: Linking;
  readonly know: (person: PersonState) => void;
}

/** Follows graphs, removed links and the observations themselves until nothing new comes in. */
export async function loadCluster({ store, graphs, linking, know }: ClusterSeed): Promise<Cluster> {
  const known = new Map(linking.graphOf);
  const observations: LinkObservation[] = [];
  const read = new Set<IdentityKey>();
  let keys: ReadonlySet<IdentityKey> = new Set(
    linking.late.flatMap(({ identities }) => identities.map((identity) => identityKey(identity))),
  );
  while (read.size < keys.size) {
    const missing = [...keys].filter((key) => !known.has(key));
    for (const person of (await store.load(missing, [])).persons.values()) {
      know(person);
      for (const key of person.identities) known.set(key, person.graph as Graph);
    }
    const wide = new Set(widenCluster(known, widenCluster(graphs, keys)));
    const unread = [...wide].filter((key) => !read.has(key));
    for (const observation of await observationsOf(store, unread)) {
      observations.push(observation);
      for (const identity of observation.identities) wide.add(identityKey(identity));
    }
    for (const key of unread) read.add(key);
    keys = wide;
  }
  return { keys, observations };
}

async function observationsOf(
  store: HubStore,
  owners: readonly IdentityKey[],
): Promise<readonly LinkObservation[]> {
  const [events, records] = await Promise.all([store.events(owners), store.records(owners)]);
  return [...events, ...records].map(({ at, id, datasetId, identities }) => ({
    t: at,
    key: id,
    datasetId,
    identities: identities.map(identityOfKey),
  }));
}
