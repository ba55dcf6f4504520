import type { Comparison, Occurrence, Pql, TimeDirection, TimeUnit } from "../ast.ts";
import type { Cursor } from "./cursor.ts";
import { directionOf, unitOf } from "./words.ts";

/** The comparison at the cursor, taken; `undefined` when there is none. */
export function takeComparison(cursor: Cursor): Comparison | undefined {
  const token = cursor.peek();
  if (token.joins !== 3) return undefined;
  cursor.next();
  return token.text as Comparison;
}

/** Whether `3 days before …` stands at the cursor. */
export function isOffset(cursor: Cursor): boolean {
  const unit = cursor.peek(1);
  const direction = cursor.peek(2);
  return (
    cursor.peek().kind === "number" &&
    unit.kind === "word" &&
    unitOf(unit.text) !== undefined &&
    direction.kind === "word" &&
    directionOf(direction.text) !== undefined
  );
}

/** The amount, unit, direction and time of `3 days before now`. */
export interface Distance {
  readonly amount: number;
  readonly unit: TimeUnit;
  readonly direction: TimeDirection;
  readonly from: Pql;
}

/** Reads `3 days before <time>`. */
export function parseDistance(cursor: Cursor, time: (cursor: Cursor) => Pql): Distance {
  const amount = cursor.peek();
  if (amount.kind !== "number" || !amount.integer) {
    return cursor.broken("a whole number", "Write how many units of time, such as 3 days.");
  }
  cursor.next();
  const word = cursor.peek();
  const unit = word.kind === "word" ? unitOf(word.text) : undefined;
  if (unit === undefined) return cursor.broken("a unit of time", "Write days, hours, weeks and the like.");
  cursor.next();
  const direction = takeDirection(cursor);
  if (direction === undefined)
    return cursor.broken("before, after or from", "Say before or after what time.");
  return { amount: amount.value, unit, direction, from: time(cursor) };
}

function takeDirection(cursor: Cursor): TimeDirection | undefined {
  const word = cursor.peek();
  const direction = word.kind === "word" ? directionOf(word.text) : undefined;
  if (direction !== undefined) cursor.next();
  return direction;
}

/** Reads what follows `occurs`, or stands in `WHEN(…)`. */
export function parseOccurrence(cursor: Cursor, time: (cursor: Cursor) => Pql): Occurrence {
  const op = takeComparison(cursor);
  if (op !== undefined) return { kind: "within", op, ...parseDistance(cursor, time) };
  const direction = takeDirection(cursor);
  if (direction !== undefined) return { kind: "side", direction, time: time(cursor) };
  if (cursor.takeWord("between")) {
    const start = time(cursor);
    if (!cursor.takeWord("and")) return cursor.broken("and", "between takes two times: between A and B.");
    return { kind: "between", start, end: time(cursor) };
  }
  cursor.takeWord("on");
  return { kind: "on", time: time(cursor) };
}
