import { isMember, UPS } from "@tessera/xdm";
import { CHUNK_PERSONS } from "@tessera/segment-engine";
import type { MembershipState } from "@tessera/profile-store";
import type { RowMarks } from "./person-source.ts";

const WORDS = CHUNK_PERSONS / 32;
const FIELDS = 4;

/** What a chunk holds of its persons beside the columns: how far each is followed, and the audiences each is in. */
export class ChunkRows {
  /** For each person the version (0: nobody) and the marks. */
  readonly #rows: Int32Array;
  /** For each audience with members the persons who are in it, one bit each. */
  readonly #held: Map<string, Int32Array>;

  constructor(
    rows: Int32Array = new Int32Array(CHUNK_PERSONS * FIELDS),
    held: Map<string, Int32Array> = new Map(),
  ) {
    this.#rows = rows;
    this.#held = held;
  }

  /** What was stored; undefined when the bytes are not of this form. */
  static decode(rows: Uint8Array, audiences: readonly string[], held: Uint8Array): ChunkRows | undefined {
    if (rows.length !== CHUNK_PERSONS * FIELDS * 4 || held.length !== audiences.length * WORDS * 4)
      return undefined;
    const words = new Int32Array(held.slice().buffer);
    const bits = audiences.map((id, index) => [id, words.slice(index * WORDS, (index + 1) * WORDS)] as const);
    return new ChunkRows(new Int32Array(rows.slice().buffer), new Map(bits));
  }

  encode(): { readonly rows: Uint8Array; readonly audiences: readonly string[]; readonly held: Uint8Array } {
    const held = new Int32Array(this.#held.size * WORDS);
    [...this.#held.values()].forEach((words, index) => held.set(words, index * WORDS));
    return {
      rows: new Uint8Array(this.#rows.buffer),
      audiences: [...this.#held.keys()],
      held: new Uint8Array(held.buffer),
    };
  }

  /** The version of a person that is held; 0 for nobody, -1 for someone to be read anew. */
  version(at: number): number {
    return this.#rows[at * FIELDS] ?? 0;
  }

  marks(at: number): RowMarks {
    const first = at * FIELDS;
    return {
      attributes: this.#rows[first + 1] ?? 0,
      identities: this.#rows[first + 2] ?? 0,
      eventCount: this.#rows[first + 3] ?? 0,
    };
  }

  set(at: number, version: number, { attributes, identities, eventCount }: RowMarks): void {
    this.#rows.set([version, attributes, identities, eventCount], at * FIELDS);
  }

  /** Nobody is there any more. */
  clear(at: number): void {
    this.#rows.fill(0, at * FIELDS, (at + 1) * FIELDS);
    this.setMemberships(at, []);
  }

  /** The person has to be read anew, whatever their version: the attributes, or the events too. */
  distrust(at: number, what: "attributes" | "everything"): void {
    if (this.version(at) === 0) return;
    this.#rows[at * FIELDS] = -1;
    if (what === "everything") this.#rows[at * FIELDS + 3] = -1;
  }

  /** Puts the audiences of a person in place. */
  setMemberships(at: number, memberships: readonly MembershipState[]): void {
    const word = at >>> 5;
    const bit = 1 << (at & 31);
    for (const words of this.#held.values()) words[word] = (words[word] ?? 0) & ~bit;
    for (const { namespace, audienceId, status } of memberships) {
      if (namespace !== UPS || !isMember(status)) continue;
      let words = this.#held.get(audienceId);
      if (words === undefined) this.#held.set(audienceId, (words = new Int32Array(WORDS)));
      words[word] = (words[word] ?? 0) | bit;
    }
  }

  /** Who is in an audience by what is stored, one bit a person. */
  held(audienceId: string): Int32Array {
    return this.#held.get(audienceId) ?? NOBODY;
  }

  /** One bit for each row that is a person. */
  present(persons: number): Int32Array {
    const words = new Int32Array(WORDS);
    for (let at = 0; at < persons; at++)
      if (this.#rows[at * FIELDS] !== 0) words[at >>> 5] = (words[at >>> 5] ?? 0) | (1 << (at & 31));
    return words;
  }

  /** How many persons there are. */
  get persons(): number {
    let count = 0;
    for (let at = 0; at < CHUNK_PERSONS; at++) if (this.#rows[at * FIELDS] !== 0) count++;
    return count;
  }
}

const NOBODY = new Int32Array(WORDS);
