import { type Kept, type KeptWindows, NEVER, NO_LIST } from "./kept.ts";
import type { StreamState } from "./state.ts";

/** The most numbers that every person has a place for from the start; with more, windows get theirs with their first event. */
const FULL = 512;

/** Some numbers in a row. */
interface Stretch {
  readonly values: number[];
  readonly from: number;
  readonly end: number;
}

/** Says where in a person's cells each kept window of a program has its own. */
export class Places {
  readonly #kept: readonly Kept[];
  readonly #words: number;
  /** The windows and cells of a person for whom nothing happened yet. */
  readonly #keys: number[];
  readonly #starts: number[];
  readonly #blank: readonly number[];

  constructor({ kept, feeds }: KeptWindows, words: number) {
    this.#kept = kept;
    this.#words = words;
    const cells = kept.reduce((sum, { empty }) => sum + empty.length, 0);
    this.#keys = [];
    this.#starts = [];
    const blank: number[] = [];
    if (cells <= FULL) {
      this.#keys = kept.map((_, key) => key);
      this.#starts = kept.map(() => 0);
      // What one event goes into stands together: it is then fetched from memory together.
      for (const key of new Set(feeds.flatMap((own) => own.map((feed) => feed.kept)))) {
        this.#starts[key] = blank.length;
        blank.push(...(kept[key]?.empty ?? []));
      }
    }
    this.#blank = blank;
  }

  /** A person for whom nothing happened yet. */
  create(at: number): StreamState {
    const full = this.#keys.length === this.#kept.length;
    return {
      at,
      next: Infinity,
      bits: Array.from({ length: this.#words }, () => 0),
      // Where all windows have their place the list of them never changes: one serves all persons.
      keys: full ? this.#keys : [],
      starts: full ? this.#starts : [],
      cells: this.#blank.slice(),
      lists: [],
    };
  }

  /** Where the cells of a window begin; -1 when it has none. */
  find({ keys, starts }: StreamState, kept: number): number {
    if (keys === this.#keys) return starts[kept] ?? -1;
    const place = placeOf(keys, kept);
    return place < 0 ? -1 : (starts[place] ?? -1);
  }

  /** Where the cells of a window begin, made when they are not there. */
  ensure(state: StreamState, kept: number): number {
    const { keys, starts, cells } = state;
    if (keys === this.#keys) return starts[kept] ?? 0;
    const place = placeOf(keys, kept);
    if (place >= 0) return starts[place] ?? 0;
    const start = cells.length;
    for (const value of this.#kept[kept]?.empty ?? []) cells.push(value);
    keys.splice(-1 - place, 0, kept);
    starts.splice(-1 - place, 0, start);
    return start;
  }

  /** Whether the window at a place of `keys` holds anything. */
  fills(state: StreamState, index: number): boolean {
    const window = this.#kept[state.keys[index] ?? 0];
    if (window === undefined) return false;
    const { values, from, end } = this.held(state, index);
    if (window.holds !== "cells") return end > from;
    for (let at = from; at < end; at++) if (values[at] !== window.empty[at - from + 1]) return true;
    return false;
  }

  /** What the window at a place of `keys` holds. */
  held({ keys, starts, cells, lists }: StreamState, index: number): Stretch {
    const window = this.#kept[keys[index] ?? 0];
    const start = starts[index] ?? 0;
    if (window?.holds === "list") {
      const values = lists[cells[start + 1] ?? NO_LIST] ?? [];
      return { values, from: 0, end: values.length };
    }
    const end = start + (window?.empty.length ?? 1);
    let from = start + 1;
    if (window?.holds === "latest") while (from < end && cells[from] === NEVER) from++;
    return { values: cells, from, end };
  }

  /** Where so many numbers of a window are to be put; when they are due is not known then. */
  room(state: StreamState, kept: number, length: number): Stretch {
    const { cells, lists } = state;
    const start = this.ensure(state, kept);
    const window = this.#kept[kept];
    cells[start] = -Infinity;
    if (window?.holds === "list") {
      const values: number[] = [];
      cells[start + 1] = lists.length;
      lists.push(values);
      return { values, from: 0, end: length };
    }
    const end = start + (window?.empty.length ?? 1);
    return { values: cells, from: end - length, end };
  }
}

/** Where a key stands, or `-1 - place` where it would stand. */
function placeOf(keys: readonly number[], key: number): number {
  let low = 0;
  let high = keys.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = keys[middle] ?? 0;
    if (found === key) return middle;
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return -1 - low;
}
