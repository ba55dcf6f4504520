import {
  hasData,
  type HubCommit,
  type OutboxEntry,
  type PersonWrite,
  toStored,
} from "@tessera/profile-store";
import type { AnyBulkWriteOperation, ClientSession } from "mongodb";
import {
  AT_ONCE,
  type ChangeDocument,
  type Collections,
  type ConfigurationDocument,
  type CounterDocument,
  type EntryDocument,
  type FragmentsDocument,
  type IdentityDocument,
  type PersonDocument,
} from "./collections.ts";
import { erase } from "./erase.ts";
import { encodeFragments, encodePerson } from "./person-document.ts";
import { documentKey, encodeChange, encodeEvent, encodeItem, encodeRecord } from "./truth-documents.ts";

/** Where a commit is written to, and what is known beforehand. */
export interface CommitTarget {
  readonly collections: Collections;
  readonly session: ClientSession;
  /** Part of the counters that this commit uses. */
  readonly slot: number;
  /** Stored owner keys that are surely in the collection of owners. */
  readonly isKnownOwner: (key: string) => boolean;
}

type Stored = Pick<PersonDocument, "_id" | "v" | "ids" | "data" | "logged">;

/**
 * Writes a commit inside the session's transaction, one call a collection. Answers false when a version is not the
 * expected one; a duplicate key (an event, an identity, a new person or document) is the driver's error 11000. After
 * either the transaction is to be aborted.
 */
export async function writeCommit(commit: HubCommit, target: CommitTarget): Promise<boolean> {
  const stored = await readStored(commit, target);
  if (!commit.persons.every((write) => (stored.get(idOf(write))?.v ?? 0) === expectedOf(write))) return false;
  if (!(await writePersons(commit, stored, target))) return false;
  const erased = commit.erase === undefined ? undefined : await erase(commit.erase, target);
  await writeTruth(commit, target);
  if (!(await writeDocuments(commit, target))) return false;
  await writeCounters(commit, stored, target);
  if (erased !== undefined) await count(target, { events: -erased.events, records: -erased.records });
  const { collections, session } = target;
  if (commit.quarantine.length > 0) {
    await collections.quarantine.bulkWrite(
      commit.quarantine.map(encodeItem).map((item) => ({
        replaceOne: { filter: { _id: item._id }, replacement: item, upsert: true },
      })),
      { session },
    );
  }
  // Last, because other writers to the same destination wait from here on.
  await writeOutbox(commit.outbox, target);
  return true;
}

async function readStored(
  commit: HubCommit,
  { collections, session }: CommitTarget,
): Promise<ReadonlyMap<string, Stored>> {
  const ids = [...commit.persons.map(idOf), ...commit.memberships.map((change) => toStored(change.personId))];
  if (ids.length === 0) return new Map();
  const documents = await collections.persons
    .find(
      { _id: { $in: [...new Set(ids)] } },
      { ...AT_ONCE, session, projection: { v: 1, ids: 1, data: 1, logged: 1 } },
    )
    .toArray();
  return new Map(documents.map((document) => [document._id, document]));
}

async function writePersons(
  commit: HubCommit,
  stored: ReadonlyMap<string, Stored>,
  { collections, session }: CommitTarget,
): Promise<boolean> {
  const log = numberChanges(commit, stored);
  const persons: AnyBulkWriteOperation<PersonDocument>[] = [];
  const fragments: AnyBulkWriteOperation<FragmentsDocument>[] = [];
  const released: AnyBulkWriteOperation<IdentityDocument>[] = [];
  const claimed: AnyBulkWriteOperation<IdentityDocument>[] = [];
  for (const write of commit.persons) {
    const _id = idOf(write);
    const before = stored.get(_id);
    const held = new Set(before?.ids ?? []);
    const wanted = write.kind === "put" ? write.person.identities.map(toStored) : [];
    for (const key of wanted)
      if (!held.delete(key)) claimed.push({ insertOne: { document: { _id: key, p: _id } } });
    for (const key of held) released.push({ deleteOne: { filter: { _id: key, p: _id } } });
    persons.push(personOperation(write, before, log.lengths.get(_id)));
    if (write.kind === "remove" || (write.fragmentsChanged && write.person.fragments.length === 0)) {
      if (before !== undefined) fragments.push({ deleteOne: { filter: { _id } } });
    } else if (write.fragmentsChanged) {
      fragments.push({
        replaceOne: { filter: { _id }, replacement: encodeFragments(write.person), upsert: true },
      });
    }
    log.lengths.delete(_id);
  }
  for (const [_id, logged] of log.lengths) {
    persons.push({
      updateOne: { filter: { _id }, update: { $set: { logged }, $setOnInsert: { v: 0 } }, upsert: true },
    });
  }
  if (persons.length > 0) {
    const { matchedCount, insertedCount, upsertedCount } = await collections.persons.bulkWrite(persons, {
      session,
    });
    if (matchedCount + insertedCount + upsertedCount !== persons.length) return false;
  }
  const identities = [...released, ...claimed];
  if (identities.length > 0) await collections.identities.bulkWrite(identities, { session });
  if (fragments.length > 0) await collections.fragments.bulkWrite(fragments, { session });
  if (log.changes.length > 0) await collections.membershipLog.insertMany(log.changes, { session });
  return true;
}

