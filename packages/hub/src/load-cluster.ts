import {
  type Graph,
  type GraphDecision,
  type LinkObservation,
  standingDecisions,
} from "@tessera/identity-graph";
import type { HubStore, PersonState, StoredEvent, StoredRecord } from "@tessera/profile-store";
import { compareKeys, type IdentityKey, identityOfKey } from "@tessera/xdm";
import { showAll, without } from "./beside-blocked.ts";
import { keysOf, widenCluster } from "./link-batch.ts";

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
  readonly decisions: readonly GraphDecision[];
}

/** How often a cluster is read again when others change it meanwhile. */
const ATTEMPTS = 50;

/**
 * Follows graphs, removed links and the observations themselves until nothing new comes in. All of it is of one moment, or its
 * persons have changed since and a commit meets a conflict.
 */
export async function loadCluster(seed: ClusterSeed): Promise<Cluster> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const cluster = await readCluster(seed);
    if (cluster !== undefined) return cluster;
  }
  throw new Error("The persons kept changing while they were read; try again.");
}

/** Undefined when someone changed what was read already. */
async function readCluster({ store, keys, graphs, decisions }: ClusterSeed): Promise<Cluster | undefined> {
  const persons = new Map<string, PersonState>();
  const graphOf = new Map<IdentityKey, Graph>();
  const events: StoredEvent[] = [];
  const records: StoredRecord[] = [];
  const observations: LinkObservation[] = [];
  const read = new Set<IdentityKey>();
  let wide: ReadonlySet<IdentityKey> = new Set(keys);
  const { blocked } = standingDecisions(decisions);
  /** What blocked identities beyond the cluster own, and what it says of others than them. */
  let beside: readonly (StoredEvent | StoredRecord)[] | undefined;
  const shownBeside = (): readonly LinkObservation[] =>
    (beside ?? [])
      .filter(({ owner, identities }) => !read.has(owner) && identities.some((key) => wide.has(key)))
      .map((truth) => without(observationOfTruth(truth), (key) => blocked.has(key) && !wide.has(key)));
  for (;;) {
    if (read.size === wide.size) {
      if (beside === undefined && blocked.size > 0 && !showAll(observations, persons.values())) {
        const hidden = [...blocked.keys()].filter((key) => !read.has(key));
        beside = (await Promise.all([store.events(hidden), store.records(hidden)])).flat();
      }
      wide = new Set([...wide, ...shownBeside().flatMap(keysOf)]);
      if (read.size === wide.size) break;
    }
    const unread = [...wide].filter((key) => !read.has(key));
    // Persons first: what others commit in between makes the truth newer than the persons, and the commit meets a conflict.
    const neighbours = await store.load(unread, []);
    const [own, said] = await Promise.all([store.events(unread), store.records(unread)]);
    for (const person of neighbours.persons.values()) {
      const before = persons.get(person.personId);
      const isSame = before?.version === person.version;
      // The truth of an identity was read before it came to this person, or before this person came to be as they are.
      if (!isSame && (before !== undefined || person.identities.some((key) => read.has(key))))
        return undefined;
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
  return { keys: wide, persons, events, records, observations: [...observations, ...shownBeside()] };
}

/** What a stored event or record says about who is who. */
export function observationOfTruth(truth: StoredEvent | StoredRecord): LinkObservation {
  const { at, id, datasetId, identities } = truth;
  return { t: at, key: id, datasetId, identities: identities.map(identityOfKey), keys: identities };
}
