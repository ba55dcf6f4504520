import type { EvaluationContext } from "../evaluate/context.ts";
import { type Held, keptWindows, type KeptWindows, type LeafNow } from "../stream/kept.ts";
import type { FoldLeaf, Leaf } from "./leaf.ts";
import { countsOf } from "./event-counts.ts";
import { pairOf, type Pairs, pairsOf } from "./event-pairs.ts";
import { earliestIn, type Window } from "./window.ts";

interface Fold {
  readonly number: number;
  readonly window: number;
  readonly leaf: FoldLeaf;
  readonly at: number;
  /** The number of the value in `EventFold.values`. */
  readonly value: number;
  /** What the leaf says of a person of whom nothing was folded. */
  readonly holdsEmpty: boolean;
}

/** Events of one person in order of time, and for the kind of each where what it does begins in the code (0: nothing). */
export interface EventRun {
  readonly times: Float64Array;
  readonly kinds: Int32Array;
  readonly startOf: Int32Array;
}

/** Numbers before the parts of what an event does: which it is, and how many counters, seconds, firsts, folds, feeds. */
const HEAD = 6;

/** Gives the number, or the numbers, that a folded value stands for in the event at a place of the run. */
export type Numbers = (value: number, place: number) => number | readonly number[];

/**
 * Answers all leaves on events of one person at one moment, in one pass over the events. The earliest time that lies
 * in a window is worked out once a moment; the results go into the words of the nodes.
 */
export class EventFold {
  /** The distinct values of events that are folded. */
  readonly values: readonly FoldLeaf["value"][];
  readonly #nodes: Int32Array;
  readonly #numbers: Numbers;
  readonly #windows: readonly (Window | undefined)[];
  readonly #from: Float64Array;
  /** Counters of condition c are `countStart[c]` to `countStart[c + 1] - 1`; each has a window. */
  readonly #countStart: Int32Array;
  readonly #countWindow: Int32Array;
  readonly #counters: Int32Array;
  /** The earliest time that each counter counts. */
  readonly #counterFrom: Float64Array;
  /** The leaves of counter i are `leafStart[i]` to `leafStart[i + 1] - 1`. */
  readonly #leafStart: Int32Array;
  readonly #leafOf: Int32Array;
  readonly #leastOf: Int32Array;
  readonly #folds: readonly (readonly Fold[])[];
  readonly #allFolds: readonly Fold[];
  readonly #sums: Float64Array;
  readonly #folded: Int32Array;
  readonly #foldFrom: Float64Array;
  readonly #pairs: Pairs;
  readonly #pairFrom: Float64Array;
  readonly #secondFrom: Float64Array;
  /** For each first step of a sequence of two its latest time, and the latest before that. */
  readonly #firsts: Float64Array;
  readonly #longer: KeptWindows;
  readonly #held: readonly Held[];
  readonly #feeds: KeptWindows["feeds"][number][number][] = [];
  /** What events do, one after the other in the form of `HEAD`; none begins at 0. */
  #code: Int32Array = new Int32Array(256);
  #length = 1;
  /** Where each begins, and the time before which it does nothing. */
  readonly #starts: number[] = [];
  #oldest: Float64Array = new Float64Array(16);
  readonly #touched: Uint8Array;
  readonly #longerList: number[] = [];
  readonly #result: LeafNow = { holds: false, changesAt: Infinity };
  #now = Number.NaN;
  #lane = 1;

