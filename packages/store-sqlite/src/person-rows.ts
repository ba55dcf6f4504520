import type { DatabaseSync, StatementSync } from "node:sqlite";
import { hasData, type PersonState, type PersonWrite } from "@tessera/profile-store";
import type { IdentityKey, JsonObject } from "@tessera/xdm";
import type { FragmentCodec } from "./fragment-row.ts";
import type { IdentityRows } from "./identity-rows.ts";
import type { PersonStateCodec } from "./person-state-row.ts";
import { fromStored, toStored } from "@tessera/profile-store";
import type { Totals } from "./totals.ts";
import { type WarmPerson, WarmPersons } from "./warm-persons.ts";

type Row = readonly [
  id: number,
  pid: string,
  version: number,
  nextChange: number | null,
  state: Uint8Array,
  fragments: string | Uint8Array | null,
];
type NewRow = readonly [
  pid: string,
  version: number,
  hasData: number,
  nextChange: number | null,
  state: Uint8Array | null,
];
type Head = readonly [id: number, version: number, hasData: number, nextChange: number | null];

/** What a write needs to know of the row it changes. */
interface Before {
  readonly row: number;
  readonly hasData: boolean;
  readonly nextChange: number | undefined;
  readonly identities: readonly IdentityKey[];
}

/** What persons are made of and counted in. */
export interface PersonRowParts {
  readonly identities: IdentityRows;
  readonly states: PersonStateCodec;
  readonly fragments: FragmentCodec;
  readonly totals: Totals;
  readonly bodyOfRecord: (row: number) => JsonObject;
  /** How many persons used last are kept decoded. */
  readonly warm: number;
}

const READ = `SELECT id, pid, version, next_change, state, fragments.data
  FROM person LEFT JOIN fragments ON fragments.person = person.id WHERE`;
const FARTHEST = 1000;

/** The persons of a store: their rows, their place in the identity index, and a memory of those used last. */
export class PersonRows {
  readonly #parts: PersonRowParts;
  readonly #warm: WarmPersons;
  readonly #byRow: StatementSync;
  readonly #head: StatementSync;
  readonly #pid: StatementSync;
  readonly #successor: StatementSync;
  readonly #state: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #updateTimer: StatementSync;
  readonly #remove: StatementSync;
  readonly #fragments: StatementSync;
  readonly #putFragments: StatementSync;
  readonly #dropFragments: StatementSync;
  readonly #scan: StatementSync;
  readonly #aliases: StatementSync;
  readonly #delete: StatementSync;
  readonly #takeIn: StatementSync;
  /** Rows given in the open transaction. */
  readonly #newRows = new Map<string, number>();
  #written: WarmPerson[] = [];
  #gone: { readonly row: number; readonly personId: string }[] = [];

