import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { IdentityKey } from "@tessera/xdm";
import { Recent } from "./recent.ts";
import { RowReader, RowWriter } from "./row-bytes.ts";
import { fromStored, toStored } from "@tessera/profile-store";

const REMEMBERED = 50_000;
/** Longer keys that nothing mentions are not remembered. */
const LONGEST_ABSENT = 300;
/** Begins what stands in the place of an erased key; no key is without a namespace. */
const BLOT = "\u0000";

/**
 * What is known of a key: its number, and whom it belongs to as long as `seen` is the count of the present. Number 0, also
 * only so long: nothing mentions the key.
 */
interface Known {
  id: number;
  /** The row of a person; null for nobody. */
  person: number | null;
  seen: number;
}

/** Identity keys as numbers, and the person each belongs to. A number once read stays right until its key is erased. */
export class IdentityRows {
  readonly #known = new Recent<IdentityKey, Known>(REMEMBERED);
  /** Grows when nothing that was known of holders may be relied on any more. */
  #present = 0;
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
    this.#release = database.prepare("UPDATE identity SET person = NULL WHERE id = ? AND person = ?");
    this.#blot = database.prepare("UPDATE identity SET key = ? WHERE id = ? AND person IS NULL");
    for (const statement of [this.#select, this.#key]) statement.setReturnArrays(true);
  }

  /** The row of the person who has this identity now. */
  personOf(key: IdentityKey): number | undefined {
    const known = this.#known.get(key);
    const current = known?.seen === this.#present ? known : this.#row(key);
    return current?.person ?? undefined;
  }

  /** The number of a key, or undefined when nothing mentions it. */
  find(key: IdentityKey): number | undefined {
    const id = this.#about(key)?.id;
    return id === 0 ? undefined : id;
  }

  /** The number of a key; a new one is written. */
  idOf(key: IdentityKey): number {
    const known = this.#about(key);
    return known !== undefined && known.id > 0 ? known.id : this.#add(key, null, known);
  }

  /** Gives an identity to a person; false when another person has it. */
  claim(key: IdentityKey, person: number): boolean {
    const known = this.#about(key);
    if (known === undefined || known.id === 0) {
      this.#add(key, person, known);
      return true;
    }
    if (Number(this.#claim.run(person, known.id).changes) !== 1) return false;
    this.#hold(known, person);
    return true;
  }

  /** Takes an identity from a person. */
  release(key: IdentityKey, person: number): void {
    const known = this.#about(key);
    if (known === undefined || known.id === 0) return;
    // Someone else's stays theirs: what is known of it is read again.
    if (Number(this.#release.run(known.id, person).changes) === 1) this.#hold(known, null);
    else known.seen = -1;
  }

  /** Blots a key out, unless somebody has it: its number stays taken and names nothing any more. */
  erase(key: IdentityKey): void {
    const id = this.find(key);
    if (id === undefined) return;
    this.#blot.run(`${BLOT}${id}`, id);
    this.#known.delete(key);
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
    this.#present += 1;
  }

  /** Someone else wrote to the file: even a number may stand for nothing now, when its key was erased. */
  forgetAll(): void {
    this.#known.clear();
  }

  rolledBack(): void {
    this.#present += 1;
    for (const key of this.#added) this.#known.delete(key);
    this.#added = [];
  }

  /** What is known of a key: its number at least, or that it has none. */
  #about(key: IdentityKey): Known | undefined {
    const known = this.#known.get(key);
    return known !== undefined && (known.id > 0 || known.seen === this.#present) ? known : this.#row(key);
  }

  #hold(known: Known, person: number | null): void {
    known.person = person;
    known.seen = this.#present;
  }

  #row(key: IdentityKey): Known | undefined {
    const row = this.#select.get(toStored(key)) as unknown as readonly [number, number | null] | undefined;
    if (row !== undefined) return this.#know(key, row[0], row[1]);
    // A batch asks for what is new to it when it is loaded, and again when it is committed. Whoever asks for long keys that
    // nobody has leaves nothing behind.
    return key.length > LONGEST_ABSENT ? undefined : this.#know(key, 0, null);
  }

  /** Writes a key; `known` is what is remembered of it, if anything. */
  #add(key: IdentityKey, person: number | null, known: Known | undefined): number {
    const id = Number(this.#insert.run(toStored(key), person).lastInsertRowid);
    this.#added.push(key);
    if (known === undefined) return this.#know(key, id, person).id;
    known.id = id;
    this.#hold(known, person);
    return id;
  }

  #know(key: IdentityKey, id: number, person: number | null): Known {
    const known = { id, person, seen: this.#present };
    this.#known.set(key, known);
    return known;
  }
}
