import type { DatabaseSync, StatementSync } from "node:sqlite";
import { decodeId, encodeId } from "./event-id.ts";

/** An event that is stored and not yet in the tables that find it. */
interface Recent {
  readonly id: string;
  readonly owner: number;
  readonly at: number;
  readonly row: number;
}

/** A batch of recent events on its way into the tables, a slice with each transaction. */
interface Merge {
  readonly byId: readonly Recent[];
  readonly byOwner: readonly Recent[];
  readonly lastRow: number;
  /** How many of each are written and on disk. */
  done: number;
  /** How many of each are written in the open transaction. */
  written: number;
}

/** A moment of the index within a transaction. */
export interface IndexMark {
  readonly recent: number;
  readonly committed: number;
  readonly sweeps: number;
}

const MOST = 100_000;
const SHARE_OF_STORED = 50;
const SLICES = 20;

/**
 * Finds events by id and by owner. Ids come in no order, so entering each at once into a table of all ids would rewrite
 * a page of the file for each event, twice. Instead the events stored last are found through memory (read anew from
 * the rows themselves when the file is opened), and go into the tables sorted, many to a page.
 */
export class EventIndex {
  readonly #known: StatementSync;
  readonly #insertId: StatementSync;
  readonly #insertOwner: StatementSync;
  readonly #since: StatementSync;
  readonly #indexed: StatementSync;
  readonly #setIndexed: StatementSync;
  readonly #stored: StatementSync;
  readonly #rowOfId: StatementSync;
  readonly #forgetId: StatementSync;
  readonly #forgetOwner: StatementSync;
  readonly #ofOwner: StatementSync;
  readonly #lastStored: StatementSync;
  readonly #countSweep: StatementSync;
  readonly #sweepCount: StatementSync;
  readonly #rowOf = new Map<string, number>();
  readonly #rowsOf = new Map<number, number[]>();
  /** Ids asked for that are not stored, as far as this process and its last look at the file know. */
  readonly #absent = new Set<string>();
  /** In the order of rows. */
  #recent: Recent[] = [];
  #committed = 0;
  readonly #fewest: number;
  #mergeAt: number;
  #merge: Merge | undefined;
  /** How often everything was brought into the tables at once, and how often that is on disk. */
  #sweeps = 0;
  #sweepsOnDisk = 0;
  /** How often anybody did, as the file says: after it, numbers of rows that are known here may be those of other events. */
  #sweepsOfAll = 0;

