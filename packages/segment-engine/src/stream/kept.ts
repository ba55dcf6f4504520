import type { JsonObject } from "@tessera/xdm";
import type { EvaluationContext } from "../evaluate/context.ts";
import type { CountLeaf, FoldedValue, FoldLeaf, Leaf, SequenceLeaf } from "../rows/leaf.ts";
import { foldedNumbers } from "../rows/folded-numbers.ts";
import type { Window } from "../rows/window.ts";

/** What a leaf's condition is now, and the first moment at which time alone can change it (`Infinity`: never). */
export interface LeafNow {
  holds: boolean;
  changesAt: number;
}

/** No event: earlier than all, also than an event without a valid time (minus infinity counts as one). */
export const NEVER: number = -Number.MAX_VALUE;

/** Where windows keep what they hold: numbers of a fixed place, and lists for those that have no fixed length. */
export interface Held {
  readonly cells: number[];
  readonly lists: number[][];
}

/** A leaf that hangs on what one kept window holds. Its cells begin at `base`; the first is the plan's own. */
interface KeptLeaf {
  readonly leaf: number;
  readonly now: (held: Held, base: number, at: number, into: LeafNow) => void;
  /** Whether the clock alone can change it. */
  readonly timed: boolean;
}

/** One kept window: its cells before any event, and the leaves it answers. */
export interface Kept {
  /** The first cell is the moment at which time alone changes a leaf. */
  readonly empty: readonly number[];
  /**
   * The latest times, the last cell the latest of all; cells as they are; or times with numbers, any number of them: the
   * latest in cells, those before in a list, whose number the second cell holds.
   */
  readonly holds: "latest" | "cells" | "list";
  readonly leaves: readonly KeptLeaf[];
}

/** What an event that fulfils a condition does to a kept window. */
export interface Feed {
  readonly kept: number;
  readonly add: (held: Held, base: number, at: number, event: JsonObject) => void;
}

/** All kept windows of a program and, for each condition on an event, what it feeds. */
export interface KeptWindows {
  readonly kept: readonly Kept[];
  readonly feeds: readonly (readonly Feed[])[];
}

