import type { TimeDirection, TimeUnit } from "../ast.ts";
import { addUnits, instantOf, startOfUnit } from "./calendar.ts";

/**
 * A span of time [start, end); a moment has `end === start`. `reach` makes the clock explicit: the earliest `now`
 * at which the start (or, with `"end"`, the end) of the span is at or after a given constant. A span that does not
 * move answers with plus or minus infinity. Since spans only ever move forward, a comparison with a constant flips
 * at most once, and `reach` says when.
 */
export class MovingTime {
  readonly start: number;
  readonly end: number;
  readonly reach: Reach | undefined;
  /** Whether it moves with every millisecond (`now`) rather than from unit to unit (`today`). */
  readonly flowing: boolean;

  constructor(start: number, end: number, reach?: Reach, flowing = false) {
    this.start = start;
    this.end = end;
    this.reach = reach;
    this.flowing = flowing;
  }
}

/** The earliest `now` at which the edge of a span is at or after a bound. */
export type Reach = (bound: number, edge: "start" | "end") => number;

const DAY = 86_400_000;

/** The moment of evaluation. */
export function nowTime(now: number): MovingTime {
  return new MovingTime(now, now, (bound) => bound, true);
}

/** The unit of time that holds `now`, `offset` units on: `today` is day 0, `last month` month -1. */
export function unitTime(now: number, unit: TimeUnit, offset: number): MovingTime {
  const start = addUnits(startOfUnit(now, unit), offset, unit);
  return new MovingTime(start, addUnits(start, 1, unit), (bound, edge) => {
    // Units begin at unit starts only: the first start at or after the bound is what has to be reached.
    const floor = startOfUnit(bound, unit);
    const first = floor === bound ? bound : addUnits(floor, 1, unit);
    return addUnits(first, -offset - (edge === "end" ? 1 : 0), unit);
  });
}

/** The time `amount` units before or after another. */
export function shiftTime(
  from: MovingTime,
  shift: { readonly amount: number; readonly unit: TimeUnit; readonly direction: TimeDirection },
): MovingTime {
  const amount = shift.direction === "before" ? -shift.amount : shift.amount;
  const reach = from.reach;
  return new MovingTime(
    addUnits(from.start, amount, shift.unit),
    addUnits(from.end, amount, shift.unit),
    reach && ((bound, edge) => reach(addUnits(bound, -amount, shift.unit), edge)),
    from.flowing,
  );
}

/**
 * The time a value stands for: a time itself, an ISO 8601 text (a date without time is its whole UTC day), an
 * object with a `timestamp` such as an event; otherwise `undefined`.
 */
export function timeOf(value: unknown): MovingTime | undefined {
  if (value instanceof MovingTime) return value;
  if (typeof value === "string") {
    const ms = instantOf(value);
    if (Number.isNaN(ms)) return undefined;
    return new MovingTime(ms, value.length === 10 ? ms + DAY : ms);
  }
  if (
    typeof value === "object" &&
    value !== null &&
    "timestamp" in value &&
    typeof value.timestamp === "string"
  ) {
    return timeOf(value.timestamp);
  }
  return undefined;
}

/** What time comparisons need of an evaluation: the clock, and where to note the moments at which they flip. */
export interface Clock {
  readonly now: number;
  /** Notes that a result may change at `ms`; times that are not ahead are ignored. */
  note(ms: number): void;
}

/** Whether the start (or end) of a time is at or after a constant, now. Notes when it will be. */
export function reached(
  clock: Clock,
  time: MovingTime,
  bound: number,
  edge: "start" | "end" = "start",
): boolean {
  if (time.reach === undefined) return (edge === "start" ? time.start : time.end) >= bound;
  const at = time.reach(bound, edge);
  if (clock.now >= at) return true;
  clock.note(at);
  return false;
}

/** Whether `a` begins at or after `b` begins (`edge` start) or ends; `add` shifts the bound by whole milliseconds. */
export function notBefore(
  clock: Clock,
  a: MovingTime,
  b: MovingTime,
  options: { readonly edge?: "start" | "end"; readonly add?: number } = {},
): boolean {
  const edge = options.edge ?? "start";
  const add = options.add ?? 0;
  if (b.reach === undefined) return reached(clock, a, (edge === "start" ? b.start : b.end) + add);
  if (a.reach === undefined) {
    // a >= b + add unless b has reached a - add + 1.
    return !reached(clock, b, a.start - add + 1, edge);
  }
  // Both move. A stepping side is a constant until its next step; two flowing sides lie to each other in the same
  // way until midnight (months differ in length from then on).
  if (a.flowing && b.flowing) clock.note(startOfUnit(clock.now, "day") + DAY);
  if (!a.flowing) clock.note(a.reach(a.start + 1, "start"));
  if (!b.flowing) clock.note(b.reach(b.start + 1, "start"));
  const bound = (edge === "start" ? b.start : b.end) + add;
  if (a.flowing && !b.flowing) return reached(clock, a, bound);
  if (b.flowing && !a.flowing) return !reached(clock, b, a.start - add + 1, edge);
  return a.start >= bound;
}
