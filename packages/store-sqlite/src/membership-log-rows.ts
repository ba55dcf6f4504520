import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { MembershipChange } from "@tessera/xdm";
import type { Names } from "./names.ts";
import type { PersonRows } from "./person-rows.ts";
import { RowReader, RowWriter } from "./row-bytes.ts";

type ChangeRow = readonly [
  audience: number,
  change: number,
  version: number,
  at: number | Uint8Array,
  more: Uint8Array | null,
];

const STATES: readonly MembershipChange["from"][] = ["none", "realized", "existing", "exited"];
const RADIX = 4;

/**
 * How memberships changed. What one commit changes for a person is one row: the first change in its columns, those that
 * follow it as bytes. Rows cost more to write than what is in them.
 */
export class MembershipLogRows {
  readonly #names: Names;
  readonly #persons: PersonRows;
  readonly #writer = new RowWriter();
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #erase: StatementSync;
  readonly #after: StatementSync;

  constructor(database: DatabaseSync, names: Names, persons: PersonRows) {
    this.#names = names;
    this.#persons = persons;
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#insert = prepare(
      "INSERT INTO membership_log(person, audience, change, version, at, more) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#select = prepare(
      "SELECT audience, change, version, at, more FROM membership_log WHERE person = ? ORDER BY id",
    );
    this.#erase = prepare("DELETE FROM membership_log WHERE person = ?");
    this.#after = prepare(
      "SELECT DISTINCT person FROM membership_log WHERE person > ? ORDER BY person LIMIT ?",
    );
  }

  /** Appends changes; those of one person are read in the order they were given in. */
  add(changes: readonly MembershipChange[]): void {
    const times = new Times();
    for (let start = 0; start < changes.length;) {
      const first = changes[start] as MembershipChange;
      const at = times.encode(first.at);
      const row = this.#writer;
      row.begin();
      let end = start + 1;
      for (let next = changes[end]; next?.personId === first.personId; next = changes[end]) {
        const distance = distanceOf(at, times.encode(next.at));
        if (distance === undefined) break;
        row.varint(this.#names.audienceOf(next.namespace, next.audienceId));
        row.varint(changeOf(next));
        row.number(next.version);
        row.number(distance);
        end += 1;
      }
      this.#insert.run(
        this.#persons.internId(first.personId),
        this.#names.audienceOf(first.namespace, first.audienceId),
        changeOf(first),
        first.version,
        at,
        end === start + 1 ? null : row.done(),
      );
      start = end;
    }
  }

  /** The changes of a person, the oldest first. */
  of(personId: string): readonly MembershipChange[] {
    const person = this.#persons.rowOf(personId);
    if (person === undefined) return [];
    const changes: MembershipChange[] = [];
    const add = (audience: number, change: number, version: number, at: string): void => {
      const [namespace, audienceId] = this.#names.audience(audience);
      const from = STATES[Math.floor(change / RADIX)] ?? "none";
      const to = STATES[change % RADIX] ?? "none";
      changes.push({ personId, namespace, audienceId, from, to, at, version });
    };
    for (const found of this.#select.all(person)) {
      const [audience, change, version, at, more] = found as unknown as ChangeRow;
      add(audience, change, version, decodeTime(at));
      if (more === null) continue;
      for (const row = new RowReader(more); !row.atEnd;)
        add(row.varint(), row.varint(), row.number(), decodeTime(Number(at) + row.number()));
    }
    return changes;
  }

  /** Forgets all changes of the person in this row. */
  erase(row: number): void {
    this.#erase.run(row);
  }

  /** Makes the log of a person that of a copy. */
  takeIn(personId: string, changes: readonly MembershipChange[]): void {
    this.erase(this.#persons.internId(personId));
    this.add(changes);
  }

  /** Rows of persons with a log, in order. */
  personsAfter(row: number, limit: number): readonly number[] {
    const rows = this.#after.all(row, limit) as unknown as readonly (readonly [number])[];
    return rows.map(([person]) => person);
  }
}

function changeOf({ from, to }: MembershipChange): number {
  return STATES.indexOf(from) * RADIX + STATES.indexOf(to);
}

/** How much later a time is than another; undefined where that is no number without loss. */
function distanceOf(from: number | Uint8Array, to: number | Uint8Array): number | undefined {
  if (typeof from !== "number" || typeof to !== "number") return undefined;
  return Number.isSafeInteger(to - from) ? to - from : undefined;
}

/** Times as their rows keep them. Changes that follow each other are mostly of one moment, which is then read once. */
class Times {
  #last: string | undefined;
  #encoded: number | Uint8Array = 0;

  /** A number when the time is in the form that all of Tessera writes, else its own text as bytes. */
  encode(at: string): number | Uint8Array {
    if (at === this.#last) return this.#encoded;
    const time = Date.parse(at);
    const isUsual = !Number.isNaN(time) && new Date(time).toISOString() === at;
    this.#last = at;
    this.#encoded = isUsual ? time : Buffer.from(JSON.stringify(at), "utf8");
    return this.#encoded;
  }
}

function decodeTime(stored: number | Uint8Array): string {
  if (typeof stored === "number") return new Date(stored).toISOString();
  return JSON.parse(Buffer.from(stored).toString("utf8")) as string;
}
