import type { JsonObject } from "@tessera/xdm";
import type { EvaluationContext } from "../evaluate/context.ts";
import type { CountLeaf, FoldedValue, FoldLeaf, Leaf, SequenceLeaf } from "../rows/leaf.ts";
import type { Window } from "../rows/window.ts";

/** What a leaf's condition is now, and the first moment at which time alone can change it (`Infinity`: never). */
export interface LeafNow {
  holds: boolean;
  changesAt: number;
}

/** A leaf that hangs on what one kept window holds. */
interface KeptLeaf {
  readonly leaf: number;
  readonly now: (data: number[], at: number, into: LeafNow) => void;
  /** Whether the clock alone can change it. */
  readonly timed: boolean;
}

/** One kept window: how an event goes into it, and the leaves it answers. */
export interface Kept {
  readonly empty: () => number[];
  readonly leaves: readonly KeptLeaf[];
}

/** What an event that fulfils a condition does to a kept window. */
interface Feed {
  readonly kept: number;
  readonly add: (data: number[], at: number, event: JsonObject) => void;
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
    feeds[condition]?.push({ kept: kept.length, add: (data, at) => pushLatest(data, at, most) });
    kept.push({ empty: () => [], leaves: group.map(([number, leaf]) => countLeaf(number, leaf)) });
  }
  for (const group of folds.values()) {
    const [one] = group;
    if (one === undefined) continue;
    const { condition, value, window } = one[1];
    feeds[condition]?.push({ kept: kept.length, add: foldFeed(value, group, { context, window }) });
    kept.push({
      empty: () => (window === undefined ? [0, 0] : []),
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

function pushLatest(data: number[], at: number, most: number): void {
  if (data.length < most) {
    data.push(at);
    return;
  }
  for (let index = 1; index < most; index++) data[index - 1] = data[index] ?? at;
  data[most - 1] = at;
}

function countLeaf(leaf: number, { least, window }: CountLeaf): KeptLeaf {
  return {
    leaf,
    timed: window !== undefined,
    now: (data, at, into) => {
      const time = data[data.length - least];
      const until = time === undefined ? -Infinity : window === undefined ? Infinity : window.until(time);
      into.holds = until >= at;
      into.changesAt = into.holds ? until + 1 : Infinity;
    },
  };
}

/** Takes the numbers that a value of an event stands for. */
function numbersOf(value: FoldedValue, event: JsonObject, context: EvaluationContext): readonly number[] {
  context.env[value.slot] = event;
  const taken = value.code.run(context);
  if (typeof taken === "number") return [taken];
  if (!value.spread || !Array.isArray(taken)) return [];
  return taken.filter((item) => typeof item === "number");
}

function foldFeed(
  value: FoldedValue,
  group: readonly (readonly [number, FoldLeaf])[],
  { context, window }: { readonly context: EvaluationContext; readonly window: Window | undefined },
): Feed["add"] {
  const windows = group.flatMap(([, leaf]) => leaf.window ?? []);
  return (data, at, event) => {
    const numbers = numbersOf(value, event, context);
    if (window === undefined) {
      for (const number of numbers) {
        data[0] = (data[0] ?? 0) + number;
        data[1] = (data[1] ?? 0) + 1;
      }
      return;
    }
    let gone = 0;
    while (gone < data.length && lapsed(windows, data[gone] ?? 0, at)) gone += 2;
    if (gone > 0) data.splice(0, gone);
    for (const number of numbers) data.push(at, number);
  };
}

function lapsed(windows: readonly Window[], time: number, at: number): boolean {
  for (const window of windows) if (window.until(time) >= at) return false;
  return true;
}

function totalLeaf(leaf: number, { fn, holds }: FoldLeaf): KeptLeaf {
  return {
    leaf,
    timed: false,
    now: ([sum = 0, count = 0], _at, into) => {
      into.holds = folded(fn, sum, count, holds);
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
    now: (data, at, into) => {
      let sum = 0;
      let count = 0;
      let changesAt = Infinity;
      for (let index = 0; index < data.length; index += 2) {
        const until = window === undefined ? Infinity : window.until(data[index] ?? 0);
        if (until < at) continue;
        if (until + 1 < changesAt) changesAt = until + 1;
        // In order of time, as a fold over the list would add them.
        sum += data[index + 1] ?? 0;
        count++;
      }
      into.holds = folded(fn, sum, count, holds);
      into.changesAt = changesAt;
    },
  };
}

/**
 * A sequence keeps for each step the times of the latest events that lead to it, and those of the latest before that
 * (an event of the same moment does not follow). For step i: i + 1 times, twice, from i * (i + 1) on.
 */
function sequenceFeeds(leaf: SequenceLeaf): readonly (readonly [number, Feed["add"]])[] {
  const { steps, never } = leaf;
  const last = steps.length * (steps.length + 1);
  const found: [number, Feed["add"]][] = steps.map((step, index) => [
    step.condition,
    (data, at) => {
      if (at === -Infinity) return;
      const own = index * (index + 1);
      if (data[own + index] === at) return;
      let from = (index - 1) * index;
      if (index > 0) {
        if ((data[from + index - 1] ?? -Infinity) >= at) from += index;
        const before = data[from + index - 1] ?? -Infinity;
        if (before === -Infinity || (step.earliest !== undefined && before < step.earliest(at))) return;
      }
      for (let at2 = 0; at2 <= index; at2++) data[own + index + 1 + at2] = data[own + at2] ?? -Infinity;
      for (let at2 = 0; at2 < index; at2++) data[own + at2] = data[from + at2] ?? -Infinity;
      data[own + index] = at;
    },
  ]);
  for (const condition of never) found.push([condition, (data, at) => (data[last] = at)]);
  return found;
}

function sequenceKept(number: number, leaf: SequenceLeaf): Kept {
  const count = leaf.steps.length;
  const own = (count - 1) * count;
  const never = count * (count + 1);
  const now: KeptLeaf["now"] = (data, at, into) => {
    let until = (data[own + count - 1] ?? -Infinity) === -Infinity ? -Infinity : Infinity;
    for (let index = 0; index < count && until >= at; index++) {
      const window = leaf.steps[index]?.window;
      if (window !== undefined) until = Math.min(until, window.until(data[own + index] ?? -Infinity));
    }
    if (leaf.never.length > 0 && (data[never] ?? -Infinity) > (data[own + count - 1] ?? -Infinity))
      until = -Infinity;
    into.holds = until >= at;
    into.changesAt = into.holds ? until + 1 : Infinity;
  };
  return {
    empty: () => Array.from({ length: never + (leaf.never.length > 0 ? 1 : 0) }, () => -Infinity),
    leaves: [{ leaf: number, now, timed: true }],
  };
}
