import { type Kept, type KeptWindows, NEVER, NO_LIST, PAIRS } from "./kept.ts";
import { PersonState, type StreamState } from "./state.ts";

/** The most numbers that every person has a place for from the start; with more, windows get theirs with their first event. */
const FULL = 512;

/** What one window holds: its numbers in a row. */
interface Stretch {
  key: number;
  values: readonly number[];
  from: number;
  end: number;
}

/** Says where in a person's cells each kept window of a program has its own. */
export class Places {
  readonly #kept: readonly Kept[];
  /** How many numbers the results of all nodes take. */
  readonly words: number;
  /** The windows and cells of a person for whom nothing happened yet. */
  readonly #keys: number[];
  readonly #starts: number[];
  readonly #blank: readonly number[];
  readonly filled: Stretch[] = [];

  /** `order`: the conditions, those near each other that one event fulfils. */
  constructor({ kept, feeds }: KeptWindows, order: readonly number[], words: number) {
    this.#kept = kept;
    this.words = words;
    const cells = kept.reduce((sum, { empty }) => sum + empty.length, 0);
    this.#keys = [];
    this.#starts = [];
    const blank: number[] = [0, Infinity, ...Array.from({ length: words }, () => 0)];
    if (cells <= FULL) {
      this.#keys = kept.map((_, key) => key);
      this.#starts = kept.map(() => 0);
      // What one event goes into stands together: it is then fetched from memory together.
      for (const key of new Set(
        order.flatMap((condition) => feeds[condition]?.map((feed) => feed.kept) ?? []),
      )) {
        this.#starts[key] = blank.length;
        blank.push(...(kept[key]?.empty ?? []));
      }
    }
    this.#blank = blank;
  }

  /** A person for whom nothing happened yet. */
  create(at: number): StreamState {
    const full = this.#keys.length === this.#kept.length;
    // Where all windows have their place the list of them never changes: one serves all persons.
    const state = new PersonState(full ? this.#keys : [], full ? this.#starts : [], this.#blank.slice());
    state.at = at;
    return state;
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

  /** What the windows hold that hold anything is in `filled`, from 0 on, until the next call; gives how many there are. */
  fill(state: StreamState): number {
    const { keys, starts, cells, lists } = state;
    let count = 0;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] ?? 0;
      const window = this.#kept[key];
      if (window === undefined) continue;
      const start = starts[index] ?? 0;
      let values: readonly number[] = cells;
      let from = start + 1;
      let end = start + window.empty.length;
      if (window.holds === "latest") while (from < end && cells[from] === NEVER) from++;
      else if (window.holds === "list") {
        const before = cells[from] ?? NO_LIST;
        from++;
        while (from < end && cells[from] === NEVER) from += 2;
        const list = before === NO_LIST ? NOTHING : (lists[before] ?? NOTHING);
        if (list.length > 0) {
          values = [...list, ...cells.slice(from, end)];
          from = 0;
          end = values.length;
        }
      } else if (isAsBefore(cells, from, window.empty)) continue;
      if (from === end) continue;
      const stretch = (this.filled[count] ??= { key, values, from, end });
      stretch.key = key;
      stretch.values = values;
      stretch.from = from;
      stretch.end = end;
      count++;
    }
    return count;
  }

  /** Puts the numbers of a window in their place. When they are due is not known then. */
  put(state: StreamState, kept: number, values: readonly number[]): void {
    const { cells, lists } = state;
    const start = this.ensure(state, kept);
    const window = this.#kept[kept];
    cells[start] = -Infinity;
    let first = 0;
    if (window?.holds === "list" && values.length > PAIRS) {
      first = values.length - PAIRS;
      cells[start + 1] = lists.length;
      lists.push(values.slice(0, first));
    }
    const to = start + (window?.empty.length ?? 1) - values.length;
    for (let index = first; index < values.length; index++) cells[to + index] = values[index] ?? 0;
  }
}

const NOTHING: readonly number[] = [];

/** Whether nothing went into cells: they are as they were before any event. */
function isAsBefore(cells: readonly number[], from: number, empty: readonly number[]): boolean {
  for (let index = 1; index < empty.length; index++)
    if (cells[from + index - 1] !== empty[index]) return false;
  return true;
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
