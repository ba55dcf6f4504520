import { type Graph, type NamespaceRegistry, normalIdentity, replay } from "@tessera/identity-graph";
import type {
  HubCommit,
  PersonState,
  StoredDocument,
  StoredEvent,
  StoredRecord,
} from "@tessera/profile-store";
import {
  identityKey,
  type IdentityKey,
  isMember,
  isObject,
  type JsonObject,
  type JsonValue,
} from "@tessera/xdm";
import { memberCounter } from "./member-tally.ts";
import type { Ingestion } from "./ingest.ts";
import { type Cluster, observationOfTruth } from "./load-cluster.ts";
import { rederive } from "./rederive.ts";

/** What is to be erased, and what lies around it. */
export interface Erasing {
  readonly keys: ReadonlySet<IdentityKey>;
  readonly cluster: Cluster;
  readonly decisions: readonly StoredDocument[];
}

/** The commit of an erasure, and how much it takes away. */
export interface PlannedErasure {
  readonly commit: HubCommit;
  readonly counts: {
    readonly persons: number;
    readonly events: number;
    readonly records: number;
    readonly redacted: number;
  };
}

/**
 * The commit that erases identities from their cluster: what they own goes, what others own names them no more, and the
 * persons who are left are derived anew from what is left. Pure.
 */
export function planErasure({ keys, cluster, decisions }: Erasing, ingestion: Ingestion): PlannedErasure {
  const gone = new Set(decisions.map(({ body }) => JSON.stringify(body)));
  const { configuration } = ingestion;
  const ruled: Ingestion = {
    ...ingestion,
    configuration: {
      ...configuration,
      decisions: configuration.decisions.filter((decision) => !gone.has(JSON.stringify(decision))),
    },
  };
  const left = splitTruth(cluster, keys, configuration.registry);
  const observations = [...left.events, ...left.records].map(observationOfTruth);
  const graphs = replay(observations, ruled.configuration.rules, ruled.configuration.decisions);
  const alive = new Set(graphs.flatMap((graph: Graph) => graph.identities.map(({ key }) => key)));
  const persons = new Map<string, PersonState>();
  const removed: PersonState[] = [];
  for (const [personId, person] of cluster.persons) {
    const rest = person.identities.filter((key) => alive.has(key));
    const touched = person.identities.some((key) => keys.has(key));
    if (rest.length === 0 && touched) removed.push(person);
    else persons.set(personId, touched ? { ...person, identities: rest } : person);
  }
  // The graphs of those around may tell of links to the erased, even of removed ones: they are derived anew as well.
  const around = { keys: alive, persons, events: left.events, records: left.records, observations };
  const anew = observations.length > 0 ? rederive(around, ruled) : undefined;
  const counters: Record<string, number> = { ...anew?.counters };
  for (const { memberships } of removed) {
    for (const held of memberships) {
      if (isMember(held.status)) counters[memberCounter(held)] = (counters[memberCounter(held)] ?? 0) - 1;
    }
  }
  const kept = new Set(
    anew?.persons.flatMap((write) => (write.kind === "put" ? [write.person.personId] : [])),
  );
  const removals = removed.filter(({ personId }) => !kept.has(personId));
  const exits = ruled.activate(() => removals.map((person) => ({ before: [person], after: [] })), ruled.now);
  const goneForGood = [
    ...removals.map(({ personId }) => personId),
    ...(anew?.persons ?? []).flatMap((write) => (write.kind === "remove" ? [write.personId] : [])),
  ];
  return {
    commit: {
      persons: [
        ...(anew?.persons ?? []),
        ...removals.map(({ personId, version }) => ({
          kind: "remove" as const,
          personId,
          expectedVersion: version,
        })),
      ],
      events: left.newEvents,
      records: left.newRecords,
      memberships: anew?.memberships ?? [],
      outbox: [...(anew?.outbox ?? []), ...exits],
      quarantine: [],
      documents: [],
      counters,
      erase: {
        persons: goneForGood,
        owners: [...keys],
        events: left.newEvents.map(({ id }) => id),
        recordsOf: [...new Set(left.newRecords.map(({ owner }) => owner))],
      },
    },
    counts: {
      persons: removals.length,
      events: left.erasedEvents,
      records: left.erasedRecords,
      redacted: left.redacted,
    },
  };
}

interface SplitTruth {
  /** All that is left, redacted. */
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
  /** What has to be written anew. */
  readonly newEvents: readonly StoredEvent[];
  readonly newRecords: readonly StoredRecord[];
  readonly erasedEvents: number;
  readonly erasedRecords: number;
  readonly redacted: number;
}

function splitTruth(
  { events, records }: Cluster,
  keys: ReadonlySet<IdentityKey>,
  registry: NamespaceRegistry,
): SplitTruth {
  const namesErased = (truth: StoredEvent | StoredRecord): boolean =>
    truth.identities.some((key) => keys.has(key));
  const leftEvents = events.filter(({ owner }) => !keys.has(owner));
  const leftRecords = records.filter(({ owner }) => !keys.has(owner));
  const owners = new Set(leftRecords.filter(namesErased).map(({ owner }) => owner));
  const without = <T extends StoredEvent | StoredRecord>(truth: T): T =>
    namesErased(truth)
      ? {
          ...truth,
          identities: truth.identities.filter((key) => !keys.has(key)),
          ...bodyWithout(truth, keys, registry),
        }
      : truth;
  const redactedEvents = leftEvents.map(without);
  const redactedRecords = leftRecords.map(without);
  return {
    events: redactedEvents,
    records: redactedRecords,
    newEvents: redactedEvents.filter((event, index) => event !== leftEvents[index]),
    newRecords: redactedRecords.filter(({ owner }) => owners.has(owner)),
    erasedEvents: events.length - leftEvents.length,
    erasedRecords: records.length - leftRecords.length,
    redacted: leftEvents.filter(namesErased).length + leftRecords.filter(namesErased).length,
  };
}

/**
 * The body of an event whose identity map names none of `keys`, in whatever form it came; the bodies of records hold no
 * identity map.
 */
function bodyWithout(
  { body }: StoredEvent | StoredRecord,
  keys: ReadonlySet<IdentityKey>,
  registry: NamespaceRegistry,
): { readonly body?: StoredEvent["body"] } {
  if (body === undefined || !isObject(body["identityMap"])) return {};
  const identityMap: Record<string, JsonValue> = {};
  for (const [namespace, items] of Object.entries(body["identityMap"] as JsonObject)) {
    if (!Array.isArray(items)) continue;
    const isErased = (item: JsonValue): boolean =>
      isObject(item) &&
      keys.has(identityKey(normalIdentity({ namespace, id: String(item["id"]) }, registry)));
    const kept = items.filter((item: JsonValue) => !isErased(item));
    if (kept.length > 0) identityMap[namespace] = kept;
  }
  return { body: { ...body, identityMap } as StoredEvent["body"] } as { readonly body: StoredEvent["body"] };
}
