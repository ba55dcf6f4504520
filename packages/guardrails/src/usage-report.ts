import { formatInstant, type Issue, parseInstant } from "@tessera/xdm";
import { checkLimit, type LimitCheckKind, useOf } from "./check-limit.ts";
import type { Limit } from "./limit.ts";
import { ALL_LIMITS, type LimitId, type Limits } from "./limits.ts";

/** How much of a limit was used at some time. `scope` tells apart what is counted once per dataset, destination … */
export interface UsageSample {
  readonly limit: LimitId;
  readonly scope?: string;
  /** ISO 8601. */
  readonly at: string;
  readonly value: number;
}

/** One line of the report: a limit (in one scope) with what is known of its use. */
export interface UsageRow {
  readonly limit: Limit;
  readonly scope?: string;
  /** `unmeasured` when no sample names the limit. */
  readonly kind: LimitCheckKind | "unmeasured";
  /** The latest sample. */
  readonly value?: number;
  readonly at?: string;
  /** Share of the limit that the latest sample uses; 1 is at the limit. */
  readonly use?: number;
  /** Growth a day along the straight line through all samples (least squares); needs two different times. */
  readonly perDay?: number;
  /** When that line, drawn on from the latest sample, reaches the limit; absent when it never does within ten years. */
  readonly reachesAt?: string;
  readonly message: string;
  readonly whatToDo: string;
}

interface Point {
  readonly ms: number;
  readonly value: number;
}

const DAY = 86_400_000;
const HORIZON = 3_653 * DAY;

/**
 * All limits with current use, trend and forecast, in the order of the tables; scopes in order of their name.
 * `now` (milliseconds) is the earliest date a forecast may name. A sample without a valid time is reported and
 * left out; the others count.
 */
export function reportUsage(
  samples: readonly UsageSample[],
  limits: Limits,
  now: number,
): { readonly rows: readonly UsageRow[]; readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const points = new Map<string, Map<string | undefined, Point[]>>();
  samples.forEach((sample, index) => {
    const time = parseInstant(sample.at);
    if (!time.ok) {
      issues.push({ ...time.error, code: "usage.time", path: ["samples", index, "at"] });
      return;
    }
    const scopes = points.get(sample.limit) ?? new Map<string | undefined, Point[]>();
    points.set(sample.limit, scopes);
    const list = scopes.get(sample.scope);
    if (list) list.push({ ms: time.value, value: sample.value });
    else scopes.set(sample.scope, [{ ms: time.value, value: sample.value }]);
  });
  const rows = ALL_LIMITS.flatMap(({ id }) => {
    const limit = limits[id as LimitId];
    const scopes = points.get(id);
    if (!scopes) {
      const message = `${limit.title}: not measured.`;
      return [{ limit, kind: "unmeasured" as const, message, whatToDo: "Nothing." }];
    }
    return [...scopes]
      .sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([scope, list]) => ({ ...(scope === undefined ? {} : { scope }), ...rowOf(limit, list, now) }));
  });
  return { rows, issues };
}

function rowOf(limit: Limit, points: readonly Point[], now: number): UsageRow {
  const latest = points.reduce((a, b) => (b.ms >= a.ms ? b : a));
  const { kind, message, whatToDo } = checkLimit(limit, latest.value);
  const perDay = slope(points);
  const reachesAt = perDay === undefined ? undefined : forecast(limit, latest, { perDay, now });
  return {
    limit,
    kind,
    value: latest.value,
    at: formatInstant(latest.ms),
    use: useOf(limit, latest.value),
    ...(perDay === undefined ? {} : { perDay }),
    ...(reachesAt === undefined ? {} : { reachesAt }),
    message,
    whatToDo,
  };
}

/** Least squares through the points, per day; times are centred first, so that large milliseconds lose no digits. */
function slope(points: readonly Point[]): number | undefined {
  const meanTime = points.reduce((sum, { ms }) => sum + ms, 0) / points.length;
  const meanValue = points.reduce((sum, { value }) => sum + value, 0) / points.length;
  let above = 0;
  let below = 0;
  for (const { ms, value } of points) {
    const days = (ms - meanTime) / DAY;
    above += days * (value - meanValue);
    below += days * days;
  }
  return below === 0 ? undefined : above / below;
}

function forecast(
  limit: Limit,
  latest: Point,
  { perDay, now }: { readonly perDay: number; readonly now: number },
): string | undefined {
  const sign = limit.bound === "most" ? 1 : -1;
  const distance = sign * (limit.value - latest.value);
  if (distance < 0 || sign * perDay <= 0) return undefined;
  const at = Math.max(now, latest.ms + (distance / (sign * perDay)) * DAY);
  return at - now > HORIZON ? undefined : formatInstant(Math.ceil(at));
}
