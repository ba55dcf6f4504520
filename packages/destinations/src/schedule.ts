import { describe, err, type Issue, isObject, ok, type Result } from "@tessera/xdm";

/** Hours between incremental files that are allowed. */
export const INCREMENTAL_HOURS: readonly number[] = [3, 6, 8, 12, 24];

/**
 * When files of an audience are written.
 * - `full`: the whole active population once a day, after the audiences' evaluation or at a UTC time.
 * - `incremental`: who entered or left since the last file; the first file is a full one.
 */
export type ExportSchedule =
  | { readonly mode: "full"; readonly when: "after-evaluation" }
  | { readonly mode: "full"; readonly when: "at"; readonly time: string }
  | { readonly mode: "incremental"; readonly everyHours: number; readonly time: string };

const TIME = /^([01]\d|2[0-3]):[0-5]\d$/;

/** Reads a schedule; `time` is `HH:MM` in UTC. */
export function parseSchedule(input: unknown): Result<ExportSchedule, Issue> {
  const bad = (path: readonly string[], expected: string, came: unknown): Result<ExportSchedule, Issue> =>
    err({
      code: "schedule.invalid",
      path: ["schedule", ...path],
      expected,
      came: describe(came),
      message: `schedule.${path.join(".")}: expected ${expected}, got ${describe(came)}. Correct the schedule.`,
    });
  if (!isObject(input)) return bad([], "a schedule", input);
  const { mode, when, time, everyHours } = input;
  if (mode === "full" && when === "after-evaluation") return ok({ mode, when });
  if (mode !== "full" && mode !== "incremental") return bad(["mode"], "full or incremental", mode);
  if (mode === "full" && when !== "at") return bad(["when"], "after-evaluation or at", when);
  if (typeof time !== "string" || !TIME.test(time)) return bad(["time"], "a UTC time as HH:MM", time);
  if (mode === "full") return ok({ mode, when: "at", time });
  if (typeof everyHours !== "number" || !INCREMENTAL_HOURS.includes(everyHours)) {
    return bad(["everyHours"], `one of ${INCREMENTAL_HOURS.join(", ")}`, everyHours);
  }
  return ok({ mode, everyHours, time });
}

const HOUR = 3_600_000;

/**
 * The first run at or after `from` (milliseconds; the answer too). `undefined`: it runs when an evaluation is done.
 * Incremental runs stand on a grid of `everyHours` that passes through `time` every day.
 */
export function nextRun(schedule: ExportSchedule, from: number): number | undefined {
  if (schedule.mode === "full" && schedule.when === "after-evaluation") return undefined;
  const step = (schedule.mode === "full" ? 24 : schedule.everyHours) * HOUR;
  const [hours, minutes] = schedule.time.split(":").map(Number);
  const phase = ((hours ?? 0) * 60 + (minutes ?? 0)) * 60_000;
  return phase + Math.ceil((from - phase) / step) * step;
}
