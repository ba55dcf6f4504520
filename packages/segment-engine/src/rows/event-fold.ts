import type { EvaluationContext } from "../evaluate/context.ts";
import { type Held, keptWindows, type KeptWindows, type LeafNow } from "../stream/kept.ts";
import type { FoldLeaf, Leaf, SequenceLeaf, SequenceStep } from "./leaf.ts";
import { countsOf } from "./event-counts.ts";
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

/** A step of a sequence of two: the first is remembered, the second looks for it. */
interface PairStep {
  readonly pair: number;
  readonly second: boolean;
  readonly leaf: number;
  readonly earliest: SequenceStep["earliest"];
  readonly firstWindow: number;
  readonly secondWindow: number;
}

/** All that an event which fulfils some conditions does, taken together once for all events that fulfil the same ones. */
export interface EventSteps {
  /** Counters with the windows they stand for, the widest window first. */
  readonly counters: Int32Array;
  readonly windows: Int32Array;
  /** The earliest time that lies in the window of each counter, as of the moment `now`. */
  readonly from: Float64Array;
  now: number;
  /** An event before this does nothing. */
  oldest: number;
  readonly folds: readonly Fold[];
  readonly pairs: readonly PairStep[];
  readonly feeds: KeptWindows["feeds"][number];
}

