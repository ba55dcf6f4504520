import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  compareEvents,
  compareRecords,
  type RecordOperation,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import type { ExperienceEvent, IdentityKey, JsonObject } from "@tessera/xdm";
import { decodeBody, encodeBody } from "./body.ts";
import { decodeId, encodeId } from "./event-id.ts";
import { EventIndex } from "./event-index.ts";
import type { FragmentCodec } from "./fragment-row.ts";
import type { IdentityRows } from "./identity-rows.ts";
import type { Names } from "./names.ts";
import { fromStored, toStored } from "@tessera/profile-store";
import type { Totals } from "./totals.ts";

const OPERATIONS: readonly RecordOperation[] = ["upsert", "merge", "delete"];

type Stored = string | Uint8Array;
type EventRow = readonly [number, Stored, number, Uint8Array | null, number, number, Stored | null];
type RecordRow = readonly [Stored, number, Uint8Array | null, number, number, number, Stored];

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
  readonly #records: StatementSync;
  readonly #body: StatementSync;
  readonly #owners: StatementSync;
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
    this.#records = prepare(
      "SELECT rid, dataset, identities, operation, at, ordinal, body FROM record WHERE owner = ?",
    );
    this.#body = prepare("SELECT body FROM record WHERE id = ?");
    this.#owners = prepare(
      `SELECT key, id, EXISTS (SELECT 1 FROM event_of WHERE owner = identity.id)
         OR EXISTS (SELECT 1 FROM record WHERE owner = identity.id)
       FROM identity WHERE key > ? ORDER BY key`,
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
  mark(): readonly [records: number, events: number] {
    return [this.#upserts.length, this.#index.mark()];
  }

  backTo([records, events]: readonly [number, number]): void {
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
