import type { Occurrence, Pql, TimeUnit } from "../ast.ts";
import { addUnits, fixedLength, startOfUnit } from "../time/calendar.ts";

/**
 * A stretch of time that ends with the moment of evaluation: `<= 7 days before now`, `today`, `this month`. An event
 * that has happened lies in it up to and including the moment `until` gives, and never again after.
 */
export interface Window {
  readonly key: string;
  readonly until: (time: number) => number;
  /** When the window is a fixed length: `until` is the time and this. */
  readonly span?: number;
}

/** No limit, but the event must have a time: what a chain asks of its events. */
export const DATED: Window = { key: "dated", until: (time) => (time === -Infinity ? time : Infinity) };

/** The window an occurrence is; `undefined` when it is none (it opens later, or hangs on something else). */
export function windowOf(when: Occurrence): Window | undefined {
  switch (when.kind) {
    case "within": {
      const { op, amount, unit, direction, from } = when;
      if ((op !== "<=" && op !== "<") || direction !== "before" || !isNow(from) || amount < 0)
        return undefined;
      return shifted(unit, amount, 0, op === "<" ? -1 : 0);
    }
    case "on": {
      const unit = presentUnit(when.time);
      return unit === undefined ? undefined : within(unit);
    }
    case "side": {
      if (when.direction === "before") return undefined;
      const unit = when.direction === "from" ? presentUnit(when.time) : undefined;
      return unit === undefined ? sinceOffset(when.time, when.direction) : within(unit);
    }
    case "between":
      return isNow(when.end) ? sinceOffset(when.start, "from") : undefined;
  }
}

/** Both windows at once. */
export function bothOf(a: Window | undefined, b: Window | undefined): Window | undefined {
  if (a === undefined || b === undefined || a.key === b.key) return a ?? b;
  const [x, y] = a.key < b.key ? [a, b] : [b, a];
  return { key: `${x.key} & ${y.key}`, until: (time) => Math.min(x.until(time), y.until(time)) };
}

/** Whether an expression hangs on the moment of evaluation. */
function isNow(time: Pql): boolean {
  return time.kind === "moment" && time.word === "now";
}

function presentUnit(time: Pql): TimeUnit | undefined {
  if (time.kind === "moment") return time.word === "today" ? "day" : undefined;
  return time.kind === "period" && time.which === "this" ? time.unit : undefined;
}

/** From some units before now on; `after` leaves out that very moment. */
function sinceOffset(time: Pql, direction: "after" | "from"): Window | undefined {
  if (time.kind !== "offset" || time.direction !== "before" || !isNow(time.from) || time.amount < 0)
    return undefined;
  return shifted(time.unit, time.amount, direction === "from" ? 1 : 0, -1);
}

/** `addUnits(time + before) + after`. */
function shifted(unit: TimeUnit, amount: number, before: number, after: number): Window {
  const length = fixedLength(unit);
  if (length !== undefined) {
    const span = length * amount + before + after;
    return { key: `last ${span}`, until: (time) => time + span, span };
  }
  return {
    key: `last ${amount} ${unit} ${before} ${after}`,
    until: (time) => (time === -Infinity ? time : addUnits(time + before, amount, unit) + after),
  };
}

function within(unit: TimeUnit): Window {
  return {
    key: `this ${unit}`,
    until: (time) => (time === -Infinity ? time : addUnits(startOfUnit(time, unit), 1, unit) - 1),
  };
}

/** The earliest time that lies in a window at a moment; times after it lie in it too. */
export function earliestIn(window: Window, now: number): number {
  if (window.span !== undefined) return now - window.span;
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
