import { canonicalJson, type JsonValue } from "@tessera/xdm";
import type { Comparison } from "../ast.ts";
import { type Clock, MovingTime, timeOf } from "../time/moving-time.ts";
import { compareTimes } from "../time/occurs.ts";

/** Whether a value is missing: not there, or null. */
export function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** A value as a condition: null is false, a list or map is true when not empty, any other value "is there". */
export function truth(value: unknown): boolean {
  if (value === true) return true;
  if (value === false || value === null || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return true;
}

/** The field of a value. Of a list: the field of each item that has it, lists joined. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    const found: unknown[] = [];
    for (const item of value) {
      const part = fieldOf(item, name);
      if (Array.isArray(part)) found.push(...part);
      else if (!isMissing(part)) found.push(part);
    }
    return found;
  }
  if (value instanceof Map) return value.get(name);
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** The items of a list; a single value is a list of one, a grouping its groups. Missing is `undefined`. */
export function itemsOf(value: unknown): readonly unknown[] | undefined {
  if (isMissing(value)) return undefined;
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.values()];
  return [value];
}

/** The keys and values of a map: of a grouping, or of an object. */
export function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (value instanceof Map) return [...value.entries()];
  if (typeof value !== "object" || value === null || value instanceof MovingTime) return [];
  if (Array.isArray(value)) return value.map((item, index) => [index, item] as const);
  return Object.entries(value).filter(([, item]) => item !== undefined);
}

/** A text that is the same for equal values. */
export function valueKey(value: unknown): string {
  if (typeof value === "string") return `s${value}`;
  if (typeof value === "number") return `n${value === 0 ? 0 : value}`;
  if (value instanceof MovingTime) return `t${value.start}-${value.end}`;
  if (Array.isArray(value)) return `[${value.map(valueKey).sort().join(",")}]`;
  if (value instanceof Map)
    return `m${[...value].map(([key, item]) => `${valueKey(key)}=${valueKey(item)}`).join(",")}`;
  return `j${canonicalJson(value as JsonValue)}`;
}

/** Whether two values are equal; missing values and values of different types are not. Lists ignore the order. */
export function equal(clock: Clock, a: unknown, b: unknown): boolean {
  if (isMissing(a) || isMissing(b)) return false;
  if (typeof a !== "object" && typeof b !== "object") return a === b;
  if (a instanceof MovingTime || b instanceof MovingTime) {
    const [left, right] = [timeOf(a), timeOf(b)];
    return left !== undefined && right !== undefined && compareTimes(clock, "=", left, right);
  }
  return kindOf(a) === kindOf(b) && valueKey(a) === valueKey(b);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "list";
  return value instanceof Map ? "map" : typeof value;
}

/**
 * A comparison. Not true, whatever the operator, when a side is missing or the types differ. Texts compare by code
 * unit, unless both are dates or date-times and the operator asks for an order.
 */
export function compare(clock: Clock, op: Comparison, a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return ordered(op, a - b);
  if (isMissing(a) || isMissing(b)) return false;
  if (a instanceof MovingTime || b instanceof MovingTime) {
    const [left, right] = [timeOf(a), timeOf(b)];
    return left !== undefined && right !== undefined && compareTimes(clock, op, left, right);
  }
  if (typeof a === "string" && typeof b === "string") {
    if (op === "=") return a === b;
    if (op === "!=") return a !== b;
    const [left, right] = looksLikeTime(a) && looksLikeTime(b) ? [timeOf(a), timeOf(b)] : [];
    if (left && right) return compareTimes(clock, op, left, right);
    return ordered(op, a < b ? -1 : a > b ? 1 : 0);
  }
  if (op !== "=" && op !== "!=") return false;
  return kindOf(a) === kindOf(b) && equal(clock, a, b) === (op === "=");
}

function looksLikeTime(text: string): boolean {
  return text.length >= 10 && text.charCodeAt(4) === 45 && text.charCodeAt(7) === 45;
}

function ordered(op: Comparison, difference: number): boolean {
  switch (op) {
    case "=":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case ">":
      return difference > 0;
    case ">=":
      return difference >= 0;
  }
}