function personOperation(
  write: PersonWrite,
  before: Stored | undefined,
  logged: number | undefined,
): AnyBulkWriteOperation<PersonDocument> {
  const _id = idOf(write);
  const filter = { _id, v: expectedOf(write) };
  const count = logged === undefined ? {} : { logged };
  if (write.kind === "remove") {
    const s = write.successor === undefined ? {} : { s: toStored(write.successor) };
    const update = { $set: { v: 0, ...s, ...count }, $unset: EMPTIED };
    return { updateOne: { filter, update, upsert: before === undefined } };
  }
  const { set, unset } = encodePerson(write.person);
  const some = write.person.fragments.length > 0;
  const fv = write.fragmentsChanged && some ? { fv: write.person.version } : {};
  const noFv = write.fragmentsChanged && !some ? { fv: "" as const } : {};
  if (before === undefined) return { insertOne: { document: { _id, ...set, ...fv, ...count } } };
  return {
    updateOne: { filter, update: { $set: { ...set, ...fv, ...count }, $unset: { ...unset, ...noFv } } },
  };
}

const EMPTIED = {
  ids: "",
  data: "",
  next: "",
  graph: "",
  memberships: "",
  state: "",
  events: "",
  evaluated: "",
  regions: "",
  fv: "",
} as const;

/** Gives each membership change its number in its person's log, and each person the new length of theirs. */
function numberChanges(
  commit: HubCommit,
  stored: ReadonlyMap<string, Stored>,
): { readonly changes: ChangeDocument[]; readonly lengths: Map<string, number> } {
  const lengths = new Map<string, number>();
  const changes = commit.memberships.map((change) => {
    const id = toStored(change.personId);
    const number = (lengths.get(id) ?? stored.get(id)?.logged ?? 0) + 1;
    lengths.set(id, number);
    return encodeChange(change, number);
  });
  return { changes, lengths };
}

async function writeTruth(commit: HubCommit, target: CommitTarget): Promise<void> {
  const { collections, session, isKnownOwner } = target;
  const { events, records } = commit;
  if (events.length > 0) {
    await collections.events.insertMany(events.map(encodeEvent), { session, ordered: false });
  }
  if (records.length > 0) {
    await collections.records.insertMany(records.map(encodeRecord), { session, ordered: false });
  }
  // An erasure may just have taken an owner away.
  const owners = ownersOf(commit).filter((key) => commit.erase !== undefined || !isKnownOwner(key));
  if (owners.length === 0) return;
  await collections.owners.bulkWrite(
    owners.map((_id) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: { _id } }, upsert: true },
    })),
    { session, ordered: false },
  );
}

/** The stored keys of all owners of a commit's events and records. */
export function ownersOf({ events, records }: HubCommit): readonly string[] {
  return [...new Set([...events, ...records].map(({ owner }) => toStored(owner)))];
}

