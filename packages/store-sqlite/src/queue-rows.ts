import type { DatabaseSync, StatementSync } from "node:sqlite";
import type {
  DocumentWrite,
  OutboxEntry,
  QuarantinedItem,
  QueuedEntry,
  RecordOperation,
  StoredDocument,
} from "@tessera/profile-store";
import type { JsonObject, JsonValue } from "@tessera/xdm";
import { decodeBody, encodeBody } from "./body.ts";
import type { Names } from "./names.ts";
import { MembershipLogRows } from "./membership-log-rows.ts";
import type { PersonRows } from "./person-rows.ts";
import { fromStored, toStored } from "@tessera/profile-store";

type Stored = string | Uint8Array;
type EntryRow = readonly [number, string, string, number, Stored];
type ItemRow = readonly [
  ...texts: [string, string, string, string, string],
  number,
  Stored,
  string | null,
  number,
];
type DocumentRow = readonly [string, string, number, Stored];
/** The rows beside persons and truth: the membership log, the outbox, the quarantine, documents and counters. */
export class QueueRows {
  readonly #names: Names;
  readonly log: MembershipLogRows;
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(database: DatabaseSync, names: Names, persons: PersonRows) {
    this.#names = names;
    this.log = new MembershipLogRows(database, names, persons);
    const prepared = Object.entries(SQL).map(([name, sql]) => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return [name, statement];
    });
    this.#sql = Object.fromEntries(prepared) as Record<keyof typeof SQL, StatementSync>;
  }

  /** Writes documents; false when one has another version than expected: then undo the transaction. */
  writeDocuments(writes: readonly DocumentWrite[]): boolean {
    return writes.every(({ kind, id, expectedVersion, body }) => {
      const key = [toStored(kind), toStored(id)] as const;
      if (body === undefined) {
        const { changes } = this.#sql.deleteDocument.run(...key, expectedVersion);
        return changes === 1 || (expectedVersion === 0 && this.versionOfDocument(kind, id) === 0);
      }
      const { changes } =
        expectedVersion === 0
          ? this.#sql.insertDocument.run(...key, encodeBody(body))
          : this.#sql.updateDocument.run(encodeBody(body), ...key, expectedVersion);
      return changes === 1;
    });
  }

  versionOfDocument(kind: string, id: string): number {
    return this.document(kind, id)?.version ?? 0;
  }

  document(kind: string, id: string): StoredDocument | undefined {
    const row = this.#sql.document.get(toStored(kind), toStored(id)) as unknown as DocumentRow | undefined;
    return row === undefined ? undefined : documentOf(row);
  }

  documents(kind: string): readonly StoredDocument[] {
    return (this.#sql.documents.all(toStored(kind)) as unknown as readonly DocumentRow[]).map(documentOf);
  }

  addToCounters(changes: { readonly [name: string]: number }): void {
    for (const [name, change] of Object.entries(changes)) {
      if (change !== 0) this.#sql.count.run(toStored(name), change);
    }
  }

  counters(): { readonly [name: string]: number } {
    const rows = this.#sql.counters.all() as unknown as readonly (readonly [string, number])[];
    return Object.fromEntries(rows.map(([name, value]) => [fromStored(name), value]));
  }

  enqueue(entries: readonly OutboxEntry[]): void {
    for (const { id, destinationId, personId, at, body } of entries) {
      const destination = this.#names.idOf(destinationId);
      this.#sql.enqueue.run(toStored(id), destination, toStored(personId), at, encodeBody(body));
    }
  }

  outbox(destinationId: string, after: number, limit: number): readonly QueuedEntry[] {
    const destination = this.#names.find(destinationId);
    if (destination === undefined) return [];
    const rows = this.#sql.outbox.all(destination, after, limit) as unknown as readonly EntryRow[];
    return rows.map((row) => entryOf(row, destinationId));
  }

  acknowledge(ids: readonly string[]): void {
    for (const id of ids) this.#sql.acknowledge.run(toStored(id));
  }

  /** Erases what was logged and what waits about persons whose rows are gone. */
  erase(persons: readonly { readonly row: number; readonly personId: string }[]): void {
    for (const { row, personId } of persons) {
      this.log.erase(row);
      this.#sql.eraseWaiting.run(toStored(personId));
    }
  }

  takeInDocument({ kind, id, version, body }: StoredDocument): void {
    this.#sql.takeInDocument.run(toStored(kind), toStored(id), version, encodeBody(body));
  }

  takeInCounter(name: string, value: number): void {
    this.#sql.takeInCounter.run(toStored(name), value);
  }

  entriesAfter(after: number, limit: number): readonly QueuedEntry[] {
    const rows = this.#sql.entriesAfter.all(after, limit) as unknown as readonly (readonly [
      number,
      ...EntryRow,
    ])[];
    return rows.map(([destination, ...row]) => entryOf(row, this.#names.nameOf(destination)));
  }

  documentsAfter(kind: string, id: string, limit: number): readonly StoredDocument[] {
    const rows = this.#sql.documentsAfter.all(toStored(kind), toStored(id), limit);
    return (rows as unknown as readonly DocumentRow[]).map(documentOf);
  }

  countersAfter(name: string, limit: number): readonly (readonly [name: string, value: number])[] {
    const rows = this.#sql.countersAfter.all(toStored(name), limit) as unknown as readonly (readonly [
      string,
      number,
    ])[];
    return rows.map(([stored, value]) => [fromStored(stored), value]);
  }

  setAside(items: readonly QuarantinedItem[]): void {
    for (const { id, datasetId, kind, code, message, at, body, operation, isRow } of items) {
      this.#sql.setAside.run(
        toStored(id),
        toStored(datasetId),
        kind,
        toStored(code),
        toStored(message),
        at,
        encodeBody(body),
        operation ?? null,
        isRow === true ? 1 : 0,
      );
    }
  }

  quarantined(limit: number, after: string): readonly QuarantinedItem[] {
    const rows = this.#sql.quarantined.all(toStored(after), limit) as unknown as readonly ItemRow[];
    return rows.map(([id, datasetId, kind, code, message, at, body, operation, isRow]) => ({
      id: fromStored(id),
      datasetId: fromStored(datasetId),
      kind: kind === "event" ? "event" : "record",
      code: fromStored(code),
      message: fromStored(message),
      at,
      body: decodeBody(body) as JsonValue,
      ...(operation === null ? {} : { operation: operation as RecordOperation }),
      ...(isRow === 0 ? {} : { isRow: true as const }),
    }));
  }

  release(ids: readonly string[]): void {
    for (const id of ids) this.#sql.release.run(toStored(id));
  }
}

