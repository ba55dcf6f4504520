import type { Comparison, TimeDirection, TimeUnit } from "../ast.ts";
import { type Clock, type MovingTime, notBefore, shiftTime } from "./moving-time.ts";

/** Whether `a` begins at or after the end of `b`; a moment ends with its own millisecond. */
function notBeforeEnd(clock: Clock, a: MovingTime, b: MovingTime): boolean {
  return b.end > b.start ? notBefore(clock, a, b, { edge: "end" }) : notBefore(clock, a, b, { add: 1 });
}

/** Whether two times have a moment in common. */
export function overlaps(clock: Clock, a: MovingTime, b: MovingTime): boolean {
  return !notBeforeEnd(clock, a, b) && !notBeforeEnd(clock, b, a);
}

/** `time before|after|from reference`. After a span means after its end; `from` means from its start on. */
export function liesOnSide(
  clock: Clock,
  time: MovingTime,
  direction: TimeDirection,
  reference: MovingTime,
): boolean {
  switch (direction) {
    case "before":
      return !notBefore(clock, time, reference);
    case "after":
      return notBeforeEnd(clock, time, reference);
    case "from":
      return notBefore(clock, time, reference);
  }
}

/** `time occurs between start and end`: both ends belong to it. */
export function liesBetween(clock: Clock, time: MovingTime, start: MovingTime, end: MovingTime): boolean {
  return notBefore(clock, time, start) && !notBeforeEnd(clock, time, end);
}

/**
 * `time occurs <op> <amount> <unit> before|after reference`. `<=` and `<` look at times on that side of the
 * reference only. The distance is measured by moving `time` towards the reference, so that for calendar units a
 * window closes exactly once.
 */
export function liesWithin(
  clock: Clock,
  time: MovingTime,
  distance: {
    readonly op: Comparison;
    readonly amount: number;
    readonly unit: TimeUnit;
    readonly direction: TimeDirection;
  },
  reference: MovingTime,
): boolean {
  const before = distance.direction === "before";
  const moved = shiftTime(time, { ...distance, direction: before ? "after" : "before" });
  const [far, near] = before ? [moved, reference] : [reference, moved];
  const onSide = (): boolean =>
    before ? notBefore(clock, reference, time) : notBefore(clock, time, reference);
  switch (distance.op) {
    case "<=":
      return onSide() && notBefore(clock, far, near);
    case "<":
      return onSide() && notBefore(clock, far, near, { add: 1 });
    case ">=":
      return notBefore(clock, near, far);
    case ">":
      return notBefore(clock, near, far, { add: 1 });
    case "=":
      return overlaps(clock, moved, reference);
    case "!=":
      return !overlaps(clock, moved, reference);
  }
}

/** A comparison of two times. A day is one value: `>` means after it has ended, `<=` until its end. */
export function compareTimes(clock: Clock, op: Comparison, a: MovingTime, b: MovingTime): boolean {
  switch (op) {
    case "=":
      return overlaps(clock, a, b);
    case "!=":
      return !overlaps(clock, a, b);
    case "<":
      return !notBefore(clock, a, b);
    case "<=":
      return !notBeforeEnd(clock, a, b);
    case ">":
      return notBeforeEnd(clock, a, b);
    case ">=":
      return notBefore(clock, a, b);
  }
}
