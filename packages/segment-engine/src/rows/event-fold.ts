import type { EvaluationContext } from "../evaluate/context.ts";
import { keptWindows, type KeptWindows, type LeafNow } from "../stream/kept.ts";
import type { FoldLeaf, Leaf } from "./leaf.ts";
import type { Window } from "./window.ts";

/** Events of one condition within one window, counted; and the leaves that hold from so many on. */
interface Count {
  readonly number: number;
  readonly window: number;
  readonly leaves: readonly { readonly leaf: number; readonly least: number }[];
}

interface Fold {
  readonly number: number;
  readonly window: number;
  readonly leaf: FoldLeaf;
  readonly at: number;
  /** The number of the value in `EventFold.values`. */
  readonly value: number;
}

/**
 * Answers all leaves on events of one person at one moment, in one pass over the events. The earliest time that lies
 * in a window is worked out once a moment.
 */
export class EventFold {
  /** The distinct values of events that are folded. */
  readonly values: readonly FoldLeaf["value"][];
  readonly #windows: readonly (Window | undefined)[];
  readonly #from: Float64Array;
  readonly #counts: readonly (readonly Count[])[];
  readonly #counters: Int32Array;
  readonly #folds: readonly (readonly Fold[])[];
  readonly #allFolds: readonly Fold[];
  readonly #sums: Float64Array;
  readonly #folded: Int32Array;
  readonly #sequences: KeptWindows;
  readonly #data: number[][];
  readonly #touched: Uint8Array;
  readonly #sequenceList: number[] = [];
  readonly #result: LeafNow = { holds: false, changesAt: Infinity };
  #now = Number.NaN;

  constructor(leaves: readonly Leaf[], conditions: number, context: EvaluationContext) {
    const windows = new Map<string, Window | undefined>();
    const values = new Map<string, FoldLeaf["value"]>();
    const numberOf = (window: Window | undefined): number => {
      const key = window?.key ?? "";
      if (!windows.has(key)) windows.set(key, window);
      return [...windows.keys()].indexOf(key);
    };
    const counts = new Map<
      string,
      { condition: number; window: number; leaves: { leaf: number; least: number }[] }
    >();
    const folds: Fold[] = [];
    leaves.forEach((leaf, number) => {
      if (leaf.kind === "count") {
        const key = `${leaf.condition} ${leaf.window?.key ?? ""}`;
        const count = counts.get(key) ?? {
          condition: leaf.condition,
          window: numberOf(leaf.window),
          leaves: [],
        };
        count.leaves.push({ leaf: number, least: leaf.least });
        counts.set(key, count);
      }
      if (leaf.kind === "fold") {
        if (!values.has(leaf.value.key)) values.set(leaf.value.key, leaf.value);
        const value = [...values.keys()].indexOf(leaf.value.key);
        folds.push({ number: folds.length, window: numberOf(leaf.window), leaf, at: number, value });
      }
    });
    this.values = [...values.values()];
    this.#windows = [...windows.values()];
    this.#from = new Float64Array(this.#windows.length);
    const byCondition: Count[][] = Array.from({ length: conditions }, () => []);
    [...counts.values()].forEach(({ condition, window, leaves: own }, number) => {
      byCondition[condition]?.push({ number, window, leaves: own });
    });
    this.#counts = byCondition;
    this.#counters = new Int32Array(counts.size);
    const foldsOf: Fold[][] = Array.from({ length: conditions }, () => []);
    for (const fold of folds) foldsOf[fold.leaf.condition]?.push(fold);
    this.#folds = foldsOf;
    this.#allFolds = folds;
    this.#sums = new Float64Array(folds.length);
    this.#folded = new Int32Array(folds.length);
    const only = leaves.map((leaf): Leaf => (leaf.kind === "sequence" ? leaf : NOT_KEPT));
    this.#sequences = keptWindows(only, conditions, context);
    this.#data = this.#sequences.kept.map((kept) => kept.empty());
    this.#touched = new Uint8Array(this.#data.length);
  }

  /** Begins with a moment. */
  begin(now: number): void {
    if (now === this.#now) return;
    this.#now = now;
    this.#windows.forEach((window, number) => {
      this.#from[number] = window === undefined ? -Infinity : earliestIn(window, now);
    });
  }

  /** Begins with a person. */
  person(): void {
    this.#counters.fill(0);
    this.#sums.fill(0);
    this.#folded.fill(0);
    for (const kept of this.#sequenceList) {
      this.#data[kept]?.fill(-Infinity);
      this.#touched[kept] = 0;
    }
    this.#sequenceList.length = 0;
  }

  /** An event at `time` fulfils a condition. `numbers` gives the numbers of a folded value. */
  event(
    condition: number,
    time: number,
    into: { readonly hit: (leaf: number) => void; readonly numbers: (value: number) => readonly number[] },
  ): void {
    for (const count of this.#counts[condition] ?? []) {
      if (time < (this.#from[count.window] ?? 0)) continue;
      const counted = (this.#counters[count.number] ?? 0) + 1;
      this.#counters[count.number] = counted;
      for (const { leaf, least } of count.leaves) if (least === counted) into.hit(leaf);
    }
    for (const fold of this.#folds[condition] ?? []) {
      if (time < (this.#from[fold.window] ?? 0)) continue;
      for (const number of into.numbers(fold.value)) {
        this.#sums[fold.number] = (this.#sums[fold.number] ?? 0) + number;
        this.#folded[fold.number] = (this.#folded[fold.number] ?? 0) + 1;
      }
    }
    for (const { kept, add } of this.#sequences.feeds[condition] ?? []) {
      const data = this.#data[kept];
      if (data === undefined) continue;
      add(data, time, EMPTY);
      if (this.#touched[kept] === 1) continue;
      this.#touched[kept] = 1;
      this.#sequenceList.push(kept);
    }
  }

  /** After the last event of a person. */
  end(hit: (leaf: number) => void): void {
    for (const { number, leaf, at } of this.#allFolds) {
      const [sum, count] = [this.#sums[number] ?? 0, this.#folded[number] ?? 0];
      if (leaf.fn === "sum" ? leaf.holds(sum) : count > 0 && leaf.holds(sum / count)) hit(at);
    }
    const result = this.#result;
    for (const kept of this.#sequenceList) {
      for (const leaf of this.#sequences.kept[kept]?.leaves ?? []) {
        leaf.now(this.#data[kept] ?? [], this.#now, result);
        if (result.holds) hit(leaf.leaf);
      }
    }
  }
}

const EMPTY = {};
/** Stands for a leaf that no window is kept for. */
const NOT_KEPT: Leaf = { kind: "history", decide: () => false, reason: "" };

/** The earliest time that lies in a window at a moment; times after it lie in it too. */
function earliestIn(window: Window, now: number): number {
  let out = 1;
  while (window.until(now - out) >= now) {
    out *= 2;
    if (out > 8e15) return -8e15;
  }
  let inside = Math.floor(out / 2);
  // now - out lies before the window, now - inside within it (or now itself is the first).
  while (out - inside > 1) {
    const middle = inside + Math.floor((out - inside) / 2);
    if (window.until(now - middle) >= now) inside = middle;
    else out = middle;
  }
  return window.until(now - inside) >= now ? now - inside : now + 1;
}