/** Gives the numbers that a folded value stands for in the event at hand. */
export type Numbers = (value: number) => readonly number[];

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
  /** The leaves of counter i are `leafStart[i]` to `leafStart[i + 1] - 1`. */
  readonly #leafStart: Int32Array;
  readonly #leafOf: Int32Array;
  readonly #leastOf: Int32Array;
  readonly #folds: readonly (readonly Fold[])[];
  readonly #allFolds: readonly Fold[];
  readonly #sums: Float64Array;
  readonly #folded: Int32Array;
  readonly #pairs: readonly (readonly PairStep[])[];
  /** For each sequence of two the latest time of its first step, and the latest before that. */
  readonly #firsts: Float64Array;
  readonly #longer: KeptWindows;
  readonly #held: readonly Held[];
  /** What an event that fulfils a condition does. */
  readonly #steps: readonly EventSteps[];
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
    const values = new Map<string, FoldLeaf["value"]>();
    const folds: Fold[] = [];
    const pairs: PairStep[][] = Array.from({ length: conditions }, () => []);
    let pair = 0;
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
      const steps = pairOf(leaf);
      if (steps === undefined) return;
      const [first, second] = steps;
      const own = {
        pair,
        leaf: number,
        earliest: second.earliest,
        firstWindow: numberOf(first.window),
        secondWindow: numberOf(second.window),
      };
      pairs[second.condition]?.push({ ...own, second: true });
      pairs[first.condition]?.push({ ...own, second: false });
      pair++;
    });
    this.values = [...values.values()];
    this.#windows = [...windows.values()];
    this.#from = new Float64Array(this.#windows.length);
    const foldsOf: Fold[][] = Array.from({ length: conditions }, () => []);
    for (const fold of folds) foldsOf[fold.leaf.condition]?.push(fold);
    this.#folds = foldsOf;
    this.#allFolds = folds;
    this.#sums = new Float64Array(folds.length);
    this.#folded = new Int32Array(folds.length);
    this.#pairs = pairs;
    this.#firsts = new Float64Array(2 * pair);
    const longer = leaves.map((leaf): Leaf =>
      leaf.kind === "sequence" && pairOf(leaf) === undefined ? leaf : NOT_KEPT,
    );
    this.#longer = keptWindows(longer, conditions, into.context);
    this.#held = this.#longer.kept.map(({ empty }) => ({ cells: [...empty], lists: [] }));
    this.#touched = new Uint8Array(this.#held.length);
    this.#steps = Array.from({ length: conditions }, (_, condition) =>
      this.stepsOf(Int32Array.of(condition)),
    );
  }

  /** Begins with a moment. */
  begin(now: number): void {
    if (now === this.#now) return;
    this.#now = now;
    this.#windows.forEach((window, number) => {
      this.#from[number] = window === undefined ? -Infinity : earliestIn(window, now);
    });
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

  /** An event at `time` fulfils the first `count` conditions of a list. */
  event(list: Int32Array, count: number, time: number): void {
    for (let index = 0; index < count; index++) {
      const steps = this.#steps[list[index] ?? 0];
      if (steps !== undefined) this.take(steps, time);
    }
  }

  /** What `event` does for these conditions, in the form that `take` takes. */
  stepsOf(conditions: Int32Array): EventSteps {
    const counters: number[] = [];
    const folds: Fold[] = [];
    const pairs: PairStep[] = [];
    const feeds: KeptWindows["feeds"][number][number][] = [];
    for (const condition of conditions) {
      const end = this.#countStart[condition + 1] ?? 0;
      for (let counter = this.#countStart[condition] ?? 0; counter < end; counter++) counters.push(counter);
      folds.push(...(this.#folds[condition] ?? []));
      pairs.push(...(this.#pairs[condition] ?? []));
      feeds.push(...(this.#longer.feeds[condition] ?? []));
    }
    return {
      counters: Int32Array.from(counters),
      windows: Int32Array.from(counters, (counter) => this.#countWindow[counter] ?? 0),
      from: new Float64Array(counters.length),
      now: Number.NaN,
      oldest: -Infinity,
      folds,
      pairs,
      feeds,
    };
  }

  /** An event at `time` does these steps. */
  take(steps: EventSteps, time: number): void {
    if (steps.now !== this.#now) this.#arrange(steps);
    if (time < steps.oldest) return;
    const { counters, from, folds, pairs, feeds } = steps;
    for (let index = 0; index < counters.length; index++) {
      if (time < (from[index] ?? 0)) break;
      this.#count(counters[index] ?? 0);
    }
    if (folds.length > 0) this.#fold(folds, time);
    if (pairs.length > 0) this.#pair(pairs, time);
    if (feeds.length > 0) this.#feed(feeds, time);
  }

  #arrange(steps: EventSteps): void {
    const { counters, windows, from } = steps;
    const order = [...counters]
      .map((counter, index) => ({ counter, window: windows[index] ?? 0 }))
      .sort((a, b) => (this.#from[a.window] ?? 0) - (this.#from[b.window] ?? 0));
    order.forEach(({ counter, window }, index) => {
      counters[index] = counter;
      windows[index] = window;
      from[index] = this.#from[window] ?? 0;
    });
    let oldest = steps.pairs.length + steps.feeds.length > 0 ? -Infinity : (from[0] ?? Infinity);
    for (const { window } of steps.folds) oldest = Math.min(oldest, this.#from[window] ?? -Infinity);
    steps.oldest = oldest;
    steps.now = this.#now;
  }

  #count(counter: number): void {
    const counted = (this.#counters[counter] ?? 0) + 1;
    this.#counters[counter] = counted;
    const end = this.#leafStart[counter + 1] ?? 0;
    for (let at = this.#leafStart[counter] ?? 0; at < end; at++) {
      if (this.#leastOf[at] === counted) this.#hit(this.#leafOf[at] ?? 0);
    }
  }

  #hit(leaf: number): void {
    this.#nodes[leaf] = (this.#nodes[leaf] ?? 0) | this.#lane;
  }

  #fold(folds: readonly Fold[], time: number): void {
    for (let index = 0; index < folds.length; index++) {
      const fold = folds[index];
      if (fold === undefined || time < (this.#from[fold.window] ?? 0)) continue;
      const numbers = this.#numbers(fold.value);
      for (let at = 0; at < numbers.length; at++) {
        this.#sums[fold.number] = (this.#sums[fold.number] ?? 0) + (numbers[at] ?? 0);
        this.#folded[fold.number] = (this.#folded[fold.number] ?? 0) + 1;
      }
    }
  }

  #pair(pairs: readonly PairStep[], time: number): void {
    for (let index = 0; index < pairs.length; index++) {
      const step = pairs[index];
      if (step === undefined || time === -Infinity) continue;
      // Found once, found for good: later events do not take it back.
      if (((this.#nodes[step.leaf] ?? 0) & this.#lane) !== 0) continue;
      const place = 2 * step.pair;
      const latest = this.#firsts[place] ?? -Infinity;
      if (!step.second) {
        if (latest === time) continue;
        this.#firsts[place + 1] = latest;
        this.#firsts[place] = time;
        continue;
      }
      // An event of the same moment does not follow.
      const first = latest < time ? latest : (this.#firsts[place + 1] ?? -Infinity);
      if (first === -Infinity || time < (this.#from[step.secondWindow] ?? 0)) continue;
      if (first < (this.#from[step.firstWindow] ?? 0)) continue;
      if (step.earliest === undefined || first >= step.earliest(time)) this.#hit(step.leaf);
    }
  }

  #feed(feeds: KeptWindows["feeds"][number], time: number): void {
    for (const { kept, add } of feeds) {
      const held = this.#held[kept];
      if (held === undefined) continue;
      add(held, 0, time, EMPTY);
      if (this.#touched[kept] === 1) continue;
      this.#touched[kept] = 1;
      this.#longerList.push(kept);
    }
  }

  /** After the last event of a person. */
  end(): void {
    for (let index = 0; index < this.#allFolds.length; index++) {
      const fold = this.#allFolds[index];
      if (fold === undefined) continue;
      const count = this.#folded[index] ?? 0;
      const sum = this.#sums[index] ?? 0;
      if (count === 0 ? fold.holdsEmpty : fold.leaf.holds(fold.leaf.fn === "sum" ? sum : sum / count))
        this.#hit(fold.at);
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

function pairOf(leaf: Leaf): readonly [SequenceStep, SequenceStep] | undefined {
  if (leaf.kind !== "sequence") return undefined;
  const { steps, never }: SequenceLeaf = leaf;
  const [first, second, third] = steps;
  return first && second && third === undefined && never.length === 0 ? [first, second] : undefined;
}

/** Stands for a leaf that no window is kept for. */
const NOT_KEPT: Leaf = { kind: "history", decide: () => false, reason: "" };