const SQL = {
  insertDocument: "INSERT INTO document(kind, id, version, body) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING",
  updateDocument:
    "UPDATE document SET version = version + 1, body = ? WHERE kind = ? AND id = ? AND version = ?",
  deleteDocument: "DELETE FROM document WHERE kind = ? AND id = ? AND version = ?",
  document: "SELECT kind, id, version, body FROM document WHERE kind = ? AND id = ?",
  documents: "SELECT kind, id, version, body FROM document WHERE kind = ? ORDER BY id",
  count:
    "INSERT INTO counter(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value",
  counters: "SELECT name, value FROM counter WHERE value <> 0 ORDER BY name",
  enqueue:
    "INSERT INTO outbox(id, destination, person, at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING",
  outbox:
    "SELECT sequence, id, person, at, body FROM outbox WHERE destination = ? AND sequence > ? ORDER BY sequence LIMIT ?",
  acknowledge: "DELETE FROM outbox WHERE id = ?",
  setAside:
    "INSERT OR REPLACE INTO quarantine(id, dataset, kind, code, message, at, body, operation, is_row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  quarantined:
    "SELECT id, dataset, kind, code, message, at, body, operation, is_row FROM quarantine WHERE id > ? ORDER BY id LIMIT ?",
  release: "DELETE FROM quarantine WHERE id = ?",
  eraseWaiting: "DELETE FROM outbox WHERE person = ?",
  takeInDocument: "INSERT OR REPLACE INTO document(kind, id, version, body) VALUES (?, ?, ?, ?)",
  takeInCounter: "INSERT OR REPLACE INTO counter(name, value) VALUES (?, ?)",
  entriesAfter:
    "SELECT destination, sequence, id, person, at, body FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ?",
  documentsAfter:
    "SELECT kind, id, version, body FROM document WHERE (kind, id) > (?, ?) ORDER BY kind, id LIMIT ?",
  countersAfter: "SELECT name, value FROM counter WHERE name > ? AND value <> 0 ORDER BY name LIMIT ?",
} as const;

function entryOf([sequence, id, personId, at, body]: EntryRow, destinationId: string): QueuedEntry {
  return {
    id: fromStored(id),
    destinationId,
    personId: fromStored(personId),
    at,
    body: decodeBody(body) as JsonObject,
    sequence,
  };
}

function documentOf([kind, id, version, body]: DocumentRow): StoredDocument {
  return { kind: fromStored(kind), id: fromStored(id), version, body: decodeBody(body) as JsonObject };
}
