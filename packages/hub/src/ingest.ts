import type { Graph } from "@tessera/identity-graph";
import type { LimitCheck } from "@tessera/guardrails";
import type {
  HubCommit,
  HubStore,
  Neighbourhood,
  PersonState,
  QuarantinedItem,
} from "@tessera/profile-store";
import { type Identity, identityKey, type IdentityKey, type MembershipChange } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { type Activate, decide, type History, mustFollowAnew } from "./decide.ts";
import { latestOf } from "./attributes-at.ts";
import { type EventStates, eventStatesOf } from "./event-state.ts";
import { dropRepeats } from "./drop-repeats.ts";
import { type GraphsByIdentity, graphsOf } from "./graphs-around.ts";
import { graphNotices, type GraphNotices } from "./graph-notices.ts";
import {
  type EventItem,
  issueOf,
  type ItemNotice,
  type ParsedBatch,
  type RecordItem,
} from "./ingest-batch.ts";
import { keysOf, linkObservations, observationsOf, replayClusters } from "./link-batch.ts";
import { loadCluster } from "./load-cluster.ts";
import { overfullUpdates } from "./overfull-fragments.ts";
import { keptOperation, quarantinedItem } from "./quarantine-item.ts";
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
  /** Items that what is stored already left no room for; they are in quarantine. */
  readonly refused: ReadonlyMap<EventItem | RecordItem, ItemNotice>;
  readonly changes: readonly MembershipChange[];
}

/** How often a batch is decided again when others commit to the same persons at the same time. */
const ATTEMPTS = 50;

/**
 * The flow: load the neighbourhood of a batch, link, resolve, decide, commit. Everything between loading and
 * committing is a pure function. When this resolves, the batch is durable; on a conflict it is loaded and decided again.
 */
export async function ingest(batch: ParsedBatch, ingestion: Ingestion): Promise<Ingested> {
  const refused = new Map<EventItem | RecordItem, ItemNotice>();
  const quarantine = [...batch.quarantine];
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const neighbourhood = await load(batch, ingestion.store);
    // The door asked before; someone may have been deleted while the batch waited.
    const allowed = batch.items.filter(
      (item) =>
        !refused.has(item) &&
        !ingestion.isSuppressed(item.identities, item.kind === "event" ? item.at : ingestion.now),
    );
    const fresh = dropRepeats(allowed, neighbourhood);
    const linking = await linkItems(fresh, neighbourhood, ingestion);
    const resolutions = resolvePersons(linking.graphs, linking.persons.values(), fresh);
    const history = await loadHistory(resolutions, ingestion);
    const overfull = overfullOf(resolutions, history, ingestion);
    if (overfull.size > 0) {
      for (const [item, check] of overfull) {
        const notice = { index: item.index, ...issueOf(check) };
        refused.set(item, notice);
        quarantine.push(setAside(item, notice, ingestion.now));
      }
      continue;
    }
    const commit = { ...decide(resolutions, { ...ingestion, history }), quarantine };
    const committed = isEmpty(commit) || (await ingestion.store.commit(commit)).ok;
    if (!committed) continue;
    const notices = graphNotices(resolutions.persons, ingestion.configuration.rules);
    return { fresh: new Set(fresh), notices, refused, changes: commit.memberships };
  }
  throw new Error("The batch met conflicting commits too many times; send it again.");
}

/** The partial updates for which their fragments have no room. */
function overfullOf(
  { persons }: Resolutions,
  history: ReadonlyMap<string, History>,
  { configuration }: Ingestion,
): ReadonlyMap<RecordItem, LimitCheck> {
  const overfull = new Map<RecordItem, LimitCheck>();
  for (const { personId, records } of persons) {
    if (records.length === 0) continue;
    const known = history.get(personId)?.records ?? [];
    for (const [item, check] of overfullUpdates({ known, fresh: records }, configuration.limits))
      overfull.set(item, check);
  }
  return overfull;
}

/** An item as quarantine keeps it, with the identities it came with. */
function setAside(item: RecordItem, { code, message }: ItemNotice, at: number): QuarantinedItem {
  const { datasetId, kind, operation, owner, identities, id, body } = item;
  const identityMap: Record<string, object[]> = {};
  for (const identity of identities) {
    const isPrimary = identityKey(identity) === owner;
    (identityMap[identity.namespace] ??= []).push({
      id: identity.id,
      ...(isPrimary ? { primary: true } : {}),
    });
  }
  const raw = { _id: id, identityMap, ...body };
  return quarantinedItem(raw, { datasetId, kind, code, message, at, ...keptOperation(operation) });
}

function load(batch: ParsedBatch, store: HubStore): Promise<Neighbourhood> {
  const keys = new Set<IdentityKey>();
  const eventIds: string[] = [];
  for (const item of batch.items) {
    for (const key of item.keys) keys.add(key);
    if (item.kind === "event") eventIds.push(item.id);
  }
  return store.load([...keys], eventIds);
}

/** Links a batch; what came too late to be linked in place has its cluster loaded and replayed from the truth. */
async function linkItems(
  items: ParsedBatch["items"],
  neighbourhood: Neighbourhood,
  { store, configuration, now }: Ingestion,
): Promise<{ readonly graphs: GraphsByIdentity; readonly persons: ReadonlyMap<string, PersonState> }> {
  const observations = observationsOf(items, now);
  const { graphs, late } = linkObservations(neighbourhood, observations, configuration);
  if (late.length === 0) return { graphs, persons: neighbourhood.persons };

  const linked = graphs.all();
  const { decisions } = configuration;
  const cluster = await loadCluster({ store, keys: late.flatMap(keysOf), graphs: linked, decisions });
  const known = new Map<IdentityKey, Graph>();
  for (const { identities, graph } of cluster.persons.values())
    for (const key of identities) known.set(key, graph as Graph);
  for (const [key, graph] of linked) known.set(key, graph);
  const mine = observations.filter((observation) => keysOf(observation).some((key) => cluster.keys.has(key)));
  return {
    graphs: graphsOf(replayClusters(known, [...cluster.observations, ...mine], configuration)),
    persons: new Map([...neighbourhood.persons, ...cluster.persons]),
  };
}

/** Loads the truth of those persons for whom what is new is not enough: events in their windows, or all of it. */
export async function loadHistory(
  resolutions: Resolutions,
  ingestion: Ingestion,
): Promise<ReadonlyMap<string, History>> {
  const { store } = ingestion;
  const history = new Map<string, History>();
  const { continuous, edgePolicy } = ingestion.configuration;
  const states = eventStatesOf(continuous, edgePolicy);
  const needing = resolutions.persons.filter((resolution) => needsHistory(resolution, ingestion, states));
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
function needsHistory(resolution: Resolution, ingestion: Ingestion, states: EventStates): boolean {
  const { continues, sources, records } = resolution;
  const { continuous, computed } = ingestion.configuration;
  if (sources.length === 0) return false;
  if (continues === undefined || records.length > 0 || mustFollowAnew(resolution, ingestion)) return true;
  if (continuous.audiences.length === 0 && computed.length === 0) return false;
  // What was followed up to now was followed with the attributes of now.
  return !states.has(continues) || latestOf(continues.fragments) > continues.evaluatedAt;
}

function isEmpty(commit: HubCommit): boolean {
  return (
    commit.persons.length + commit.quarantine.length + commit.outbox.length + commit.documents.length === 0
  );
}
