import { err, formatInstant, type Issue, ok, parseInstant, type Result } from "@tessera/xdm";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Hours between exports that are taken. Full exports run once a day. */
export const INTERVALS: readonly [3, 6, 8, 12, 24] = [3, 6, 8, 12, 24];

/** When the files of one audience are written. */
export interface ExportSchedule {
  readonly mode: "full" | "incremental";
  readonly everyHours: 3 | 6 | 8 | 12 | 24;
  /** ISO 8601: the first run; every later one is a whole number of intervals after it, in UTC. */
  readonly startAt: string;
  /** `2026-02-01`: the first day without runs (exclusive, UTC). */
  readonly endDate?: string;
  /** Full exports may wait for the day's batch evaluation instead of running at the hour. */
  readonly trigger?: "time" | "afterEvaluation";
}

/**
 * What a schedule says at a moment.
 * - `due`: run now, for the slot `slot`. `missed` counts the earlier slots that are caught up with this one run.
 * - `wait`: nothing before `at`.  `ended`: never again.
 */
export type NextRun =
  | { readonly kind: "due"; readonly slot: string; readonly missed: number }
  | { readonly kind: "wait"; readonly at: string }
  | { readonly kind: "ended" };

/** Reads a schedule; every violation at once. */
export function parseSchedule(schedule: ExportSchedule): Result<ExportSchedule, readonly Issue[]> {
  const issues: Issue[] = [];
  const report = (field: keyof ExportSchedule, expected: string): void => {
    issues.push({
      code: "campaign.schedule",
      path: [field],
      expected,
      message: `${field}: expected ${expected}. Correct the schedule and save it again.`,
    });
  };
  if (!INTERVALS.includes(schedule.everyHours)) report("everyHours", "3, 6, 8, 12 or 24 hours");
  if (schedule.mode === "full" && schedule.everyHours !== 24)
    report("everyHours", "24 hours for full exports");
  if (!parseInstant(schedule.startAt).ok) report("startAt", "an ISO 8601 date-time");
  if (
    schedule.endDate !== undefined &&
    !(/^\d{4}-\d{2}-\d{2}$/.test(schedule.endDate) && parseInstant(schedule.endDate).ok)
  )
    report("endDate", "a date such as 2026-02-01");
  if (schedule.trigger === "afterEvaluation" && schedule.mode !== "full")
    report("trigger", "a time for incremental exports");
  return issues.length > 0 ? err(issues) : ok(schedule);
}

/**
 * When to run next. Pure, so that it survives restarts: `lastRun` is the slot of the last run that was started
 * (stored by the caller), `now` the clock. Several missed slots are caught up by one run for the latest of them;
 * a slot on or after `endDate` never runs, and after it only a slot that was missed before it is caught up.
 * `evaluatedAt` is the end of the latest batch evaluation, for schedules that wait for one.
 */
export function nextRun(
  schedule: ExportSchedule,
  lastRun: string | undefined,
  now: string,
  evaluatedAt?: string,
): NextRun {
  const start = instant(schedule.startAt);
  const clock = instant(now);
  const end = schedule.endDate === undefined ? Infinity : instant(schedule.endDate);
  const step = schedule.everyHours * HOUR;
  const last = lastRun === undefined ? undefined : instant(lastRun);
  const next = last === undefined ? start : start + (Math.floor((last - start) / step) + 1) * step;
  const first = Math.max(next, start);
  if (first >= end) return { kind: "ended" };
  if (clock < first) return { kind: "wait", at: formatInstant(first) };
  const before = Math.min(clock, end - 1);
  const latest = start + Math.floor((before - start) / step) * step;
  if (
    schedule.trigger === "afterEvaluation" &&
    (evaluatedAt === undefined || dayOf(instant(evaluatedAt)) < dayOf(latest))
  )
    return { kind: "wait", at: formatInstant(Math.max(clock, latest)) };
  return { kind: "due", slot: formatInstant(latest), missed: Math.round((latest - first) / step) };
}

/** The UTC day of an instant. */
function dayOf(ms: number): number {
  return Math.floor(ms / DAY);
}

function instant(text: string): number {
  const parsed = parseInstant(text);
  if (!parsed.ok) throw new TypeError("a schedule needs ISO 8601 instants");
  return parsed.value;
}

/**
 * What a run exports. Full exports and the first incremental one hold the whole active population as of `until`
 * (the first one is the backfill); later incremental ones hold the memberships that changed after `since`.
 */
export type ExportWindow =
  | {
      readonly mode: "full";
      readonly until: string;
      readonly reason: "scheduled" | "backfill" | "onDemand" | "mappingChanged";
    }
  | {
      readonly mode: "incremental";
      readonly since: string;
      /** Exits are told from here on, where a full file, which holds none, came in between. */
      readonly exitsSince?: string;
      readonly until: string;
    };

/** What is known of the exports before. */
export interface ExportHistory {
  /** `until` of the last export whose files arrived. */
  readonly exportedUntil?: string;
  /** Up to when exits were told, where that is earlier. */
  readonly exitsUntil?: string;
  /** Digest of the mapping it was made with (`mappingDigest`). */
  readonly mapping?: string;
}

/**
 * The window of a run at `at`. A changed mapping begins anew with a backfill, since older rows lack its columns;
 * an export on demand is one more full file and leaves the history as it was.
 */
export function exportWindow(
  schedule: Pick<ExportSchedule, "mode">,
  history: ExportHistory,
  run: { readonly at: string; readonly mapping: string; readonly onDemand?: boolean },
): ExportWindow {
  const until = formatInstant(instant(run.at));
  if (run.onDemand === true) return { mode: "full", until, reason: "onDemand" };
  if (schedule.mode === "full") return { mode: "full", until, reason: "scheduled" };
  if (history.exportedUntil === undefined) return { mode: "full", until, reason: "backfill" };
  if (history.mapping !== run.mapping) return { mode: "full", until, reason: "mappingChanged" };
  const { exportedUntil: since, exitsUntil } = history;
  return { mode: "incremental", since, ...(exitsUntil !== undefined && { exitsSince: exitsUntil }), until };
}

/**
 * The history after the files of a window have arrived. An export on demand does not count. A full file holds no exits:
 * those since the last incremental one are told by the next.
 */
export function historyAfter(history: ExportHistory, window: ExportWindow, mapping: string): ExportHistory {
  if (window.mode === "full" && window.reason === "onDemand") return history;
  const exitsUntil = window.mode === "full" ? (history.exitsUntil ?? history.exportedUntil) : undefined;
  return { exportedUntil: window.until, ...(exitsUntil !== undefined && { exitsUntil }), mapping };
}
