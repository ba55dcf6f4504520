import type { DatabaseSync, StatementSync } from "node:sqlite";

const NAMES = ["events", "records", "persons", "identities"] as const;

/** What a store counts of itself. */
export type TotalName = (typeof NAMES)[number];

/** Numbers of stored things. Counting rows of a large table takes seconds, so each transaction keeps them up. */
export class Totals {
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  #changes: Record<TotalName, number> = { events: 0, records: 0, persons: 0, identities: 0 };

  constructor(database: DatabaseSync) {
    this.#read = database.prepare("SELECT name, value FROM total");
    this.#write = database.prepare("UPDATE total SET value = value + ? WHERE name = ?");
  }

  read(): Readonly<Record<TotalName, number>> {
    const stored = new Map(this.#read.all().map((row) => [row["name"], Number(row["value"])]));
    return Object.fromEntries(NAMES.map((name) => [name, stored.get(name) ?? 0])) as Record<
      TotalName,
      number
    >;
  }

  add(name: TotalName, change: number): void {
    this.#changes[name] += change;
  }

  /** The changes since the last `write`; `backTo` returns to them. */
  mark(): Readonly<Record<TotalName, number>> {
    return { ...this.#changes };
  }

  backTo(mark: Readonly<Record<TotalName, number>>): void {
    this.#changes = { ...mark };
  }

  /** What is derived was dropped, changes of the open transaction included. */
  forgetDerived(): void {
    this.#changes = { ...this.#changes, persons: 0, identities: 0 };
  }

  /** Writes the changes, once a transaction. */
  write(): void {
    for (const name of NAMES) if (this.#changes[name] !== 0) this.#write.run(this.#changes[name], name);
    this.reset();
  }

  reset(): void {
    this.#changes = { events: 0, records: 0, persons: 0, identities: 0 };
  }
}