  /** From `fewest` events on they are merged; with many stored, more are gathered first. */
  constructor(database: DatabaseSync, fewest: number) {
    this.#fewest = fewest;
    this.#mergeAt = fewest;
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#known = prepare("SELECT 1 FROM event_key WHERE eid = ?");
    this.#insertId = prepare("INSERT OR IGNORE INTO event_key(eid, id) VALUES (?, ?)");
    this.#insertOwner = prepare("INSERT OR IGNORE INTO event_of(owner, at, id) VALUES (?, ?, ?)");
    this.#since = prepare("SELECT id, eid, owner, at FROM event WHERE id > ? ORDER BY id");
    this.#indexed = prepare("SELECT value FROM total WHERE name = 'indexed'");
    this.#setIndexed = prepare("UPDATE total SET value = max(value, ?) WHERE name = 'indexed'");
    this.#stored = prepare("SELECT value FROM total WHERE name = 'events'");
    this.#rowOfId = prepare("SELECT id FROM event_key WHERE eid = ?");
    this.#forgetId = prepare("DELETE FROM event_key WHERE eid = ?");
    this.#forgetOwner = prepare("DELETE FROM event_of WHERE owner = ? AND at = ? AND id = ?");
    this.#ofOwner = prepare("SELECT id FROM event_of WHERE owner = ?");
    this.#lastStored = prepare(
      "UPDATE total SET value = (SELECT coalesce(max(id), 0) FROM event) WHERE name = 'indexed'",
    );
    this.#countSweep = prepare(
      `INSERT INTO total(name, value) VALUES ('sweeps', 1)
       ON CONFLICT(name) DO UPDATE SET value = value + 1 RETURNING value`,
    );
    this.#sweepCount = prepare("SELECT coalesce(max(value), 0) FROM total WHERE name = 'sweeps'");
    this.catchUp();
  }

  /** The row of an event. */
  rowOf(id: string): number | undefined {
    const known = this.#rowOf.get(id);
    return known ?? (this.#rowOfId.get(encodeId(id)) as unknown as readonly [number] | undefined)?.[0];
  }

  isKnown(id: string): boolean {
    if (this.#absent.has(id)) return false;
    if (this.#rowOf.has(id) || this.#known.get(encodeId(id)) !== undefined) return true;
    // A batch asks when it is loaded and once more when it is committed.
    if (this.#absent.size >= MOST) this.#absent.clear();
    this.#absent.add(id);
    return false;
  }

  /** Rows of an owner's recent events; the tables may hold some of them too. */
  recentOf(owner: number): readonly number[] {
    return this.#rowsOf.get(owner) ?? [];
  }

  add(event: Recent): void {
    this.#recent.push(event);
    this.#absent.delete(event.id);
    this.#rowOf.set(event.id, event.row);
    const rows = this.#rowsOf.get(event.owner);
    if (rows === undefined) this.#rowsOf.set(event.owner, [event.row]);
    else rows.push(event.row);
  }

  /** Brings all recent events into the tables, so that rows can be deleted. Part of the transaction. */
  sweep(): void {
    for (const { id, row } of this.#recent.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
      this.#insertId.run(encodeId(id), row);
    for (const { owner, at, row } of this.#recent.toSorted((a, b) => a.owner - b.owner || a.at - b.at))
      this.#insertOwner.run(owner, at, row);
    this.#lastStored.run();
    [this.#sweepsOfAll] = this.#countSweep.get() as unknown as readonly [number];
    this.#sweeps += 1;
    this.#forgetRecent();
  }

  /** Rows of all events of an owner. After `sweep`. */
  rowsOf(owner: number): readonly number[] {
    return (this.#ofOwner.all(owner) as unknown as readonly (readonly [number])[]).map(([row]) => row);
  }

  /** Takes events out of the tables; their rows are deleted already. After `sweep`. */
  erase(
    events: readonly {
      readonly eid: string | Uint8Array;
      readonly owner: number;
      readonly at: number;
      readonly row: number;
    }[],
  ): void {
    for (const { eid, owner, at, row } of events) {
      this.#forgetId.run(eid);
      this.#forgetOwner.run(owner, at, row);
    }
    // The next event may get the number of an erased one.
    this.#lastStored.run();
  }

  /** How many were added in all; `backTo` undoes what came after such a mark. */
  mark(): IndexMark {
    return { recent: this.#recent.length, committed: this.#committed, sweeps: this.#sweeps };
  }

  backTo({ recent, committed, sweeps }: IndexMark): void {
    this.#absent.clear();
    if (sweeps !== this.#sweeps) {
      this.#sweeps = sweeps;
      this.#forgetRecent();
      this.catchUp();
      this.#committed = committed;
    } else this.#dropAfter(recent);
  }

  #dropAfter(mark: number): void {
    for (let last = this.#recent.length; last > mark; last -= 1) {
      const event = this.#recent.pop();
      if (event === undefined) return;
      this.#rowOf.delete(event.id);
      const rows = this.#rowsOf.get(event.owner);
      rows?.pop();
      if (rows?.length === 0) this.#rowsOf.delete(event.owner);
    }
  }

  /** Writes a slice of the recent events into the tables when there are many. Part of the transaction. */
  mergeSome(): void {
    this.#merge ??= this.#startMerge();
    const merge = this.#merge;
    if (merge === undefined) return;
    // Twice as fast as events come in, so that a merge ends before the next one is due.
    const slice = Math.max(Math.ceil(this.#fewest / SLICES), 2 * (this.#recent.length - this.#committed));
    const end = Math.min(merge.byId.length, merge.done + slice);
    for (let index = merge.done; index < end; index += 1) {
      const { id, row: keyed } = merge.byId[index] as Recent;
      this.#insertId.run(encodeId(id), keyed);
      const { owner, at, row } = merge.byOwner[index] as Recent;
      this.#insertOwner.run(owner, at, row);
    }
    merge.written = end;
    if (end === merge.byId.length) this.#setIndexed.run(merge.lastRow);
  }

  committed(): void {
    this.#committed = this.#recent.length;
    this.#sweepsOnDisk = this.#sweeps;
    const merge = this.#merge;
    if (merge === undefined) return;
    merge.done = merge.written;
    if (merge.done < merge.byId.length) return;
    this.#merge = undefined;
    this.#forgetUpTo(merge.lastRow);
  }

  rolledBack(): void {
    this.#absent.clear();
    if (this.#sweeps !== this.#sweepsOnDisk) {
      this.#sweeps = this.#sweepsOnDisk;
      this.#forgetRecent();
      this.catchUp();
    } else this.#dropAfter(this.#committed);
    if (this.#merge !== undefined) this.#merge.written = this.#merge.done;
  }

  /** Reads what other processes, or this one before it ended, stored and did not bring into the tables. */
  catchUp(): void {
    this.#absent.clear();
    const [indexed] = this.#indexed.get() as unknown as readonly [number];
    const [sweeps] = this.#sweepCount.get() as unknown as readonly [number];
    if (sweeps === this.#sweepsOfAll) this.#forgetUpTo(indexed);
    else this.#forgetRecent();
    this.#sweepsOfAll = sweeps;
    const from = Math.max(indexed, this.#recent.at(-1)?.row ?? 0);
    for (const found of this.#since.iterate(from)) {
      const [row, eid, owner, at] = found as unknown as readonly [
        number,
        string | Uint8Array,
        number,
        number,
      ];
      this.add({ id: decodeId(eid), owner, at, row });
    }
    this.#committed = this.#recent.length;
  }

  #forgetRecent(): void {
    this.#recent = [];
    this.#rowOf.clear();
    this.#rowsOf.clear();
    this.#committed = 0;
    this.#merge = undefined;
  }

  #startMerge(): Merge | undefined {
    if (this.#recent.length < this.#mergeAt || this.#committed === 0) return undefined;
    const [stored] = this.#stored.get() as unknown as readonly [number];
    this.#mergeAt = Math.max(this.#fewest, Math.min(MOST, Math.floor(stored / SHARE_OF_STORED)));
    const merged = this.#recent.slice(0, this.#committed);
    return {
      byId: merged.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      byOwner: merged.toSorted((a, b) => a.owner - b.owner || a.at - b.at),
      lastRow: merged.at(-1)?.row ?? 0,
      done: 0,
      written: 0,
    };
  }

  #forgetUpTo(row: number): void {
    const end = this.#recent.findIndex((event) => event.row > row);
    const gone = this.#recent.splice(0, end === -1 ? this.#recent.length : end);
    for (const { id, owner } of gone) {
      this.#rowOf.delete(id);
      const rows = this.#rowsOf.get(owner)?.filter((kept) => kept > row) ?? [];
      if (rows.length === 0) this.#rowsOf.delete(owner);
      else this.#rowsOf.set(owner, rows);
    }
    this.#committed = Math.max(0, this.#committed - gone.length);
  }
}
