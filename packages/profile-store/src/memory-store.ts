import { compareKeys, type IdentityKey, type MembershipChange } from "@tessera/xdm";
import { compareRecords, type StoredRecord, withoutBody } from "./fragment.ts";
import type {
  CommitResult,
  DocumentWrite,
  Erasure,
  HubCommit,
  HubStore,
  Neighbourhood,
  PersonWrite,
  QuarantinedItem,
  QueuedEntry,
  StoredDocument,
  StoredEvent,
  StoredItem,
} from "./hub-store.ts";
import { type CommitGuards, findConflict } from "./find-conflict.ts";
import { hasData, type PersonState } from "./person-state.ts";

/** A HubStore in memory: the executable specification of the port, and a store for tests and short-lived tools. */
export function createMemoryStore(): HubStore {
  const persons = new Map<string, PersonState>();
  const personOf = new Map<IdentityKey, string>();
  const successors = new Map<string, string>();
  const events = new Map<string, StoredEvent>();
  const eventsOf = new Map<IdentityKey, StoredEvent[]>();
  const recordsOf = new Map<IdentityKey, StoredRecord[]>();
  const documents = new Map<string, StoredDocument>();
  const counters = new Map<string, number>();
  const log = new Map<string, MembershipChange[]>();
  const outbox = new Map<string, QueuedEntry>();
  const quarantine = new Map<string, QuarantinedItem>();
  let sequence = 0;

  const guards: CommitGuards = {
    versionOfPerson: (id) => persons.get(id)?.version ?? 0,
    holderOf: (key) => personOf.get(key),
    isKnownEvent: (id) => events.has(id),
    versionOfDocument: (kind, id) => documents.get(documentKey({ kind, id }))?.version ?? 0,
  };

  const writePersons = (writes: readonly PersonWrite[]): void => {
    for (const write of writes) {
      const id = idOf(write);
      for (const key of persons.get(id)?.identities ?? []) if (personOf.get(key) === id) personOf.delete(key);
      if (write.kind === "remove") {
        persons.delete(id);
        if (write.successor !== undefined) successors.set(id, write.successor);
      }
    }
    for (const write of writes) {
      if (write.kind !== "put") continue;
      persons.set(write.person.personId, write.person);
      successors.delete(write.person.personId);
      for (const key of write.person.identities) personOf.set(key, write.person.personId);
    }
  };

  const writeTruth = (commit: HubCommit): void => {
    for (const event of commit.events) {
      events.set(event.id, event);
      insertSorted(listOf(eventsOf, event.owner), event, compareEvents);
    }
    for (const record of commit.records)
      insertSorted(listOf(recordsOf, record.owner), record, compareRecords);
  };

  const eraseEvent = ({ id, owner }: StoredEvent): void => {
    events.delete(id);
    const left = (eventsOf.get(owner) ?? []).filter((event) => event.id !== id);
    if (left.length === 0) eventsOf.delete(owner);
    else eventsOf.set(owner, left);
  };

  const erase = (erasure: Erasure): void => {
    const gone = new Set(erasure.persons);
    for (const id of gone) {
      log.delete(id);
      for (const [from, to] of successors) {
        if (to !== id) continue;
        successors.delete(from);
        gone.add(from);
      }
      successors.delete(id);
    }
    for (const [id, { personId }] of outbox) if (gone.has(personId)) outbox.delete(id);
    for (const owner of erasure.owners ?? []) {
      for (const event of eventsOf.get(owner) ?? []) eraseEvent(event);
      recordsOf.delete(owner);
    }
    for (const owner of erasure.recordsOf ?? []) recordsOf.delete(owner);
    for (const id of erasure.events ?? []) {
      const event = events.get(id);
      if (event !== undefined) eraseEvent(event);
    }
    for (const id of erasure.eventBodies ?? []) {
      const event = events.get(id);
      if (event === undefined) continue;
      const { body: _body, ...links } = event;
      events.set(id, links);
      const list = listOf(eventsOf, event.owner);
      list[list.indexOf(event)] = links;
    }
    for (const owner of erasure.recordBodies ?? []) {
      const records = recordsOf.get(owner);
      if (records !== undefined) recordsOf.set(owner, records.map(withoutBody));
    }
  };

  const takeIn = (item: StoredItem): void => {
    switch (item.kind) {
      case "document":
        documents.set(documentKey(item.document), item.document);
        return;
      case "event":
        if (events.has(item.event.id)) return;
        events.set(item.event.id, item.event);
        insertSorted(listOf(eventsOf, item.event.owner), item.event, compareEvents);
        return;
      case "records":
        recordsOf.set(item.owner, [...item.records]);
        return;
      case "person":
        persons.set(item.person.personId, item.person);
        for (const key of item.person.identities) personOf.set(key, item.person.personId);
        return;
      case "alias":
        successors.set(item.personId, item.successor);
        return;
      case "log":
        log.set(item.personId, [...item.changes]);
        return;
      case "outbox":
        if (!outbox.has(item.entry.id))
          outbox.set(item.entry.id, { ...item.entry, sequence: (sequence += 1) });
        return;
      case "quarantine":
        quarantine.set(item.item.id, item.item);
        return;
      case "counter":
        counters.set(item.name, item.value);
    }
  };

  const everything = (): readonly StoredItem[] => [
    ...[...documents.values()].map((document) => ({ kind: "document" as const, document })),
    ...[...events.values()].map((event) => ({ kind: "event" as const, event })),
    ...[...recordsOf].map(([owner, records]) => ({ kind: "records" as const, owner, records })),
    ...[...persons.values()].map((person) => ({ kind: "person" as const, person })),
    ...[...successors].map(([personId, successor]) => ({ kind: "alias" as const, personId, successor })),
    ...[...log].map(([personId, changes]) => ({ kind: "log" as const, personId, changes })),
    ...[...outbox.values()]
      .sort((a, b) => a.sequence - b.sequence)
      .map(({ sequence: _sequence, ...entry }) => ({ kind: "outbox" as const, entry })),
    ...[...quarantine.values()].map((item) => ({ kind: "quarantine" as const, item })),
    ...[...counters].map(([name, value]) => ({ kind: "counter" as const, name, value })),
  ];

  const writeDocuments = (writes: readonly DocumentWrite[]): void => {
    for (const write of writes) {
      const key = documentKey(write);
      if (write.body === undefined) documents.delete(key);
      else
        documents.set(key, {
          kind: write.kind,
          id: write.id,
          version: write.expectedVersion + 1,
          body: write.body,
        });
    }
  };

  const follow = (personId: string): PersonState | undefined => {
    let id = personId;
    const passed = new Set<string>();
    for (let next = successors.get(id); next !== undefined && !persons.has(id); next = successors.get(id)) {
      if (passed.has(id)) return undefined;
      passed.add(id);
      id = next;
    }
    return persons.get(id);
  };

  return {
    load: async (identities, eventIds): Promise<Neighbourhood> => {
      const found = new Map<string, PersonState>();
      const owner = new Map<IdentityKey, string>();
      for (const key of identities) {
        const id = personOf.get(key);
        const person = id === undefined ? undefined : persons.get(id);
        if (person === undefined) continue;
        owner.set(key, person.personId);
        found.set(person.personId, person);
      }
      return {
        persons: found,
        personOf: owner,
        knownEvents: new Set(eventIds.filter((id) => events.has(id))),
      };
    },
    persons: async (ids) => [
      ...new Map(ids.flatMap((id) => follow(id) ?? []).map((person) => [person.personId, person])).values(),
    ],
    events: async (owners, from = -Infinity) =>
      [...new Set(owners)]
        .flatMap((owner) => eventsOf.get(owner) ?? [])
        .filter((event) => event.at >= from)
        .sort(compareEvents),
    records: async (owners) =>
      [...new Set(owners)].flatMap((owner) => recordsOf.get(owner) ?? []).sort(compareRecords),
    commit: async (commit): Promise<CommitResult> => {
      const conflict = findConflict(commit, guards);
      if (conflict !== undefined) return { ok: false, error: conflict };
      writePersons(commit.persons);
      if (commit.erase !== undefined) erase(commit.erase);
      writeTruth(commit);
      writeDocuments(commit.documents);
      for (const [name, delta] of Object.entries(commit.counters))
        counters.set(name, (counters.get(name) ?? 0) + delta);
      for (const change of commit.memberships) listOf(log, change.personId).push(change);
      for (const entry of commit.outbox) {
        if (!outbox.has(entry.id)) outbox.set(entry.id, { ...entry, sequence: (sequence += 1) });
      }
      for (const item of commit.quarantine) quarantine.set(item.id, item);
      return { ok: true };
    },
    due: async (now, limit) =>
      [...persons.values()]
        .filter((person) => person.nextChangeAt !== undefined && person.nextChangeAt <= now)
        .sort((a, b) => (a.nextChangeAt ?? 0) - (b.nextChangeAt ?? 0) || compareKeys(a.personId, b.personId))
        .slice(0, limit)
        .map((person) => person.personId),
    nextDue: async () => {
      let first = Infinity;
      for (const person of persons.values()) first = Math.min(first, person.nextChangeAt ?? Infinity);
      return first === Infinity ? undefined : first;
    },
    scan: async (after, limit) =>
      [...persons.keys()]
        .filter((id) => id > after)
        .sort(compareKeys)
        .slice(0, limit)
        .flatMap((id) => persons.get(id) ?? []),
    membershipLog: async (personId) => [...(log.get(personId) ?? [])],
    document: async (kind, id) => documents.get(documentKey({ kind, id })),
    documents: async (kind) =>
      [...documents.values()]
        .filter((document) => document.kind === kind)
        .sort((a, b) => compareKeys(a.id, b.id)),
    counters: async () => Object.fromEntries([...counters].filter(([, count]) => count !== 0).sort()),
    totals: async () => ({
      events: events.size,
      records: [...recordsOf.values()].reduce((sum, list) => sum + list.length, 0),
      persons: [...persons.values()].filter(hasData).length,
      identities: personOf.size,
    }),
    outbox: async (destinationId, after, limit) =>
      [...outbox.values()]
        .filter((entry) => entry.destinationId === destinationId && entry.sequence > after)
        .sort((a, b) => a.sequence - b.sequence)
        .slice(0, limit),
    acknowledge: async (ids) => ids.forEach((id) => outbox.delete(id)),
    quarantined: async (limit, after = "") =>
      [...quarantine.values()]
        .filter((item) => item.id > after)
        .sort((a, b) => compareKeys(a.id, b.id))
        .slice(0, limit),
    releaseQuarantined: async (ids) => ids.forEach((id) => quarantine.delete(id)),
    expiring: async (before, { after = "0", limit }) => {
      const from = Number(after);
      const page = [...events.values()].slice(from, from + limit);
      const old = page.filter(
        ({ datasetId, at, body }) => body !== undefined && at < (before[datasetId] ?? -Infinity),
      );
      const found = { events: old.map(({ id, owner }) => ({ id, owner })) };
      return page.length < limit ? found : { ...found, next: String(from + limit) };
    },
    exportItems: async ({ after = "0", limit }) => {
      const from = Number(after);
      const items = everything().slice(from, from + limit);
      return items.length < limit ? { items } : { items, next: String(from + limit) };
    },
    importItems: async (items) => items.forEach(takeIn),
    dropDerived: async () => [persons, personOf, counters, log].forEach((derived) => derived.clear()),
    owners: async (after, limit) =>
      [...new Set([...eventsOf.keys(), ...recordsOf.keys()])]
        .filter((key) => key > after)
        .sort(compareKeys)
        .slice(0, limit),
    close: async () => undefined,
  };
}

/** Order of events within a person: by their own time, then by id. */
export function compareEvents(a: StoredEvent, b: StoredEvent): number {
  return a.at - b.at || compareKeys(a.id, b.id);
}

function idOf(write: PersonWrite): string {
  return write.kind === "put" ? write.person.personId : write.personId;
}

function documentKey(document: { readonly kind: string; readonly id: string }): string {
  return `${document.kind}\n${document.id}`;
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  const list = map.get(key) ?? [];
  if (list.length === 0) map.set(key, list);
  return list;
}

function insertSorted<T>(list: T[], item: T, compare: (a: T, b: T) => number): void {
  let at = list.length;
  while (at > 0 && compare(list[at - 1] as T, item) > 0) at -= 1;
  list.splice(at, 0, item);
}
