import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  compareEvents,
  compareRecords,
  type Erasure,
  type ExpiringEvents,
  type Fragment,
  type RecordOperation,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import type { ExperienceEvent, IdentityKey, JsonObject } from "@tessera/xdm";
import { decodeBodies, decodeBody, encodeBody } from "./body.ts";
import { decodeId, encodeId } from "./event-id.ts";
import { EventIndex, type IndexMark } from "./event-index.ts";
import type { FragmentCodec } from "./fragment-row.ts";
import type { IdentityRows } from "./identity-rows.ts";
import type { Names } from "./names.ts";
import { fromStored, toStored } from "@tessera/profile-store";
import type { Totals } from "./totals.ts";

const OPERATIONS: readonly RecordOperation[] = ["upsert", "merge", "delete"];

type Stored = string | Uint8Array;
type EventRow = readonly [number, Stored, number, Uint8Array | null, number, number, Stored | null];
type BodyRow = readonly [row: number, at: number, body: Stored | null];
type WalkRow = readonly [id: number, eid: Stored, dataset: number, owner: number, at: number, bare: number];
type RecordRow = readonly [Stored, number, Uint8Array | null, number, number, number, Stored];

type TruthMark = readonly [records: number, events: IndexMark];

/** What the rows of the truth refer to. */
export interface TruthParts {
  readonly names: Names;
  readonly identities: IdentityRows;
  readonly fragments: FragmentCodec;
  readonly totals: Totals;
  /** How many events are found through memory before they go into the tables that find them. */
  readonly recentEvents: number;
}

/** Events and records as they came: appended, read by owner. */
export class TruthRows {
  readonly #parts: TruthParts;
  readonly #index: EventIndex;
  readonly #insertEvent: StatementSync;
  readonly #insertRecord: StatementSync;
  readonly #events: StatementSync;
  readonly #event: StatementSync;
  readonly #bodies: StatementSync;
  readonly #ownBody: StatementSync;
  readonly #records: StatementSync;
  readonly #body: StatementSync;
  readonly #owners: StatementSync;
  readonly #key: StatementSync;
  readonly #deleteEvent: StatementSync;
  readonly #deleteRecords: StatementSync;
  readonly #dropEventBody: StatementSync;
  readonly #dropRecordBodies: StatementSync;
  readonly #walk: StatementSync;
  readonly #after: StatementSync;
  readonly #recordOwners: StatementSync;
  readonly #upsertsAt: StatementSync;
  #upserts: StoredRecord[] = [];

