import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { IdentityKey } from "@tessera/xdm";
import { Recent } from "./recent.ts";
import { RowReader, RowWriter } from "./row-bytes.ts";
import { fromStored, toStored } from "@tessera/profile-store";

const REMEMBERED = 50_000;
/** Begins what stands in the place of an erased key; no key is without a namespace. */
const BLOT = "\u0000";

/** Identity keys as numbers, and the person each belongs to. A number once read stays right until its key is erased. */
export class IdentityRows {
  readonly #numbers = new Recent<IdentityKey, number>(REMEMBERED);
  /** Whom keys belong to, as far as that was read or written last and nobody else writes to the file. */
  readonly #holders = new Recent<IdentityKey, number>(REMEMBERED);
  readonly #writer = new RowWriter();
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #key: StatementSync;
  readonly #claim: StatementSync;
  readonly #release: StatementSync;
  readonly #blot: StatementSync;
  #added: IdentityKey[] = [];

  constructor(database: DatabaseSync) {
    this.#select = database.prepare("SELECT id, person FROM identity WHERE key = ?");
    this.#insert = database.prepare("INSERT INTO identity(key, person) VALUES (?, ?)");
    this.#key = database.prepare("SELECT key FROM identity WHERE id = ?");
    this.#claim = database.prepare("UPDATE identity SET person = ? WHERE id = ? AND person IS NULL");
    this.#release = database.prepare("UPDATE identity SET person = NULL WHERE key = ? AND person = ?");
    this.#blot = database.prepare("UPDATE identity SET key = ? WHERE id = ? AND person IS NULL");
    for (const statement of [this.#select, this.#key]) statement.setReturnArrays(true);
  }

  /** The row of the person who has this identity now. */
  personOf(key: IdentityKey): number | undefined {
    const known = this.#holders.get(key);
    if (known !== undefined) return known;
    const person = this.#row(key)?.[1] ?? undefined;
    if (person !== undefined) this.#holders.set(key, person);
    return person;
  }

  /** The number of a key, or undefined when nothing mentions it. */
  find(key: IdentityKey): number | undefined {
    return this.#numbers.get(key) ?? this.#row(key)?.[0];
  }

  /** The number of a key; a new one is written. */
  idOf(key: IdentityKey): number {
    const known = this.find(key);
    return known ?? this.#add(key, null);
  }

  /** Gives an identity to a person; false when another person has it. */
  claim(key: IdentityKey, person: number): boolean {
    const known = this.find(key);
    if (known === undefined) {
      this.#add(key, person);
      return true;
    }
    return Number(this.#claim.run(person, known).changes) === 1;
  }

  /** Takes an identity from a person. */
  release(key: IdentityKey, person: number): void {
    this.#holders.delete(key);
    this.#release.run(toStored(key), person);
  }

  /** Blots a key out, unless somebody has it: its number stays taken and names nothing any more. */
  erase(key: IdentityKey): void {
    const id = this.find(key);
    if (id === undefined) return;
    this.#blot.run(`${BLOT}${id}`, id);
    this.#numbers.delete(key);
  }

  /** The identities of an event or record as its row keeps them: null when the owner is the only one. */
  encodeList(keys: readonly IdentityKey[], owner: IdentityKey): Uint8Array | null {
    if (keys.length === 1 && keys[0] === owner) return null;
    const ids = keys.map((key) => this.idOf(key));
    this.#writer.begin();
    for (const id of ids) this.#writer.varint(id);
    return this.#writer.done();
  }

  /** What `encodeList` was given. */
  decodeList(stored: Uint8Array | null, owner: IdentityKey): readonly IdentityKey[] {
    if (stored === null) return [owner];
    const keys: IdentityKey[] = [];
    for (const reader = new RowReader(stored); !reader.atEnd;) {
      const key = this.keyOf(reader.varint());
      if (!key.startsWith(BLOT)) keys.push(key);
    }
    return keys;
  }

  keyOf(id: number): IdentityKey {
    const row = this.#key.get(id) as unknown as readonly [string] | undefined;
    if (row === undefined)
      throw new Error(`The store uses identity ${id} and does not have it: the file is damaged.`);
    return fromStored(row[0]);
  }

  committed(): void {
    this.#added = [];
  }

  /** All persons were dropped. */
  forgetHolders(): void {
    this.#holders.clear();
  }

  /** Someone else wrote to the file: even a number may stand for nothing now, when its key was erased. */
  forgetAll(): void {
    this.#holders.clear();
    this.#numbers.clear();
  }

  rolledBack(): void {
    this.#holders.clear();
    for (const key of this.#added) this.#numbers.delete(key);
    this.#added = [];
  }

  #row(key: IdentityKey): readonly [number, number | null] | undefined {
    const row = this.#select.get(toStored(key)) as unknown as readonly [number, number | null] | undefined;
    if (row !== undefined) this.#numbers.set(key, row[0]);
    return row;
  }

  #add(key: IdentityKey, person: number | null): number {
    const id = Number(this.#insert.run(toStored(key), person).lastInsertRowid);
    this.#numbers.set(key, id);
    this.#added.push(key);
    return id;
  }
}
