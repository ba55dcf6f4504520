import type { Graph } from "@tessera/identity-graph";
import type { HubCommit, HubStore, Neighbourhood, PersonState } from "@tessera/profile-store";
import type { Identity, IdentityKey, MembershipChange } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { type Activate, decide, type History, mustFollowAnew } from "./decide.ts";
import { latestOf } from "./attributes-at.ts";
import { eventStatesOf } from "./event-state.ts";
import { dropRepeats } from "./drop-repeats.ts";
import { graphNotices, type GraphNotices } from "./graph-notices.ts";
import type { EventItem, ParsedBatch, RecordItem } from "./ingest-batch.ts";
import { linkObservations, type Linking, observationOf, replayClusters } from "./link-batch.ts";
import { keysOf, loadCluster } from "./load-cluster.ts";
import { type Resolution, type Resolutions, resolvePersons } from "./resolve-persons.ts";

/** What ingestion works with. */
export interface Ingestion {
  readonly store: HubStore;
  readonly configuration: Configuration;
  readonly activate: Activate;
  readonly now: number;
  /** Whether an item is about someone who was deleted, and stays out. */
  readonly isSuppressed: IsSuppressed;
}

/** Whether data of this time (ms) about these identities stays out. */
export type IsSuppressed = (identities: readonly Identity[], time: number) => boolean;

/** What a committed batch brought: the items that were new, what they did to graphs, and the memberships that changed. */
export interface Ingested {
  readonly fresh: ReadonlySet<EventItem | RecordItem>;
  readonly notices: GraphNotices;
  readonly changes: readonly MembershipChange[];
}

/** How often a batch is decided again when others commit to the same persons at the same time. */
const ATTEMPTS = 50;

/**
 * The flow: load the neighbourhood of a batch, link, resolve, decide, commit. Everything between loading and
 * committing is a pure function. When this resolves, the batch is durable; on a conflict it is loaded and decided again.
 */
export async function ingest(batch: ParsedBatch, ingestion: Ingestion): Promise<Ingested> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const neighbourhood = await load(batch, ingestion.store);
    // The door asked before; someone may have been deleted while the batch waited.
    const allowed = batch.items.filter(
      (item) => !ingestion.isSuppressed(item.identities, item.kind === "event" ? item.at : ingestion.now),
    );
    const fresh = dropRepeats(allowed, neighbourhood);
    const linking = await linkItems(fresh, neighbourhood, ingestion);
    const resolutions = resolvePersons(linking.graphOf, linking.persons.values(), fresh);
    const history = await loadHistory(resolutions, ingestion);
    const commit = { ...decide(resolutions, { ...ingestion, history }), quarantine: batch.quarantine };
    const committed = isEmpty(commit) || (await ingestion.store.commit(commit)).ok;
    if (!committed) continue;
    const notices = graphNotices(resolutions.persons, ingestion.configuration.rules);
    return { fresh: new Set(fresh), notices, changes: commit.memberships };
  }
  throw new Error("The batch met conflicting commits too many times; send it again.");
}

function load(batch: ParsedBatch, store: HubStore): Promise<Neighbourhood> {
  const keys = new Set(batch.items.flatMap((item) => item.keys));
  return store.load(
    [...keys],
    batch.items.flatMap((item) => (item.kind === "event" ? [item.id] : [])),
  );
}

/** Links a batch; what came too late to be linked in place has its cluster loaded and replayed from the truth. */
async function linkItems(
  items: ParsedBatch["items"],
  neighbourhood: Neighbourhood,
  { store, configuration, now }: Ingestion,
): Promise<Linking & { readonly persons: ReadonlyMap<string, PersonState> }> {
  const persons = new Map(neighbourhood.persons);
  const graphs = new Map<IdentityKey, Graph>();
  const know = (person: PersonState): void => {
    persons.set(person.personId, person);
    for (const key of person.identities) graphs.set(key, person.graph as Graph);
  };
  persons.forEach(know);
  const observations = items
    .map((item) => observationOf(item, now))
    .sort((a, b) => a.t - b.t || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const linking = linkObservations(graphs, observations, configuration.rules);
  if (linking.late.length === 0) return { ...linking, persons };

  const seed = linking.late.flatMap(keysOf);
  const cluster = await loadCluster({ store, keys: seed, graphs: linking.graphOf });
  cluster.persons.forEach(know);
  const mine = observations.filter((observation) => keysOf(observation).some((key) => cluster.keys.has(key)));
  const full = { ...linking, graphOf: new Map([...graphs, ...linking.graphOf]) };
  return { ...replayClusters(full, [...cluster.observations, ...mine], configuration), persons };
}

/** Loads the truth of those persons for whom what is new is not enough: events in their windows, or all of it. */
export async function loadHistory(
  resolutions: Resolutions,
  ingestion: Ingestion,
): Promise<ReadonlyMap<string, History>> {
  const { store } = ingestion;
  const history = new Map<string, History>();
  const needing = resolutions.persons.filter((resolution) => needsHistory(resolution, ingestion));
  const owners = needing.flatMap((resolution) => resolution.identities);
  if (owners.length === 0) return history;
  const [events, records] = await Promise.all([store.events(owners), store.records(owners)]);
  const personOf = new Map(
    needing.flatMap(({ identities, personId }) => identities.map((key) => [key, personId] as const)),
  );
  const eventsOf = Map.groupBy(events, (event) => personOf.get(event.owner) ?? "");
  const recordsOf = Map.groupBy(records, (record) => personOf.get(record.owner) ?? "");
  for (const { personId } of needing) {
    history.set(personId, { events: eventsOf.get(personId) ?? [], records: recordsOf.get(personId) ?? [] });
  }
  return history;
}

/** A merge, a split or something late needs all of the truth; records need the records before them; else the state is enough. */
function needsHistory(resolution: Resolution, ingestion: Ingestion): boolean {
  const { continues, sources, records } = resolution;
  const { continuous, computed, edgePolicy: policy } = ingestion.configuration;
  if (sources.length === 0) return false;
  if (continues === undefined || records.length > 0 || mustFollowAnew(resolution, ingestion)) return true;
  if (continuous.audiences.length === 0 && computed.length === 0) return false;
  // What was followed up to now was followed with the attributes of now.
  return (
    !eventStatesOf(continuous, policy).has(continues) || latestOf(continues.fragments) > continues.evaluatedAt
  );
}

function isEmpty(commit: HubCommit): boolean {
  return (
    commit.persons.length + commit.quarantine.length + commit.outbox.length + commit.documents.length === 0
  );
}