async function writeDocuments(commit: HubCommit, { collections, session }: CommitTarget): Promise<boolean> {
  if (commit.documents.length === 0) return true;
  const writes = commit.documents.filter((write) => write.body !== undefined || write.expectedVersion > 0);
  // Deleting what is not there is no write, and still a conflict when it is there.
  const absent = commit.documents.filter((write) => write.body === undefined && write.expectedVersion === 0);
  for (const { kind, id } of absent) {
    if ((await collections.documents.findOne({ _id: documentKey(kind, id) }, { session })) !== null)
      return false;
  }
  if (writes.length === 0) return true;
  const operations = writes.map(
    ({ kind, id, expectedVersion, body }): AnyBulkWriteOperation<ConfigurationDocument> => {
      const filter = { _id: documentKey(kind, id), v: expectedVersion };
      if (body === undefined) return { deleteOne: { filter } };
      const b = JSON.stringify(body);
      if (expectedVersion > 0)
        return { updateOne: { filter, update: { $set: { v: expectedVersion + 1, b } } } };
      return { insertOne: { document: { _id: filter._id, k: toStored(kind), id: toStored(id), v: 1, b } } };
    },
  );
  const { matchedCount, insertedCount, deletedCount } = await collections.documents.bulkWrite(operations, {
    session,
  });
  return matchedCount + insertedCount + deletedCount === operations.length;
}

async function writeCounters(
  commit: HubCommit,
  stored: ReadonlyMap<string, Stored>,
  { collections, session, slot }: CommitTarget,
): Promise<void> {
  const operations: AnyBulkWriteOperation<CounterDocument>[] = [];
  const add = (kind: CounterDocument["kind"], name: string, value: number): void => {
    if (value === 0) return;
    const update = { $inc: { value }, $setOnInsert: { name: toStored(name), kind } };
    operations.push({
      updateOne: { filter: { _id: JSON.stringify([kind, slot, name]) }, update, upsert: true },
    });
  };
  for (const [name, change] of Object.entries(commit.counters)) add("hub", name, change);
  let persons = 0;
  let identities = 0;
  for (const write of commit.persons) {
    const before = stored.get(idOf(write));
    const after = write.kind === "put" ? write.person : undefined;
    persons += (after !== undefined && hasData(after) ? 1 : 0) - (before?.data === true ? 1 : 0);
    identities += (after?.identities.length ?? 0) - (before?.ids?.length ?? 0);
  }
  add("total", "persons", persons);
  add("total", "identities", identities);
  add("total", "events", commit.events.length);
  add("total", "records", commit.records.length);
  if (operations.length > 0) await collections.counters.bulkWrite(operations, { session, ordered: false });
}

/** Adds to the numbers of stored things. */
export async function count(
  { collections, session, slot }: CommitTarget,
  changes: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, value] of Object.entries(changes)) {
    if (value === 0) continue;
    const update = { $inc: { value }, $setOnInsert: { name, kind: "total" as const } };
    const _id = JSON.stringify(["total", slot, name]);
    await collections.counters.updateOne({ _id }, update, { session, upsert: true });
  }
}

/** Appends entries to the lines of their destinations. */
export async function writeOutbox(
  added: readonly OutboxEntry[],
  { collections, session }: CommitTarget,
): Promise<void> {
  if (added.length === 0) return;
  const waiting = new Map<string, OutboxEntry[]>();
  for (const entry of added) {
    const list = waiting.get(entry.destinationId) ?? [];
    waiting.set(entry.destinationId, list);
    list.push(entry);
  }
  const operations: AnyBulkWriteOperation<EntryDocument>[] = [];
  for (const [destinationId, entries] of [...waiting].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const d = toStored(destinationId);
    const last = await collections.values.findOneAndUpdate(
      { _id: `outbox ${d}` },
      { $inc: { value: entries.length } },
      { session, upsert: true, returnDocument: "after" },
    );
    const first = (last?.value ?? entries.length) - entries.length + 1;
    for (const [index, { id, personId, at, body }] of entries.entries()) {
      const entry = { d, p: toStored(personId), at, b: JSON.stringify(body), n: first + index };
      operations.push({
        updateOne: { filter: { _id: toStored(id) }, update: { $setOnInsert: entry }, upsert: true },
      });
    }
  }
  await collections.outbox.bulkWrite(operations, { session });
}

function idOf(write: PersonWrite): string {
  return toStored(write.kind === "put" ? write.person.personId : write.personId);
}

function expectedOf(write: PersonWrite): number {
  return write.kind === "put" ? write.person.version - 1 : write.expectedVersion;
}
