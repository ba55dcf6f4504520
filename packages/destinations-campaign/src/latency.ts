import { formatInstant, parseInstant } from "@tessera/xdm";
import { type ExportSchedule, nextRun } from "./schedule.ts";

/** From a decision to a delivery in Campaign: three moments, ISO 8601, and the whole way in seconds. */
export interface CampaignLatency {
  readonly evaluatedAt: string;
  readonly exportedAt: string;
  /** The earliest and the latest moment Campaign can use it, by the documented 3 hours at least and a day at most. */
  readonly usableFrom: string;
  readonly usableBy: string;
  readonly secondsToExport: number;
  readonly secondsToUse: number;
}

const HOUR = 3_600_000;

/**
 * When a membership decided at `evaluatedAt` is exported and can be realised in Campaign. Without `exportedAt` the next
 * slot of the schedule is taken; `undefined` when the schedule has ended by then.
 */
export function campaignLatency(
  evaluatedAt: string,
  schedule: ExportSchedule,
  exportedAt?: string,
): CampaignLatency | undefined {
  const evaluated = instant(evaluatedAt);
  const exported = exportedAt ?? nextSlot(schedule, evaluatedAt);
  if (exported === undefined) return undefined;
  const at = instant(exported);
  const usable = Math.max(evaluated, at) + 3 * HOUR;
  return {
    evaluatedAt: formatInstant(evaluated),
    exportedAt: formatInstant(at),
    usableFrom: formatInstant(usable),
    usableBy: formatInstant(Math.max(evaluated, at) + 24 * HOUR),
    secondsToExport: Math.round((at - evaluated) / 1000),
    secondsToUse: Math.round((usable - evaluated) / 1000),
  };
}

/** The first slot at or after a moment. */
function nextSlot(schedule: ExportSchedule, at: string): string | undefined {
  const run = nextRun(schedule, undefined, at);
  if (run.kind === "wait") return run.at;
  if (run.kind === "ended") return undefined;
  if (instant(run.slot) >= instant(at)) return run.slot;
  const following = nextRun(schedule, run.slot, run.slot);
  return following.kind === "wait" ? following.at : undefined;
}

function instant(text: string): number {
  const parsed = parseInstant(text);
  if (!parsed.ok) throw new TypeError("a latency needs ISO 8601 instants");
  return parsed.value;
}

/** The latencies of many memberships at a glance, in seconds. */
export interface LatencySummary {
  readonly count: number;
  readonly median: number;
  readonly p95: number;
  readonly longest: number;
}

/** Sums up seconds to use. */
export function summariseLatency(latencies: Iterable<CampaignLatency>): LatencySummary {
  const seconds = [...latencies].map(({ secondsToUse }) => secondsToUse).sort((a, b) => a - b);
  const at = (share: number): number =>
    seconds[Math.min(seconds.length - 1, Math.floor(share * seconds.length))] ?? 0;
  return { count: seconds.length, median: at(0.5), p95: at(0.95), longest: seconds.at(-1) ?? 0 };
}
