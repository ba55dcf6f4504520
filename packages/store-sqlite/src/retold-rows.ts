import type { DatabaseSync, StatementSync } from "node:sqlite";

/** So many entries are kept: whoever comes back later than that starts afresh. */
const KEPT = 1_000_000;

/**
 * A person's version tells what was added to them. What was taken away (a person who is no more and may come back from
 * version 1 on, events or records that were erased) is noted here, so that whoever holds a copy knows whom to read anew.
 */
export class RetoldRows {
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #after: StatementSync;
  readonly #bounds: StatementSync;
  readonly #epoch: StatementSync;
  readonly #nextEpoch: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      return statement;
    };
    this.#insert = prepare("INSERT INTO retold(person) VALUES (?)");
    this.#trim = prepare("DELETE FROM retold WHERE id <= (SELECT max(id) FROM retold) - ?");
    this.#after = prepare("SELECT person FROM retold WHERE id > ?");
    this.#bounds = prepare(
      "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'retold'), 0), coalesce(min(id), 0) FROM retold",
    );
    this.#epoch = prepare("SELECT value FROM total WHERE name = 'epoch'");
    this.#nextEpoch = prepare("UPDATE total SET value = value + 1 WHERE name = 'epoch'");
  }

  /** Notes persons, by row. */
  add(rows: readonly number[]): void {
    for (const row of rows) this.#insert.run(row);
    if (rows.length > 0) this.#trim.run(KEPT);
  }

  /** Everything was retold. */
  addAll(): void {
    this.#nextEpoch.run();
  }

  /** What `after` begins from later on. */
  mark(): { readonly epoch: number; readonly last: number } {
    const [epoch] = this.#epoch.get() as unknown as readonly [number];
    const [last] = this.#bounds.get() as unknown as readonly [number, number];
    return { epoch, last };
  }

  /** The persons noted since a mark; undefined when they are no longer known, or everything was retold. */
  after(mark: { readonly epoch: number; readonly last: number }): readonly number[] | undefined {
    if (this.mark().epoch !== mark.epoch) return undefined;
    const [last, first] = this.#bounds.get() as unknown as readonly [number, number];
    if (mark.last > last || (mark.last < last && mark.last < first - 1)) return undefined;
    return (this.#after.all(mark.last) as unknown as readonly (readonly [number])[]).map(([row]) => row);
  }
}