  constructor(
    leaves: readonly Leaf[],
    conditions: number,
    into: { readonly context: EvaluationContext; readonly nodes: Int32Array; readonly numbers: Numbers },
  ) {
    this.#nodes = into.nodes;
    this.#numbers = into.numbers;
    const windows = new Map<string, Window | undefined>();
    const numberOf = (window: Window | undefined): number => {
      const key = window?.key ?? "";
      if (!windows.has(key)) windows.set(key, window);
      return [...windows.keys()].indexOf(key);
    };
    const counts = countsOf(leaves, conditions, numberOf);
    this.#countStart = counts.start;
    this.#countWindow = counts.window;
    this.#leafStart = counts.leafStart;
    this.#leafOf = counts.leafOf;
    this.#leastOf = counts.leastOf;
    this.#counters = new Int32Array(counts.window.length);
    this.#counterFrom = new Float64Array(counts.window.length);
    const values = new Map<string, FoldLeaf["value"]>();
    const folds: Fold[] = [];
    leaves.forEach((leaf, number) => {
      if (leaf.kind === "fold") {
        if (!values.has(leaf.value.key)) values.set(leaf.value.key, leaf.value);
        const value = [...values.keys()].indexOf(leaf.value.key);
        const holdsEmpty = leaf.fn === "sum" && leaf.holds(0);
        folds.push({
          number: folds.length,
          window: numberOf(leaf.window),
          leaf,
          at: number,
          value,
          holdsEmpty,
        });
      }
    });
    this.#pairs = pairsOf(leaves, conditions, numberOf);
    this.#pairFrom = new Float64Array(this.#pairs.leaf.length);
    this.#secondFrom = new Float64Array(this.#pairs.leaf.length);
    this.#firsts = new Float64Array(2 * this.#pairs.firsts);
    this.values = [...values.values()];
    this.#windows = [...windows.values()];
    this.#from = new Float64Array(this.#windows.length);
    const foldsOf: Fold[][] = Array.from({ length: conditions }, () => []);
    for (const fold of folds) foldsOf[fold.leaf.condition]?.push(fold);
    this.#folds = foldsOf;
    this.#allFolds = folds;
    this.#sums = new Float64Array(folds.length);
    this.#folded = new Int32Array(folds.length);
    this.#foldFrom = new Float64Array(folds.length);
    const longer = leaves.map((leaf): Leaf =>
      leaf.kind === "sequence" && pairOf(leaf) === undefined ? leaf : NOT_KEPT,
    );
    this.#longer = keptWindows(longer, conditions, into.context);
    this.#held = this.#longer.kept.map(({ empty }) => ({ cells: [...empty], lists: [] }));
    this.#touched = new Uint8Array(this.#held.length);
  }