  constructor(database: DatabaseSync, parts: PersonRowParts) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#parts = parts;
    this.#warm = new WarmPersons(parts.warm);
    this.#byRow = prepare(`${READ} id = ? AND version > 0`);
    this.#head = prepare("SELECT id, version, has_data, next_change FROM person WHERE pid = ?");
    this.#pid = prepare("SELECT pid FROM person WHERE id = ?");
    this.#successor = prepare("SELECT version, successor FROM person WHERE id = ?");
    this.#state = prepare("SELECT state FROM person WHERE id = ?");
    this.#insert = prepare(
      "INSERT INTO person(pid, version, has_data, next_change, state) VALUES (?, ?, ?, ?, ?)",
    );
    this.#update = prepare(
      "UPDATE person SET version = ?, has_data = ?, state = ? WHERE id = ? AND version = ?",
    );
    this.#updateTimer = prepare(
      "UPDATE person SET version = ?, has_data = ?, state = ?, next_change = ?, successor = NULL WHERE id = ? AND version = ?",
    );
    this.#remove = prepare(
      "UPDATE person SET version = 0, has_data = 0, next_change = NULL, state = NULL, successor = ? WHERE id = ? AND version = ?",
    );
    this.#fragments = prepare("SELECT data FROM fragments WHERE person = ?");
    this.#putFragments = prepare("INSERT OR REPLACE INTO fragments(person, data) VALUES (?, ?)");
    this.#dropFragments = prepare("DELETE FROM fragments WHERE person = ?");
    this.#aliases = prepare("SELECT id, pid FROM person WHERE successor = ?");
    this.#delete = prepare("DELETE FROM person WHERE id = ? AND version = 0");
    this.#takeIn = prepare(
      "UPDATE person SET version = ?, has_data = ?, next_change = ?, state = ?, successor = NULL WHERE id = ?",
    );
    this.#scan = prepare(`${READ} pid > ? AND version > 0 ORDER BY pid LIMIT ?`);
  }

  /** Deletes the empty rows of removed persons, and of the ids that led to them; gives all those rows and ids. */
  erase(personIds: readonly string[]): readonly { readonly row: number; readonly personId: string }[] {
    const gone = new Map<number, string>();
    const open = personIds.flatMap((personId) => {
      const row = this.rowOf(personId);
      return row === undefined ? [] : [{ row, personId }];
    });
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (gone.has(next.row)) continue;
      gone.set(next.row, next.personId);
      for (const found of this.#aliases.all(next.row)) {
        const [row, pid] = found as unknown as readonly [number, string];
        open.push({ row, personId: fromStored(pid) });
      }
    }
    for (const [row, personId] of gone) {
      this.#delete.run(row);
      this.#newRows.delete(personId);
    }
    return [...gone].map(([row, personId]) => ({ row, personId }));
  }

  /** Takes in a person of a copy, version included. */
  takeIn(person: PersonState): void {
    const { identities, totals, states, fragments } = this.#parts;
    const head = this.#head.get(toStored(person.personId)) as unknown as Head | undefined;
    if (head !== undefined && head[1] > 0) {
      for (const key of this.#identitiesOf(head[0])) {
        identities.release(key, head[0]);
        totals.add("identities", -1);
      }
    }
    const row = this.internId(person.personId);
    const full = hasData(person);
    const state = states.encode(person);
    this.#takeIn.run(person.version, full ? 1 : 0, person.nextChangeAt ?? null, state, row);
    if (person.fragments.length === 0) this.#dropFragments.run(row);
    else this.#putFragments.run(row, fragments.encode(person.fragments));
    for (const key of person.identities) {
      if (!identities.claim(key, row)) throw new Error("Two persons of a copy have one identity.");
      totals.add("identities", 1);
    }
    totals.add("persons", (full ? 1 : 0) - (head?.[2] ?? 0));
  }

  /** The person of a row, unless it is only a mark left by someone removed. */
  at(row: number): PersonState | undefined {
    const warm = this.#warm.at(row);
    if (warm !== undefined) return warm.person;
    const found = this.#byRow.get(row) as unknown as Row | undefined;
    if (found === undefined) return undefined;
    const person = this.#decode(found);
    this.#warm.keep({ row, person });
    return person;
  }

  /** The person with this id, or the one it went into. */
  follow(personId: string): PersonState | undefined {
    const warm = this.#warm.of(personId);
    if (warm !== undefined) return warm.person;
    let row = this.rowOf(personId);
    for (let step = 0; row !== undefined && step < FARTHEST; step += 1) {
      const [version, successor] = this.#successor.get(row) as unknown as readonly [number, number | null];
      if (version > 0) return this.at(row);
      row = successor ?? undefined;
    }
    return undefined;
  }

  /** The fragments of a row as they are stored. */
  storedFragments(row: number): string | Uint8Array | undefined {
    return (this.#fragments.get(row) as unknown as readonly [string | Uint8Array] | undefined)?.[0];
  }

  scan(after: string, limit: number): readonly PersonState[] {
    return (this.#scan.all(toStored(after), limit) as unknown as readonly Row[]).map((row) =>
      this.#decode(row),
    );
  }

  /** The row of a person's id, whether that person is there or not. */
  rowOf(personId: string): number | undefined {
    const known = this.#newRows.get(personId);
    return known ?? (this.#head.get(toStored(personId)) as unknown as Head | undefined)?.[0];
  }

  /** The row of a person's id; an unknown one gets an empty row. */
  internId(personId: string): number {
    return (
      this.#warm.of(personId)?.row ??
      this.rowOf(personId) ??
      this.#added([toStored(personId), 0, 0, null, null])
    );
  }

  idOf(row: number): string {
    return fromStored(String((this.#pid.get(row) as unknown as readonly [string])[0]));
  }

  /** The id that a row's text stands for. */
  nameOf(pid: string): string {
    return fromStored(pid);
  }

  versionOf(personId: string): number {
    return (this.#head.get(toStored(personId)) as unknown as Head | undefined)?.[1] ?? 0;
  }

  /** Writes persons; false as soon as a version or an identity is not what it should be: then undo the transaction. */
  write(writes: readonly PersonWrite[]): boolean {
    const befores: Before[] = [];
    for (const write of writes) {
      const before = this.#before(write);
      if (before === undefined) return false;
      befores.push(before);
    }
    writes.forEach((write, index) => this.#release(write, befores[index] as Before));
    // Those who stay come first: whoever is removed may lead to a newcomer.
    const put = writes.every(
      (write, index) => write.kind !== "put" || this.#put(write, befores[index] as Before),
    );
    return (
      put &&
      writes.every((write, index) => write.kind !== "remove" || this.#drop(write, befores[index] as Before))
    );
  }

  /** The transaction is on disk: what it wrote may be answered from memory. */
  committed(): void {
    for (const { row, personId } of this.#gone) this.#warm.forget(row, personId);
    for (const warm of this.#written) this.#warm.keep(warm);
    this.rolledBack();
  }

  rolledBack(): void {
    this.#written = [];
    this.#gone = [];
    this.#newRows.clear();
  }

  /** How much was written since the last end of a transaction; `backTo` undoes what came after such a mark. */
  mark(): readonly [number, number] {
    return [this.#written.length, this.#gone.length];
  }

  backTo([written, gone]: readonly [number, number]): void {
    this.#written.splice(written);
    this.#gone.splice(gone);
    this.#newRows.clear();
  }

  /** Another process wrote to the file, or everything derived was dropped. */
  forgetAll(): void {
    this.#warm.clear();
  }

  /** All persons are dropped with the transaction that is open: nothing before it may be answered from memory. */
  droppedAll(): void {
    this.rolledBack();
    this.forgetAll();
  }

  #before(write: PersonWrite): Before | undefined {
    const [personId, expected] =
      write.kind === "put"
        ? [write.person.personId, write.person.version - 1]
        : [write.personId, write.expectedVersion];
    const warm = this.#warm.of(personId);
    if (warm !== undefined && warm.person.version === expected) {
      const { nextChangeAt, identities } = warm.person;
      return { row: warm.row, hasData: hasData(warm.person), nextChange: nextChangeAt, identities };
    }
    const head = this.#head.get(toStored(personId)) as unknown as Head | undefined;
    if ((head?.[1] ?? 0) !== expected) return undefined;
    if (head === undefined) return { row: 0, hasData: false, nextChange: undefined, identities: [] };
    const [row, version, stored, nextChange] = head;
    const identities = version === 0 ? [] : this.#identitiesOf(row);
    return { row, hasData: stored === 1, nextChange: nextChange ?? undefined, identities };
  }

  #identitiesOf(row: number): readonly IdentityKey[] {
    const [state] = this.#state.get(row) as unknown as readonly [Uint8Array];
    return this.#parts.states.identitiesOf(state);
  }

  #release(write: PersonWrite, before: Before): void {
    const kept = write.kind === "put" ? write.person.identities : [];
    if (kept === before.identities || sameKeys(kept, before.identities)) return;
    const stays = new Set(kept);
    for (const key of before.identities) {
      if (stays.has(key)) continue;
      this.#parts.identities.release(key, before.row);
      this.#parts.totals.add("identities", -1);
    }
  }

  #put(write: Extract<PersonWrite, { kind: "put" }>, before: Before): boolean {
    const { person, fragmentsChanged } = write;
    const { states, fragments, totals } = this.#parts;
    const state = states.encode(person);
    const full = hasData(person);
    const next = person.nextChangeAt ?? null;
    let { row } = before;
    if (row === 0) {
      // The same new person twice in one commit would be two rows: the second one is a conflict.
      if (this.#newRows.has(person.personId)) return false;
      row = this.#added([toStored(person.personId), person.version, full ? 1 : 0, next, state]);
      this.#newRows.set(person.personId, row);
    } else {
      const expected = person.version - 1;
      const same = expected > 0 && before.nextChange === person.nextChangeAt;
      const { changes } = same
        ? this.#update.run(person.version, full ? 1 : 0, state, row, expected)
        : this.#updateTimer.run(person.version, full ? 1 : 0, state, next, row, expected);
      if (Number(changes) !== 1) return false;
    }
    if (fragmentsChanged) {
      if (person.fragments.length === 0) this.#dropFragments.run(row);
      else this.#putFragments.run(row, fragments.encode(person.fragments));
    }
    totals.add("persons", (full ? 1 : 0) - (before.hasData ? 1 : 0));
    this.#written.push({ row, person });
    return this.#claim(person, before, row);
  }

  #claim({ identities }: PersonState, before: Before, row: number): boolean {
    if (identities === before.identities || sameKeys(identities, before.identities)) return true;
    const had = new Set(before.identities);
    for (const key of identities) {
      if (had.has(key)) continue;
      if (!this.#parts.identities.claim(key, row)) return false;
      this.#parts.totals.add("identities", 1);
    }
    return true;
  }

  #drop(write: Extract<PersonWrite, { kind: "remove" }>, { row, hasData: had }: Before): boolean {
    const successor = write.successor === undefined ? null : this.internId(write.successor);
    // Someone who was never stored cannot be removed at version 0 either: only the way to the successor is kept.
    const at = row === 0 ? this.internId(write.personId) : row;
    if (Number(this.#remove.run(successor, at, write.expectedVersion).changes) !== 1) return false;
    this.#dropFragments.run(at);
    this.#parts.totals.add("persons", had ? -1 : 0);
    this.#gone.push({ row: at, personId: write.personId });
    return true;
  }

  #added(values: NewRow): number {
    return Number(this.#insert.run(...values).lastInsertRowid);
  }

  #decode([, pid, version, nextChange, state, held]: Row): PersonState {
    const { identities, graph, memberships, eventState, eventCount, evaluatedAt, regions } =
      this.#parts.states.decode(state);
    const fragments = held === null ? [] : this.#parts.fragments.decode(held, this.#parts.bodyOfRecord);
    return {
      personId: fromStored(pid),
      version,
      identities,
      graph,
      fragments,
      memberships,
      ...(eventState === undefined ? {} : { eventState }),
      eventCount,
      evaluatedAt,
      ...(nextChange === null ? {} : { nextChangeAt: nextChange }),
      ...(regions === undefined ? {} : { regions }),
    };
  }
}

function sameKeys(a: readonly IdentityKey[], b: readonly IdentityKey[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}
