import { type Graph, replay } from "@tessera/identity-graph";
import type { HubCommit, HubStore, StoredEvent, StoredRecord } from "@tessera/profile-store";
import type { IdentityKey, MembershipChange } from "@tessera/xdm";
import { decide, type History } from "./decide.ts";
import { movedEvents } from "./event-owner.ts";
import type { Ingestion } from "./ingest.ts";
import { type Cluster, loadCluster, observationOfTruth } from "./load-cluster.ts";
import { personIdOf } from "./person-ids.ts";
import { graphsOf } from "./graphs-around.ts";
import { type Resolution, type Resolutions, resolvePersons } from "./resolve-persons.ts";

const ATTEMPTS = 20;

/**
 * Derives the persons around some identities anew from the truth: after a graph decision, or changed linking rules. `begin` is
 * asked for the state of things at each attempt, as the configuration may have become another. `beside` is committed with it;
 * `freed` is an identity that was blocked until now.
 */
export async function rederiveClusters(
  keys: readonly IdentityKey[],
  begin: () => Ingestion,
  beside: Pick<HubCommit, "documents"> & { readonly freed?: IdentityKey },
): Promise<readonly MembershipChange[] | "conflict"> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const ingestion = begin();
    const cluster = await loadCluster({
      store: ingestion.store,
      keys,
      decisions: ingestion.configuration.decisions,
    });
    const commit = { ...rederiveMoved(cluster, ingestion, beside.freed), documents: beside.documents };
    const committed = await ingestion.store.commit(commit);
    if (committed.ok) return commit.memberships;
    if (committed.error.documents.length > 0) return "conflict";
  }
  throw new Error("The persons kept changing while they were derived anew; try again.");
}

/** The same as `rederive`, after events of blocked identities have gone to whom they are of. Pure. */
function rederiveMoved(cluster: Cluster, ingestion: Ingestion, freed: IdentityKey | undefined): HubCommit {
  const moved = movedEvents(cluster.events, ingestion.configuration, freed);
  if (moved.length === 0) return rederive(cluster, ingestion);
  const movedById = new Map(moved.map((event) => [event.id, event]));
  const events = cluster.events.map((event) => movedById.get(event.id) ?? event);
  const commit = rederive({ ...cluster, events }, ingestion);
  return { ...commit, events: moved, erase: { events: [...movedById.keys()] } };
}

/** The commit that makes a cluster's persons what its truth says. Pure. */
export function rederive(cluster: Cluster, ingestion: Ingestion): HubCommit {
  const { rules, decisions } = ingestion.configuration;
  const graphOf = new Map<IdentityKey, Graph>();
  for (const graph of replay(cluster.observations, rules, decisions)) {
    for (const { key } of graph.identities) graphOf.set(key, graph);
  }
  // Someone of whom nothing was read (who was only ever seen beside blocked identities) stays as they are.
  const unread = new Set<Graph>();
  for (const person of cluster.persons.values()) {
    const graph = person.graph as Graph;
    if (person.identities.some((key) => graphOf.has(key))) continue;
    unread.add(graph);
    for (const key of person.identities) graphOf.set(key, graph);
  }
  const resolved = resolvePersons(graphsOf(graphOf), cluster.persons.values(), []);
  const known = new Set(resolved.persons.map(({ graph }) => graph));
  const strangers = [...new Set(graphOf.values())].filter((graph) => !known.has(graph) && !unread.has(graph));
  const resolutions: Resolutions = {
    ...resolved,
    persons: [...resolved.persons, ...strangers.map(newcomer)].map(
      ({ continues: _continues, ...anew }) => anew,
    ),
  };
  return decide(resolutions, { ...ingestion, history: historyOf(resolutions, cluster) });
}

function newcomer(graph: Graph): Resolution {
  return {
    personId: personIdOf(graph),
    graph,
    identities: graph.identities.map(({ key }) => key),
    sources: [],
    events: [],
    records: [],
  };
}

function historyOf(resolutions: Resolutions, cluster: Cluster): ReadonlyMap<string, History> {
  const personOf = new Map(
    resolutions.persons.flatMap(({ identities, personId }) =>
      identities.map((key) => [key, personId] as const),
    ),
  );
  const events = Map.groupBy(cluster.events, (event: StoredEvent) => personOf.get(event.owner));
  const records = Map.groupBy(cluster.records, (record: StoredRecord) => personOf.get(record.owner));
  return new Map(
    resolutions.persons.map(({ personId }) => [
      personId,
      { events: events.get(personId) ?? [], records: records.get(personId) ?? [] },
    ]),
  );
}

/** Rows read at once while all of the truth is walked. */
const PAGE = 500;

/**
 * Drops everything derived and derives it anew from the truth. Persons and memberships that follow events and records come
 * out as they were, only versions begin again; those of batch audiences are gone until their next evaluation.
 */
export async function rebuild(
  ingestion: Ingestion,
  progress?: (done: number, total: number) => void,
): Promise<void> {
  const { store } = ingestion;
  const clusters = await clustersOf(store);
  await store.dropDerived();
  let done = 0;
  for (const group of together(clusters)) {
    const keys = group.flat();
    const [events, records] = await Promise.all([store.events(keys), store.records(keys)]);
    const observations = [...events, ...records].map(observationOfTruth);
    const cluster: Cluster = { keys: new Set(keys), persons: new Map(), events, records, observations };
    const committed = await store.commit({ ...rederive(cluster, ingestion), outbox: [], memberships: [] });
    if (!committed.ok) throw new Error("A rebuild needs the store for itself: someone else is writing.");
    done += group.length;
    progress?.(done, clusters.length);
  }
}

/** Clusters that are derived and committed together: each flush to disk serves many persons. */
function* together(
  clusters: readonly (readonly IdentityKey[])[],
): Generator<readonly (readonly IdentityKey[])[]> {
  let group: (readonly IdentityKey[])[] = [];
  let size = 0;
  for (const keys of clusters) {
    if (size > 0 && size + keys.length > PAGE) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(keys);
    size += keys.length;
  }
  if (group.length > 0) yield group;
}

/** All identities of the truth, grouped by who was ever observed together. `step` is awaited before each page of them. */
export async function clustersOf(
  store: HubStore,
  step?: () => Promise<void>,
): Promise<readonly (readonly IdentityKey[])[]> {
  const parent = new Map<IdentityKey, IdentityKey>();
  const root = (key: IdentityKey): IdentityKey => {
    let at = key;
    for (let up = parent.get(at) ?? at; up !== at; up = parent.get(at) ?? at) {
      parent.set(at, parent.get(up) ?? up);
      at = up;
    }
    return at;
  };
  const join = ({ identities: [first, ...others] }: StoredEvent | StoredRecord): void => {
    if (first === undefined) return;
    if (!parent.has(first)) parent.set(first, first);
    for (const other of others) parent.set(root(other), root(first));
  };
  for (let after = ""; ;) {
    await step?.();
    const owners = await store.owners(after, PAGE);
    const last = owners.at(-1);
    if (last === undefined) break;
    after = last;
    const [events, records] = await Promise.all([store.events(owners), store.records(owners)]);
    for (const truth of [...events, ...records]) join(truth);
  }
  return [...Map.groupBy(parent.keys(), root).values()];
}
