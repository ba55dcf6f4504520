import type { Leaf } from "./leaf.ts";
import type { Window } from "./window.ts";

/** Counters of a program. Those of condition c are `start[c]` to `start[c + 1] - 1`, each with the number of its window. */
interface Counts {
  readonly start: Int32Array;
  readonly window: Int32Array;
  readonly leafStart: Int32Array;
  readonly leafOf: Int32Array;
  readonly leastOf: Int32Array;
}

/** One counter for each condition and window, and the leaves that hold from so many on. */
export function countsOf(
  leaves: readonly Leaf[],
  conditions: number,
  numberOf: (window: Window | undefined) => number,
): Counts {
  const counters: Map<number, { leaf: number; least: number }[]>[] = Array.from(
    { length: conditions },
    () => new Map(),
  );
  leaves.forEach((leaf, number) => {
    if (leaf.kind !== "count") return;
    const own = counters[leaf.condition];
    const window = numberOf(leaf.window);
    const list = own?.get(window) ?? [];
    list.push({ leaf: number, least: leaf.least });
    own?.set(window, list);
  });
  const [start, window, leafStart, leafOf, leastOf]: number[][] = [[0], [], [0], [], []];
  for (const own of counters) {
    for (const [number, list] of own) {
      window?.push(number);
      for (const { leaf, least } of list) {
        leafOf?.push(leaf);
        leastOf?.push(least);
      }
      leafStart?.push(leafOf?.length ?? 0);
    }
    start?.push(window?.length ?? 0);
  }
  const packed = (list: readonly number[] | undefined): Int32Array => Int32Array.from(list ?? []);
  return {
    start: packed(start),
    window: packed(window),
    leafStart: packed(leafStart),
    leafOf: packed(leafOf),
    leastOf: packed(leastOf),
  };
}
