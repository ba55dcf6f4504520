import type { DatabaseSync, StatementSync } from "node:sqlite";
import type {
  DocumentWrite,
  OutboxEntry,
  QuarantinedItem,
  QueuedEntry,
  RecordOperation,
  StoredDocument,
} from "@tessera/profile-store";
import type { JsonObject, JsonValue, MembershipChange } from "@tessera/xdm";
import { decodeBody, encodeBody } from "./body.ts";
import type { Names } from "./names.ts";
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
type ChangeRow = readonly [audience: number, change: number, version: number, at: number | Uint8Array];

const STATES: readonly MembershipChange["from"][] = ["none", "realized", "existing", "exited"];
const RADIX = 4;

/** The rows beside persons and truth: the membership log, the outbox, the quarantine, documents and counters. */
export class QueueRows {
  readonly #names: Names;
  readonly #persons: PersonRows;
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(database: DatabaseSync, names: Names, persons: PersonRows) {
    this.#names = names;
    this.#persons = persons;
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

  log(changes: readonly MembershipChange[]): void {
    const rows = new Map<string, number>();
    for (const { personId, namespace, audienceId, from, to, at, version } of changes) {
      const person = rows.get(personId) ?? this.#persons.internId(personId);
      rows.set(personId, person);
      this.#sql.logChange.run(
        person,
        this.#names.audienceOf(namespace, audienceId),
        STATES.indexOf(from) * RADIX + STATES.indexOf(to),
        version,
        encodeTime(at),
      );
    }
  }

  membershipLog(personId: string): readonly MembershipChange[] {
    const person = this.#persons.rowOf(personId);
    if (person === undefined) return [];
    const rows = this.#sql.logOf.all(person) as unknown as readonly ChangeRow[];
    return rows.map(([audience, change, version, at]) => {
      const [namespace, audienceId] = this.#names.audience(audience);
      const from = STATES[Math.floor(change / RADIX)] ?? "none";
      const to = STATES[change % RADIX] ?? "none";
      return { personId, namespace, audienceId, from, to, at: decodeTime(at), version };
    });
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
      this.#sql.eraseLog.run(row);
      this.#sql.eraseWaiting.run(toStored(personId));
    }
  }

  /** Makes the log of a person that of a copy. */
  takeInLog(personId: string, changes: readonly MembershipChange[]): void {
    this.#sql.eraseLog.run(this.#persons.internId(personId));
    this.log(changes);
  }

  takeInDocument({ kind, id, version, body }: StoredDocument): void {
    this.#sql.takeInDocument.run(toStored(kind), toStored(id), version, encodeBody(body));
  }

  takeInCounter(name: string, value: number): void {
    this.#sql.takeInCounter.run(toStored(name), value);
  }

  /** Rows of persons with a log, in order. */
  loggedAfter(row: number, limit: number): readonly number[] {
    const rows = this.#sql.loggedAfter.all(row, limit) as unknown as readonly (readonly [number])[];
    return rows.map(([person]) => person);
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
  logChange: "INSERT INTO membership_log(person, audience, change, version, at) VALUES (?, ?, ?, ?, ?)",
  logOf: "SELECT audience, change, version, at FROM membership_log WHERE person = ? ORDER BY id",
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
  eraseLog: "DELETE FROM membership_log WHERE person = ?",
  eraseWaiting: "DELETE FROM outbox WHERE person = ?",
  takeInDocument: "INSERT OR REPLACE INTO document(kind, id, version, body) VALUES (?, ?, ?, ?)",
  takeInCounter: "INSERT OR REPLACE INTO counter(name, value) VALUES (?, ?)",
  loggedAfter: "SELECT DISTINCT person FROM membership_log WHERE person > ? ORDER BY person LIMIT ?",
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

/** A time as a number when it is in the form that all of Tessera writes, else its own text as bytes. */
function encodeTime(at: string): number | Uint8Array {
  const time = Date.parse(at);
  if (!Number.isNaN(time) && new Date(time).toISOString() === at) return time;
  return Buffer.from(JSON.stringify(at), "utf8");
}

function decodeTime(stored: number | Uint8Array): string {
  if (typeof stored === "number") return new Date(stored).toISOString();
  return JSON.parse(Buffer.from(stored).toString("utf8")) as string;
}
