import type { Aggregation } from "../ast.ts";
import { type Clock, MovingTime, timeOf } from "../time/moving-time.ts";
import { equal, isMissing, valueKey } from "./values.ts";

/**
 * Folds values to one. Missing values are left out everywhere but in `count`; `sum` and `average` look at numbers
 * only. Nothing to fold: `count` and `sum` are 0, the others null.
 */
export function fold(fn: Aggregation, values: readonly unknown[]): unknown {
  if (fn === "count") return values.length;
  if (fn === "min" || fn === "max") return extreme(fn, values);
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (typeof value !== "number") continue;
    sum += value;
    count++;
  }
  if (fn === "sum") return sum;
  return count === 0 ? null : sum / count;
}

function extreme(fn: "min" | "max", values: readonly unknown[]): unknown {
  let best: unknown = null;
  for (const value of values) {
    if (isMissing(value)) continue;
    if (best === null) best = value;
    else {
      const order = orderOf(value, best);
      if (order !== undefined && (fn === "min" ? order < 0 : order > 0)) best = value;
    }
  }
  return best;
}

/** The order of two values of one kind: numbers, texts, times; `undefined` when they cannot be put in order. */
function orderOf(a: unknown, b: unknown): number | undefined {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a instanceof MovingTime || b instanceof MovingTime) {
    const [left, right] = [timeOf(a), timeOf(b)];
    return left && right ? left.start - right.start : undefined;
  }
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  return undefined;
}

/** The first of equal items, in order. */
export function distinct(items: readonly unknown[]): readonly unknown[] {
  const seen = new Map<string, unknown>();
  for (const item of items) {
    const key = valueKey(item);
    if (!seen.has(key)) seen.set(key, item);
  }
  return [...seen.values()];
}

/** Whether the list holds an item equal to `value`. */
export function holds(clock: Clock, items: readonly unknown[], value: unknown): boolean {
  if (typeof value !== "object" || value === null) {
    if (isMissing(value)) return false;
    if (items.includes(value)) return true;
    return items.some((item) => item instanceof MovingTime && equal(clock, item, value));
  }
  return items.some((item) => equal(clock, item, value));
}

/** The items with the highest (`topN`) or lowest (`bottomN`) key, the best first; items without a key are left out. */
export function best(
  items: readonly { readonly item: unknown; readonly key: unknown }[],
  count: number,
  highest: boolean,
): readonly unknown[] {
  const keyed = items.filter((entry) => !isMissing(entry.key));
  const sorted = keyed.toSorted((a, b) => (highest ? -1 : 1) * (orderOf(a.key, b.key) ?? 0));
  return sorted.slice(0, Math.max(0, count)).map((entry) => entry.item);
}