  /** Begins with a moment. */
  begin(now: number): void {
    if (now === this.#now) return;
    this.#now = now;
    this.#windows.forEach((window, number) => {
      this.#from[number] = window === undefined ? -Infinity : earliestIn(window, now);
    });
    for (let counter = 0; counter < this.#counterFrom.length; counter++)
      this.#counterFrom[counter] = this.#from[this.#countWindow[counter] ?? 0] ?? 0;
    for (const { number, window } of this.#allFolds) this.#foldFrom[number] = this.#from[window] ?? 0;
    const { firstWindow, secondWindow } = this.#pairs;
    for (let pair = 0; pair < firstWindow.length; pair++) {
      this.#pairFrom[pair] = this.#from[firstWindow[pair] ?? 0] ?? 0;
      this.#secondFrom[pair] = this.#from[secondWindow[pair] ?? 0] ?? 0;
    }
    this.#starts.forEach((start, number) => (this.#oldest[number] = this.#oldestOf(start)));
  }

  /** Begins with a person, whose bit in the words is `lane`. */
  person(lane: number): void {
    this.#lane = lane;
    // Short lists: a loop is quicker than `fill`.
    const counters = this.#counters;
    for (let index = 0; index < counters.length; index++) counters[index] = 0;
    const [sums, folded] = [this.#sums, this.#folded];
    for (let index = 0; index < sums.length; index++) sums[index] = folded[index] = 0;
    const firsts = this.#firsts;
    for (let index = 0; index < firsts.length; index++) firsts[index] = -Infinity;
    for (const kept of this.#longerList) {
      this.#held[kept]?.cells.fill(-Infinity);
      this.#touched[kept] = 0;
    }
    this.#longerList.length = 0;
  }

  /** Writes down what an event does that fulfils these conditions; gives where it begins, 0 for nothing. */
  startOf(conditions: Iterable<number>): number {
    const [counters, seconds, firsts, folds, feeds]: [number[], number[], number[], number[], number[]] = [
      [],
      [],
      [],
      [],
      [],
    ];
    for (const condition of conditions) {
      const end = this.#countStart[condition + 1] ?? 0;
      for (let counter = this.#countStart[condition] ?? 0; counter < end; counter++) counters.push(counter);
      seconds.push(...(this.#pairs.secondsOf[condition] ?? []));
      firsts.push(...(this.#pairs.firstsOf[condition] ?? []));
      folds.push(...(this.#folds[condition] ?? []).map(({ number }) => number));
      for (const feed of this.#longer.feeds[condition] ?? []) feeds.push(this.#feeds.push(feed) - 1);
    }
    const parts = [...counters, ...seconds, ...firsts, ...folds, ...feeds];
    if (parts.length === 0) return 0;
    const number = this.#starts.length;
    const lengths = [counters.length, seconds.length, firsts.length, folds.length, feeds.length];
    const start = this.#length;
    this.#length += HEAD + parts.length;
    if (this.#length > this.#code.length) {
      const longer = new Int32Array(2 * this.#length);
      longer.set(this.#code);
      this.#code = longer;
    }
    this.#code.set([number, ...lengths, ...parts], start);
    this.#starts.push(start);
    if (number >= this.#oldest.length) {
      const longer = new Float64Array(2 * this.#oldest.length);
      longer.set(this.#oldest);
      this.#oldest = longer;
    }
    this.#oldest[number] = this.#oldestOf(start);
    return start;
  }

  /** Events from place `first` to `end - 1`, as far as they have happened. */
  run({ times, kinds, startOf }: EventRun, first: number, end: number): void {
    const code = this.#code;
    const oldest = this.#oldest;
    const counters = this.#counters;
    const counterFrom = this.#counterFrom;
    const leafStart = this.#leafStart;
    const leafOf = this.#leafOf;
    const leastOf = this.#leastOf;
    const nodes = this.#nodes;
    const lane = this.#lane;
    const firsts = this.#firsts;
    const { place: firstOf, back, earliest, leaf: pairLeaf } = this.#pairs;
    const pairFrom = this.#pairFrom;
    const secondFrom = this.#secondFrom;
    const foldFrom = this.#foldFrom;
    const now = this.#now;
    for (let place = first; place < end; place++) {
      const start = startOf[kinds[place] ?? 0] ?? 0;
      if (start === 0) continue;
      const time = times[place] ?? 0;
      if (time > now) return;
      if (time < (oldest[code[start] ?? 0] ?? 0)) continue;
      let at = start + HEAD;
      for (const stop = at + (code[start + 1] ?? 0); at < stop; at++) {
        const counter = code[at] ?? 0;
        if (time < (counterFrom[counter] ?? 0)) continue;
        const counted = (counters[counter] ?? 0) + 1;
        counters[counter] = counted;
        const last = leafStart[counter + 1] ?? 0;
        for (let leaf = leafStart[counter] ?? 0; leaf < last; leaf++) {
          if (leastOf[leaf] !== counted) continue;
          const node = leafOf[leaf] ?? 0;
          nodes[node] = (nodes[node] ?? 0) | lane;
        }
      }
      for (const stop = at + (code[start + 2] ?? 0); at < stop; at++) {
        // The second step of a sequence of two has come: does the first lie where it must?
        const pair = code[at] ?? 0;
        const own = firstOf[pair] ?? 0;
        const latest = firsts[own] ?? 0;
        // An event of the same moment does not follow.
        let since = time - (back[pair] ?? 0);
        if (since !== since) since = earliest[pair]?.(time) ?? -Infinity;
        const limit = Math.max(since, pairFrom[pair] ?? 0);
        const then = latest < time ? latest : (firsts[own + 1] ?? 0);
        if (then < limit || time < (secondFrom[pair] ?? 0)) continue;
        const node = pairLeaf[pair] ?? 0;
        nodes[node] = (nodes[node] ?? 0) | lane;
      }
      for (const stop = at + (code[start + 3] ?? 0); at < stop; at++) {
        const own = code[at] ?? 0;
        const latest = firsts[own] ?? 0;
        if (latest === time || time === -Infinity) continue;
        firsts[own + 1] = latest;
        firsts[own] = time;
      }
      for (const stop = at + (code[start + 4] ?? 0); at < stop; at++) {
        const fold = code[at] ?? 0;
        if (time >= (foldFrom[fold] ?? 0)) this.#fold(fold, place);
      }
      for (const stop = at + (code[start + 5] ?? 0); at < stop; at++) this.#feed(code[at] ?? 0, time);
    }
  }

  #oldestOf(start: number): number {
    const code = this.#code;
    // Sequences look at all events.
    if ((code[start + 2] ?? 0) + (code[start + 3] ?? 0) + (code[start + 5] ?? 0) > 0) return -Infinity;
    let oldest = Infinity;
    const counters = code[start + 1] ?? 0;
    const end = start + HEAD + counters + (code[start + 4] ?? 0);
    for (let at = start + HEAD; at < end; at++) {
      const isCounter = at < start + HEAD + counters;
      const own = code[at] ?? 0;
      const from = isCounter ? this.#counterFrom[own] : this.#from[this.#allFolds[own]?.window ?? 0];
      oldest = Math.min(oldest, from ?? -Infinity);
    }
    return oldest;
  }

  #hit(leaf: number): void {
    this.#nodes[leaf] = (this.#nodes[leaf] ?? 0) | this.#lane;
  }

  #fold(number: number, place: number): void {
    const fold = this.#allFolds[number];
    if (fold === undefined) return;
    const numbers = this.#numbers(fold.value, place);
    if (typeof numbers === "number") {
      this.#sums[number] = (this.#sums[number] ?? 0) + numbers;
      this.#folded[number] = (this.#folded[number] ?? 0) + 1;
      return;
    }
    for (let at = 0; at < numbers.length; at++) {
      this.#sums[number] = (this.#sums[number] ?? 0) + (numbers[at] ?? 0);
      this.#folded[number] = (this.#folded[number] ?? 0) + 1;
    }
  }

  #feed(number: number, time: number): void {
    const feed = this.#feeds[number];
    const held = feed && this.#held[feed.kept];
    if (feed === undefined || held === undefined) return;
    feed.add(held, 0, time, EMPTY);
    if (this.#touched[feed.kept] === 1) return;
    this.#touched[feed.kept] = 1;
    this.#longerList.push(feed.kept);
  }

  /** After the last event of a person. */
  end(): void {
    for (let index = 0; index < this.#allFolds.length; index++) {
      const fold = this.#allFolds[index];
      if (fold === undefined) continue;
      const count = this.#folded[index] ?? 0;
      if (count === 0) {
        if (fold.holdsEmpty) this.#hit(fold.at);
        continue;
      }
      const sum = this.#sums[index] ?? 0;
      if (fold.leaf.holds(fold.leaf.fn === "sum" ? sum : sum / count)) this.#hit(fold.at);
    }
    const result = this.#result;
    for (const kept of this.#longerList) {
      const held = this.#held[kept];
      if (held === undefined) continue;
      for (const leaf of this.#longer.kept[kept]?.leaves ?? []) {
        leaf.now(held, 0, this.#now, result);
        if (result.holds) this.#hit(leaf.leaf);
      }
    }
  }
}

const EMPTY = {};

/** Stands for a leaf that no window is kept for. */
const NOT_KEPT: Leaf = { kind: "history", decide: () => false, reason: "" };
