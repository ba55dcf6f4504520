import type { ExportSchedule } from "./schedule.ts";

const HOURS = 24;

/**
 * The hours of the day (UTC, 0 to 23) in which files of a schedule are written. One that waits for an evaluation is
 * written when that is done: in `evaluated`, the hours in which the audience is evaluated.
 */
export function exportHours(
  schedule: ExportSchedule | undefined,
  evaluated: readonly number[] = [],
): readonly number[] {
  if (schedule === undefined) return [];
  if (schedule.mode === "full" && schedule.when === "after-evaluation") return evaluated;
  const first = Number(schedule.time.slice(0, 2));
  const step = schedule.mode === "full" ? HOURS : schedule.everyHours;
  return Array.from({ length: Math.ceil(HOURS / step) }, (_, run) => (first + run * step) % HOURS).sort(
    (a, b) => a - b,
  );
}

/** How many audiences are exported in one hour. */
export interface HourOfExports {
  /** Those that are asked about. */
  readonly own: number;
  /** All the others. */
  readonly others: number;
}

/**
 * The hour in which most is exported, of those in which the own audiences are; `undefined` when they are in none. Each
 * list is the hours of one audience (`exportHours`).
 */
export function busiestHour(
  own: readonly (readonly number[])[],
  others: readonly (readonly number[])[],
): HourOfExports | undefined {
  let busiest: HourOfExports | undefined;
  for (const hour of new Set(own.flat())) {
    const [mine, theirs] = [own, others].map((all) => all.filter((hours) => hours.includes(hour)).length);
    const found = { own: mine ?? 0, others: theirs ?? 0 };
    if (busiest === undefined || found.own + found.others > busiest.own + busiest.others) busiest = found;
  }
  return busiest;
}
