import type { Occurrence, Pql, TimeUnit } from "../ast.ts";
import { fixedLength } from "./calendar.ts";

const DAY = 86_400_000;
const LONGEST: Readonly<Partial<Record<TimeUnit, number>>> = {
  month: 31 * DAY,
  year: 366 * DAY,
  decade: 3_653 * DAY,
  century: 36_525 * DAY,
  millennium: 365_250 * DAY,
};

/** The longest a number of units can be, in milliseconds. */
function longest(amount: number, unit: TimeUnit): number {
  return amount * (fixedLength(unit) ?? LONGEST[unit] ?? 0);
}

/** How long before now a time can begin, in milliseconds; `undefined` when it does not hang on now. */
function ageOf(time: Pql): number | undefined {
  switch (time.kind) {
    case "moment":
      return { now: 0, today: DAY, yesterday: 2 * DAY, tomorrow: 0 }[time.word];
    case "period":
      return { this: longest(1, time.unit), last: longest(2, time.unit), next: 0 }[time.which];
    case "offset": {
      const age = ageOf(time.from);
      if (age === undefined) return undefined;
      const shift = longest(time.amount, time.unit);
      return time.direction === "before" ? age + shift : Math.max(0, age - shift);
    }
    default:
      return undefined;
  }
}

/** How old a time that fulfils an occurrence can be, in milliseconds; `undefined` when there is no limit. */
export function lookBackOf(when: Occurrence): number | undefined {
  switch (when.kind) {
    case "on":
      return ageOf(when.time);
    case "side":
      return when.direction === "before" ? undefined : ageOf(when.time);
    case "between":
      return ageOf(when.start);
    case "within": {
      const age = ageOf(when.from);
      if (age === undefined || when.op === "!=") return undefined;
      if (when.direction !== "before")
        return when.op === ">" || when.op === ">=" || when.op === "=" ? age : age;
      if (when.op === ">" || when.op === ">=") return undefined;
      return age + longest(when.amount, when.unit);
    }
  }
}
