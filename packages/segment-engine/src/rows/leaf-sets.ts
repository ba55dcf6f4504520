/** How many distinct sets are kept; what comes after them is written down anew each time. */
const KEPT = 65_536;

/** The set that is written over each time. */
export const PASSING = 0;

/**
 * Distinct sets of leaves, side by side: the many values of a path come down to few of them. Set s is
 * `code[s + 1]` to `code[s + code[s]]`.
 */
export class LeafSets {
  readonly #places = new Map<string, number>();
  readonly #limit: number;
  code: Int32Array;
  #length: number;
  readonly #none: number;

  /** `leaves`: how many leaves there are, the most that a set can hold. */
  constructor(leaves: number, limit: number = KEPT) {
    this.#limit = limit;
    this.#length = leaves + 1;
    this.code = new Int32Array(2 * this.#length + 64);
    this.#none = this.#room(0);
  }

  /** The set of these leaves, which stays; `PASSING` when there are too many sets by now. */
  keep(leaves: ArrayLike<number> & { join(): string }): number {
    if (leaves.length === 0) return this.#none;
    const key = leaves.join();
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= this.#limit) return this.pass(leaves);
    const place = this.#room(leaves.length);
    this.#write(place, leaves);
    this.#places.set(key, place);
    return place;
  }

  #room(leaves: number): number {
    const place = this.#length;
    this.#length += leaves + 1;
    if (this.#length > this.code.length) {
      const longer = new Int32Array(2 * this.#length);
      longer.set(this.code);
      this.code = longer;
    }
    return place;
  }

  /** The set of these leaves, until the next call. */
  pass(leaves: ArrayLike<number>): number {
    this.#write(PASSING, leaves);
    return PASSING;
  }

  #write(place: number, leaves: ArrayLike<number>): void {
    this.code[place] = leaves.length;
    this.code.set(leaves, place + 1);
  }

  /** The leaves of a set. */
  leavesOf(set: number): Int32Array {
    return this.code.subarray(set + 1, set + 1 + (this.code[set] ?? 0));
  }
}