  constructor(database: DatabaseSync, parts: TruthParts) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#parts = parts;
    this.#insertEvent = prepare(
      `INSERT INTO event(eid, dataset, owner, identities, at, ingested, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertRecord = prepare(
      `INSERT INTO record(rid, dataset, owner, identities, operation, at, ordinal, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#events = prepare(
      `SELECT event.id, eid, dataset, identities, event.at, ingested, body
       FROM event_of JOIN event ON event.id = event_of.id WHERE event_of.owner = ? AND event_of.at >= ?`,
    );
    this.#event = prepare(
      "SELECT id, eid, dataset, identities, at, ingested, body FROM event WHERE id = ? AND at >= ?",
    );
    this.#bodies = prepare(
      `SELECT event.id, event.at, body FROM event_of JOIN event ON event.id = event_of.id WHERE event_of.owner = ?`,
    );
    this.#ownBody = prepare("SELECT id, at, body FROM event WHERE id = ?");
    this.#records = prepare(
      "SELECT rid, dataset, identities, operation, at, ordinal, body FROM record WHERE owner = ?",
    );
    this.#body = prepare("SELECT body FROM record WHERE id = ?");
    this.#owners = prepare(
      `SELECT key, id, EXISTS (SELECT 1 FROM event_of WHERE owner = identity.id)
         OR EXISTS (SELECT 1 FROM record WHERE owner = identity.id)
       FROM identity WHERE key > ? ORDER BY key`,
    );
    this.#key = prepare("SELECT eid, owner, at FROM event WHERE id = ?");
    this.#deleteEvent = prepare("DELETE FROM event WHERE id = ?");
    this.#deleteRecords = prepare("DELETE FROM record WHERE owner = ?");
    this.#dropEventBody = prepare("UPDATE event SET body = NULL WHERE id = ?");
    this.#dropRecordBodies = prepare("UPDATE record SET operation = ?, body = ? WHERE owner = ?");
    this.#walk = prepare(
      "SELECT id, eid, dataset, owner, at, body IS NULL FROM event WHERE id > ? ORDER BY id LIMIT ?",
    );
    this.#after = prepare(
      `SELECT owner, id, eid, dataset, identities, at, ingested, body FROM event
       WHERE id > ? ORDER BY id LIMIT ?`,
    );
    this.#recordOwners = prepare("SELECT DISTINCT owner FROM record WHERE owner > ? ORDER BY owner LIMIT ?");
    this.#upsertsAt = prepare(
      "SELECT id, dataset, body FROM record WHERE owner = ? AND at = ? AND operation = 0",
    );
    this.#index = new EventIndex(database, parts.recentEvents);
  }

  isKnown(eventId: string): boolean {
    return this.#index.isKnown(eventId);
  }

  /** Appends events; false when one of them is stored already: then undo the transaction. */
  addEvents(events: readonly StoredEvent[]): boolean {
    const { names, identities, totals } = this.#parts;
    for (const { id, datasetId, owner, identities: keys, at, ingestedAt, body } of events) {
      if (this.#index.isKnown(id)) return false;
      const ownerId = identities.idOf(owner);
      const { lastInsertRowid } = this.#insertEvent.run(
        encodeId(id),
        names.idOf(datasetId),
        ownerId,
        identities.encodeList(keys, owner),
        at,
        ingestedAt,
        body === undefined ? null : encodeBody(body),
      );
      this.#index.add({ id, owner: ownerId, at, row: Number(lastInsertRowid) });
    }
    totals.add("events", events.length);
    return true;
  }

  addRecords(records: readonly StoredRecord[]): void {
    const { names, identities, fragments, totals } = this.#parts;
    for (const record of records) {
      const { id, datasetId, owner, identities: keys, operation, at, ordinal, body } = record;
      const { lastInsertRowid } = this.#insertRecord.run(
        encodeId(id),
        names.idOf(datasetId),
        identities.idOf(owner),
        identities.encodeList(keys, owner),
        OPERATIONS.indexOf(operation),
        at,
        ordinal,
        encodeBody(body),
      );
      if (operation === "upsert") {
        fragments.stored(record, Number(lastInsertRowid));
        this.#upserts.push(record);
      }
    }
    totals.add("records", records.length);
  }

  /** Deletes events and records, or their bodies; before anything refers to their rows anew. */
  erase({ owners = [], events = [], recordsOf = [], eventBodies = [], recordBodies = [] }: Erasure): void {
    const { identities, fragments, totals } = this.#parts;
    for (const id of eventBodies) {
      const row = this.#index.rowOf(id);
      if (row !== undefined) this.#dropEventBody.run(row);
    }
    for (const owner of recordBodies) {
      const id = identities.find(owner);
      if (id !== undefined) this.#dropRecordBodies.run(OPERATIONS.indexOf("delete"), encodeBody({}), id);
    }
    for (const owner of [...recordsOf, ...owners]) {
      const id = identities.find(owner);
      if (id === undefined) continue;
      totals.add("records", -Number(this.#deleteRecords.run(id).changes));
      fragments.forgetRows();
    }
    if (owners.length + events.length === 0) return;
    this.#index.sweep();
    const rows = new Set(events.flatMap((id) => this.#index.rowOf(id) ?? []));
    for (const owner of owners) {
      const id = identities.find(owner);
      if (id === undefined) continue;
      for (const row of this.#index.rowsOf(id)) rows.add(row);
    }
    const gone = [...rows].map((row) => {
      const [eid, owner, at] = this.#key.get(row) as unknown as readonly [Stored, number, number];
      this.#deleteEvent.run(row);
      return { eid, owner, at, row };
    });
    this.#index.erase(gone);
    totals.add("events", -gone.length);
  }

  /** Whom events belong to; unknown ones are left out. */
  ownersOf(eventIds: readonly string[]): readonly IdentityKey[] {
    return eventIds.flatMap((id) => {
      const row = this.#index.rowOf(id);
      const found = row === undefined ? undefined : this.#key.get(row);
      if (found === undefined) return [];
      const [, owner] = found as unknown as readonly [Stored, number, number];
      return [this.#parts.identities.keyOf(owner)];
    });
  }

  /** A step of the walk over all events, `after` the row of the last one. */
  expiring(
    before: { readonly [datasetId: string]: number },
    { after = "0", limit }: { readonly after?: string; readonly limit: number },
  ): ExpiringEvents {
    const { names, identities } = this.#parts;
    const moments = new Map(
      Object.entries(before).map(([datasetId, moment]) => [names.find(datasetId), moment]),
    );
    const rows = this.#walk.all(Number(after), limit) as unknown as readonly WalkRow[];
    const old = rows.filter(
      ([, , dataset, , at, bare]) => bare === 0 && at < (moments.get(dataset) ?? -Infinity),
    );
    const events = old.map(([, eid, , owner]) => ({ id: decodeId(eid), owner: identities.keyOf(owner) }));
    const last = rows.at(-1);
    return last === undefined || rows.length < limit ? { events } : { events, next: String(last[0]) };
  }

  events(owners: readonly IdentityKey[], from: number): readonly StoredEvent[] {
    const found: StoredEvent[] = [];
    for (const owner of new Set(owners)) {
      const id = this.#parts.identities.find(owner);
      if (id === undefined) continue;
      const rows = this.#events.all(id, from) as unknown as EventRow[];
      const listed = new Set(rows.map(([row]) => row));
      for (const row of this.#index.recentOf(id)) {
        // A merge on its way has brought some of them into the table already.
        if (!listed.has(row)) rows.push(...(this.#event.all(row, from) as unknown as EventRow[]));
      }
      for (const row of rows) found.push(this.#eventOf(owner, row));
    }
    return found.sort(compareEvents);
  }

  /** The bodies of events that still have one, in the order of `events`: all that a projection asks of them. */
  bodies(owners: readonly IdentityKey[]): readonly ExperienceEvent[] {
    const found: BodyRow[] = [];
    for (const owner of new Set(owners)) {
      const id = this.#parts.identities.find(owner);
      if (id === undefined) continue;
      const rows = this.#bodies.all(id) as unknown as BodyRow[];
      const recent = this.#index.recentOf(id);
      const listed = new Set(recent.length === 0 ? [] : rows.map(([row]) => row));
      for (const row of recent)
        if (!listed.has(row)) rows.push(...(this.#ownBody.all(row) as unknown as BodyRow[]));
      for (const row of rows) found.push(row);
    }
    found.sort((a, b) => a[1] - b[1] || (this.#idOf(a[0]) < this.#idOf(b[0]) ? -1 : 1));
    return decodeBodies(found.flatMap(([, , body]) => (body === null ? [] : [body]))) as ExperienceEvent[];
  }

  #idOf(row: number): string {
    const found = this.#key.get(row) as unknown as readonly [Stored, number, number] | undefined;
    return found === undefined ? "" : decodeId(found[0]);
  }

  records(owners: readonly IdentityKey[]): readonly StoredRecord[] {
    const found: StoredRecord[] = [];
    for (const owner of new Set(owners)) {
      const id = this.#parts.identities.find(owner);
      if (id === undefined) continue;
      for (const row of this.#records.all(id) as unknown as readonly RecordRow[]) {
        found.push(this.#record(owner, row));
      }
    }
    return found.sort(compareRecords);
  }

  /** The body of the record in this row. */
  bodyOf(row: number): JsonObject {
    const found = this.#body.get(row) as unknown as readonly [Stored] | undefined;
    if (found === undefined)
      throw new Error(`A fragment names record ${row}, which is not there: the file is damaged.`);
    return decodeBody(found[0]) as JsonObject;
  }

  /** Takes in an event of a copy, unless it is there. */
  takeInEvent(event: StoredEvent): void {
    if (!this.#index.isKnown(event.id)) this.addEvents([event]);
  }

  /** Makes the records of an owner those of a copy. */
  takeInRecords(owner: IdentityKey, records: readonly StoredRecord[]): void {
    const stored = this.records([owner]);
    if (JSON.stringify(stored) === JSON.stringify(records)) return;
    if (stored.length > 0) {
      this.#deleteRecords.run(this.#parts.identities.idOf(owner));
      this.#parts.totals.add("records", -stored.length);
    }
    this.addRecords(records);
  }

  /** The record that a fragment is the body of, so that it is not kept twice. */
  referTo({ datasetId, owner, at, body }: Fragment): void {
    const id = this.#parts.identities.find(owner);
    if (id === undefined) return;
    const text = JSON.stringify(body);
    const rows = this.#upsertsAt.all(id, at) as unknown as readonly (readonly [number, number, Stored])[];
    for (const [row, dataset, stored] of rows) {
      const isBody =
        this.#parts.names.nameOf(dataset) === datasetId && JSON.stringify(decodeBody(stored)) === text;
      if (isBody) this.#parts.fragments.refer(body, row);
    }
  }

  /** Events in the order of their rows. */
  eventsAfter(row: number, limit: number): readonly (readonly [row: number, event: StoredEvent])[] {
    const rows = this.#after.all(row, limit) as unknown as readonly (readonly [number, ...EventRow])[];
    return rows.map(([owner, ...event]) => [
      event[0],
      this.#eventOf(this.#parts.identities.keyOf(owner), event),
    ]);
  }

  /** Owners of records, in the order of their numbers. */
  recordOwnersAfter(id: number, limit: number): readonly (readonly [id: number, owner: IdentityKey])[] {
    const rows = this.#recordOwners.all(id, limit) as unknown as readonly (readonly [number])[];
    return rows.map(([owner]) => [owner, this.#parts.identities.keyOf(owner)]);
  }

  owners(after: IdentityKey, limit: number): readonly IdentityKey[] {
    const keys: IdentityKey[] = [];
    if (limit < 1) return keys;
    for (const found of this.#owners.iterate(toStored(after))) {
      const [key, id, owns] = found as unknown as readonly [string, number, number];
      if (owns === 0 && this.#index.recentOf(id).length === 0) continue;
      keys.push(fromStored(key));
      if (keys.length === limit) break;
    }
    return keys;
  }

  /** How much was added since the last end of a transaction; `backTo` undoes what came after such a mark. */
  mark(): TruthMark {
    return [this.#upserts.length, this.#index.mark()];
  }

  backTo([records, events]: TruthMark): void {
    for (const record of this.#upserts.splice(records)) this.#parts.fragments.undone(record);
    this.#index.backTo(events);
  }

  /** Part of each transaction, at its end. */
  mergeSome(): void {
    this.#index.mergeSome();
  }

  committed(): void {
    this.#upserts = [];
    this.#index.committed();
  }

  rolledBack(): void {
    for (const record of this.#upserts.splice(0)) this.#parts.fragments.undone(record);
    this.#index.rolledBack();
  }

  /** Another process wrote to the file. */
  catchUp(): void {
    this.#index.catchUp();
  }

  #eventOf(owner: IdentityKey, [, eid, dataset, keys, at, ingestedAt, body]: EventRow): StoredEvent {
    return {
      id: decodeId(eid),
      datasetId: this.#parts.names.nameOf(dataset),
      owner,
      identities: this.#parts.identities.decodeList(keys, owner),
      at,
      ingestedAt,
      ...(body === null ? {} : { body: decodeBody(body) as ExperienceEvent }),
    };
  }

  #record(owner: IdentityKey, [rid, dataset, keys, operation, at, ordinal, body]: RecordRow): StoredRecord {
    return {
      id: decodeId(rid),
      datasetId: this.#parts.names.nameOf(dataset),
      owner,
      identities: this.#parts.identities.decodeList(keys, owner),
      operation: OPERATIONS[operation] ?? "upsert",
      body: decodeBody(body) as JsonObject,
      at,
      ordinal,
    };
  }
}
