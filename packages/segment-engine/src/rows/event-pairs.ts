import type { Leaf, SequenceLeaf, SequenceStep } from "./leaf.ts";
import type { Window } from "./window.ts";

/**
 * Sequences of two steps: the first is remembered, the second looks for it. All that begin with the same condition share
 * what is remembered of it.
 */
export interface Pairs {
  /** How many distinct first steps there are. */
  readonly firsts: number;
  /** For each condition where its times are remembered, and the sequences it ends. */
  readonly firstsOf: readonly (readonly number[])[];
  readonly secondsOf: readonly (readonly number[])[];
  /** For each sequence: its leaf, where the times of its first step are, the windows of both steps. */
  readonly leaf: Int32Array;
  readonly place: Int32Array;
  readonly firstWindow: Int32Array;
  readonly secondWindow: Int32Array;
  /** How long before the second the first may lie; NaN where `earliest` tells it. */
  readonly back: Float64Array;
  /** The earliest that the first may lie, where that is no fixed length before the second. */
  readonly earliest: readonly SequenceStep["earliest"][];
}

/** The two steps of a leaf that is a sequence of two with nothing forbidden after. */
export function pairOf(leaf: Leaf): readonly [SequenceStep, SequenceStep] | undefined {
  if (leaf.kind !== "sequence") return undefined;
  const { steps, never }: SequenceLeaf = leaf;
  const [first, second, third] = steps;
  return first && second && third === undefined && never.length === 0 ? [first, second] : undefined;
}

/** The sequences of two among the leaves; `numberOf` gives the number of a window. */
export function pairsOf(
  leaves: readonly Leaf[],
  conditions: number,
  numberOf: (window: Window | undefined) => number,
): Pairs {
  const places = new Map<number, number>();
  const firstsOf: number[][] = Array.from({ length: conditions }, () => []);
  const secondsOf: number[][] = Array.from({ length: conditions }, () => []);
  const found = leaves.flatMap((leaf, number) => {
    const steps = pairOf(leaf);
    return steps === undefined ? [] : [{ leaf: number, first: steps[0], second: steps[1] }];
  });
  found.forEach(({ first, second }, pair) => {
    if (!places.has(first.condition)) {
      places.set(first.condition, 2 * places.size);
      firstsOf[first.condition]?.push(places.get(first.condition) ?? 0);
    }
    secondsOf[second.condition]?.push(pair);
  });
  return {
    firsts: places.size,
    firstsOf,
    secondsOf,
    leaf: Int32Array.from(found, ({ leaf }) => leaf),
    place: Int32Array.from(found, ({ first }) => places.get(first.condition) ?? 0),
    firstWindow: Int32Array.from(found, ({ first }) => numberOf(first.window)),
    secondWindow: Int32Array.from(found, ({ second }) => numberOf(second.window)),
    back: Float64Array.from(found, ({ second }) => backOf(second)),
    earliest: found.map(({ second }) => second.earliest),
  };
}

/** Without limit it is so long that only an event that is not there lies before. */
function backOf({ back, earliest }: SequenceStep): number {
  return back ?? (earliest === undefined ? Number.MAX_VALUE : Number.NaN);
}
