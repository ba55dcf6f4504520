import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fromStored, toStored } from "@tessera/profile-store";

/** The small vocabulary of a store as numbers: data sets, audiences, destinations. All of it stays in memory. */
export class Names {
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #audiences = new Map<string, Map<string, number>>();
  readonly #pairs = new Map<number, readonly [namespace: string, audienceId: string]>();
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #all: StatementSync;
  #added: string[] = [];

  constructor(database: DatabaseSync) {
    this.#select = database.prepare("SELECT id FROM name WHERE name = ?");
    this.#insert = database.prepare("INSERT INTO name(name) VALUES (?)");
    this.#all = database.prepare("SELECT id, name FROM name");
    this.#reload();
  }

  /** The number of a name; a new one is written. Call it inside a transaction. */
  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const stored = toStored(name);
    const found = this.#select.get(stored)?.["id"];
    const id = Number(found ?? this.#insert.run(stored).lastInsertRowid);
    this.#remember(id, name);
    this.#added.push(name);
    return id;
  }

  /** The number of a name, or undefined when no row uses it. */
  find(name: string): number | undefined {
    return this.#ids.get(name) ?? (this.#select.get(toStored(name))?.["id"] as number | undefined);
  }

  nameOf(id: number): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    this.#reload();
    const name = this.#names.get(id);
    if (name === undefined)
      throw new Error(`The store uses name ${id} and does not have it: the file is damaged.`);
    return name;
  }

  /** The number of an audience, which is named by its namespace and its id. */
  audienceOf(namespace: string, audienceId: string): number {
    const inNamespace = this.#audiences.get(namespace) ?? new Map<string, number>();
    const known = inNamespace.get(audienceId);
    if (known !== undefined) return known;
    const id = this.idOf(JSON.stringify([namespace, audienceId]));
    this.#audiences.set(namespace, inNamespace.set(audienceId, id));
    return id;
  }

  audience(id: number): readonly [namespace: string, audienceId: string] {
    const known = this.#pairs.get(id);
    if (known !== undefined) return known;
    const pair = JSON.parse(this.nameOf(id)) as [string, string];
    this.#pairs.set(id, pair);
    return pair;
  }

  /** The transaction is on disk: what it added stays. */
  committed(): void {
    this.#added = [];
  }

  /** The transaction was undone: what it added is forgotten, so that the next one adds it again. */
  rolledBack(): void {
    if (this.#added.length === 0) return;
    this.#added = [];
    this.#reload();
  }

  #reload(): void {
    for (const map of [this.#ids, this.#names, this.#audiences, this.#pairs]) map.clear();
    for (const row of this.#all.iterate()) this.#remember(Number(row["id"]), fromStored(String(row["name"])));
  }

  #remember(id: number, name: string): void {
    this.#ids.set(name, id);
    this.#names.set(id, name);
  }
}