/** Works out what has to be kept for the leaves on events, one window for all that can share it. */
export function keptWindows(
  leaves: readonly Leaf[],
  conditions: number,
  context: EvaluationContext,
): KeptWindows {
  const kept: Kept[] = [];
  const feeds: Feed[][] = Array.from({ length: conditions }, () => []);
  const counts = new Map<number, [number, CountLeaf][]>();
  const folds = new Map<string, [number, FoldLeaf][]>();
  leaves.forEach((leaf, number) => {
    if (leaf.kind === "count") push(counts, leaf.condition, [number, leaf]);
    if (leaf.kind === "fold") {
      const ever = leaf.window === undefined;
      push(folds, `${leaf.condition} ${leaf.value.key} ${ever}`, [number, leaf]);
    }
    if (leaf.kind === "sequence") {
      for (const [condition, add] of sequenceFeeds(leaf)) feeds[condition]?.push({ kept: kept.length, add });
      kept.push(sequenceKept(number, leaf));
    }
  });
  for (const [condition, group] of counts) {
    const most = Math.max(...group.map(([, leaf]) => leaf.least));
    feeds[condition]?.push({
      kept: kept.length,
      add: ({ cells }, base, at) => {
        const last = base + most;
        for (let index = base + 1; index < last; index++) cells[index] = cells[index + 1] ?? NEVER;
        cells[last] = at;
      },
    });
    kept.push({
      empty: [Infinity, ...Array.from({ length: most }, () => NEVER)],
      holds: "latest",
      leaves: group.map(([number, leaf]) => countLeaf(number, leaf, 1 + most - leaf.least)),
    });
  }
  for (const group of folds.values()) {
    const [one] = group;
    if (one === undefined) continue;
    const { condition, value, window } = one[1];
    feeds[condition]?.push({ kept: kept.length, add: foldFeed(value, group, { context, window }) });
    kept.push({
      empty: window === undefined ? [Infinity, 0, 0] : [Infinity, NO_LIST, ...NO_PAIRS],
      holds: window === undefined ? "cells" : "list",
      leaves: group.map(([number, leaf]) =>
        window === undefined ? totalLeaf(number, leaf) : foldLeaf(number, leaf),
      ),
    });
  }
  return { kept, feeds };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** `place`: where, from the base on, the time stands that decides. */
function countLeaf(leaf: number, { window }: CountLeaf, place: number): KeptLeaf {
  const span = window?.span;
  if (span !== undefined) {
    return {
      leaf,
      timed: true,
      now: ({ cells }, base, at, into) => {
        // No event, and one without a valid time, stay far below any moment.
        const until = (cells[base + place] ?? NEVER) + span;
        into.holds = until >= at;
        into.changesAt = into.holds ? until + 1 : Infinity;
      },
    };
  }
  return {
    leaf,
    timed: window !== undefined,
    now: ({ cells }, base, at, into) => {
      const time = cells[base + place] ?? NEVER;
      const until = time === NEVER ? -Infinity : window === undefined ? Infinity : window.until(time);
      into.holds = until >= at;
      into.changesAt = into.holds ? until + 1 : Infinity;
    },
  };
}

function foldFeed(
  value: FoldedValue,
  group: readonly (readonly [number, FoldLeaf])[],
  { context, window }: { readonly context: EvaluationContext; readonly window: Window | undefined },
): Feed["add"] {
  const windows = group.flatMap(([, leaf]) => leaf.window ?? []);
  const numbersOf = foldedNumbers(value, context);
  const add = (held: Held, base: number, at: number, number: number): void => {
    const { cells } = held;
    if (window === undefined) {
      cells[base + 1] = (cells[base + 1] ?? 0) + number;
      cells[base + 2] = (cells[base + 2] ?? 0) + 1;
      return;
    }
    if (cells[base + 2] !== NEVER) putOff(held, base, { windows, at });
    const last = base + 2 + PAIRS - 2;
    for (let index = base + 2; index < last; index++) cells[index] = cells[index + 2] ?? NEVER;
    cells[last] = at;
    cells[last + 1] = number;
  };
  return (held, base, at, event) => {
    const numbers = numbersOf(event);
    if (typeof numbers === "number") add(held, base, at, numbers);
    else for (const number of numbers) add(held, base, at, number);
  };
}

/** Puts the earliest pair of the cells to those before it, and forgets those that no window holds any more. */
function putOff(
  { cells, lists }: Held,
  base: number,
  { windows, at }: { readonly windows: readonly Window[]; readonly at: number },
): void {
  const [time = NEVER, number = 0] = [cells[base + 2], cells[base + 3]];
  const before = cells[base + 1] ?? NO_LIST;
  let list = before === NO_LIST ? undefined : lists[before];
  if (list !== undefined) {
    let gone = 0;
    while (gone < list.length && lapsed(windows, list[gone] ?? 0, at)) gone += 2;
    if (gone > 0) list.splice(0, gone);
  }
  if (lapsed(windows, time, at)) return;
  if (list === undefined) {
    cells[base + 1] = lists.length;
    lists.push((list = []));
  }
  list.push(time, number);
}

/** How many of the pairs of time and number stand in cells (two each). */
export const PAIRS: number = 6;
const NO_PAIRS: readonly number[] = Array.from({ length: PAIRS }, () => NEVER);

/** The number of a list that is not there yet. */
export const NO_LIST: number = -1;

function lapsed(windows: readonly Window[], time: number, at: number): boolean {
  for (const window of windows) if (untilOf(window, time) >= at) return false;
  return true;
}

function totalLeaf(leaf: number, { fn, holds }: FoldLeaf): KeptLeaf {
  return {
    leaf,
    timed: false,
    now: ({ cells }, base, _at, into) => {
      into.holds = folded(fn, cells[base + 1] ?? 0, cells[base + 2] ?? 0, holds);
      into.changesAt = Infinity;
    },
  };
}

function folded(fn: "sum" | "average", sum: number, count: number, holds: (n: number) => boolean): boolean {
  if (fn === "sum") return holds(sum);
  return count > 0 && holds(sum / count);
}

function foldLeaf(leaf: number, { fn, window, holds }: FoldLeaf): KeptLeaf {
  return {
    leaf,
    timed: true,
    now: ({ cells, lists }, base, at, into) => {
      FOLDING.sum = FOLDING.count = 0;
      FOLDING.changesAt = Infinity;
      const before = cells[base + 1] ?? NO_LIST;
      const list = before === NO_LIST ? undefined : lists[before];
      // In order of time, as a fold over the list would add them.
      if (list !== undefined) foldPairs(list, 0, { end: list.length, at, window });
      if (cells[base + PAIRS] !== NEVER) foldPairs(cells, base + 2, { end: base + 2 + PAIRS, at, window });
      into.holds = folded(fn, FOLDING.sum, FOLDING.count, holds);
      into.changesAt = FOLDING.changesAt;
    },
  };
}

/** What was folded so far. */
const FOLDING = { sum: 0, count: 0, changesAt: Infinity };

/** Adds the pairs that a window still holds. */
function foldPairs(
  data: readonly number[],
  from: number,
  { end, at, window }: { readonly end: number; readonly at: number; readonly window: Window | undefined },
): void {
  for (let index = from; index < end; index += 2) {
    const time = data[index] ?? NEVER;
    if (time === NEVER) continue;
    const until = window === undefined ? Infinity : untilOf(window, time);
    if (until < at) continue;
    if (until + 1 < FOLDING.changesAt) FOLDING.changesAt = until + 1;
    FOLDING.sum += data[index + 1] ?? 0;
    FOLDING.count++;
  }
}

function untilOf({ span, until }: Window, time: number): number {
  return span === undefined ? until(time) : time + span;
}

/**
 * A sequence keeps for each step the times of the latest events that lead to it, and those of the latest before that
 * (an event of the same moment does not follow). For step i: i + 1 times, twice, from i * (i + 1) on; after them the
 * time of the latest event that must not follow.
 */
function sequenceFeeds(leaf: SequenceLeaf): readonly (readonly [number, Feed["add"]])[] {
  const { steps, never } = leaf;
  const last = 1 + steps.length * (steps.length + 1);
  const found: [number, Feed["add"]][] = steps.map((step, index) => [
    step.condition,
    ({ cells }, base, at) => {
      if (at === -Infinity) return;
      const own = base + 1 + index * (index + 1);
      if (cells[own + index] === at) return;
      let from = base + 1 + (index - 1) * index;
      if (index > 0) {
        if ((cells[from + index - 1] ?? -Infinity) >= at) from += index;
        const before = cells[from + index - 1] ?? -Infinity;
        if (before === -Infinity || (step.earliest !== undefined && before < step.earliest(at))) return;
      }
      for (let at2 = 0; at2 <= index; at2++) cells[own + index + 1 + at2] = cells[own + at2] ?? -Infinity;
      for (let at2 = 0; at2 < index; at2++) cells[own + at2] = cells[from + at2] ?? -Infinity;
      cells[own + index] = at;
    },
  ]);
  for (const condition of never)
    found.push([
      condition,
      ({ cells }, base, at) => {
        cells[base + last] = at;
      },
    ]);
  return found;
}

function sequenceKept(number: number, leaf: SequenceLeaf): Kept {
  const count = leaf.steps.length;
  const own = 1 + (count - 1) * count;
  const never = 1 + count * (count + 1);
  const forbids = leaf.never.length > 0;
  const windows = leaf.steps.map(({ window }) => window);
  const now: KeptLeaf["now"] = ({ cells }, base, at, into) => {
    const first = base + own;
    let until = (cells[first + count - 1] ?? -Infinity) === -Infinity ? -Infinity : Infinity;
    for (let index = 0; index < count && until >= at; index++) {
      const window = windows[index];
      if (window !== undefined) until = Math.min(until, window.until(cells[first + index] ?? -Infinity));
    }
    if (forbids && (cells[base + never] ?? -Infinity) > (cells[first + count - 1] ?? -Infinity))
      until = -Infinity;
    into.holds = until >= at;
    into.changesAt = into.holds ? until + 1 : Infinity;
  };
  return {
    empty: [Infinity, ...Array.from({ length: never - 1 + (forbids ? 1 : 0) }, () => -Infinity)],
    holds: "cells",
    leaves: [{ leaf: number, now, timed: true }],
  };
}
