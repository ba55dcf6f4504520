import { findLimit } from "@tessera/guardrails";
import { compareKeys, formatInstant, isObject, parseInstant } from "@tessera/xdm";
import { type DcsRegion, dcsRegion } from "./regions.ts";

/** How long a captured region stays good: 14 days. */
export const REGION_LIFETIME_SECONDS: number = findLimit("aam.region-age").value * 86_400;

/** Clocks of capturing clients may run ahead by this much; a later capture is not believed. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Why an entry of `userActivityRegions` gives no region to send to. */
export type RegionRefusal = "stale" | "unreadable" | "unknownRegion" | "future";

/** An entry that was not used, and why. `code` is the region code as it came. */
export interface IgnoredRegion {
  readonly code: string;
  readonly because: RegionRefusal;
}

/** When a membership can be used in Audience Manager: between two moments, ISO 8601. */
export interface ExpectedLatency {
  readonly label: "minutes" | "12-24 hours";
  readonly earliest: string;
  readonly latest: string;
}

/**
 * Where a membership goes.
 *
 * - `edge`: at least one region was captured within the last 14 days; a DCS call goes to every one of `regions`.
 * - `hub`: no such region; the membership goes into the hub's batch files. `because` is the nearest miss:
 *   `noRegion` when there was no entry at all, else the reason of the best entry.
 */
export type RegionRoute =
  | {
      readonly kind: "edge";
      readonly regions: readonly { readonly region: DcsRegion; readonly capturedAt: string }[];
      readonly ignored: readonly IgnoredRegion[];
    }
  | {
      readonly kind: "hub";
      readonly because: RegionRefusal | "noRegion";
      readonly ignored: readonly IgnoredRegion[];
    };

/**
 * Chooses the route from `userActivityRegions` (XDM field group "data capture region information").
 *
 * - Captured exactly 14 days before `now` is still fresh; one millisecond more is `stale`.
 * - `captureTimestamp` may carry any zone; without one, UTC is meant. Unreadable, future or unknown entries are
 *   ignored and reported; the others live.
 * - Two codes of one DCS region (`VA6` and `7`) are one region, the newer capture counts. Regions come newest first.
 *
 * Rule: Experience Cloud activation blueprint, region information up to 14 days old activates on the edge.
 */
export function routeRegions(userActivityRegions: unknown, now: string): RegionRoute {
  const at = parseInstant(now);
  if (!at.ok) throw new TypeError("routeRegions: now must be an ISO 8601 instant");
  const ignored: IgnoredRegion[] = [];
  const fresh = new Map<number, { region: DcsRegion; ms: number }>();
  const entries = isObject(userActivityRegions) ? Object.entries(userActivityRegions) : [];
  for (const [code, entry] of entries) {
    const judged = judge(code, entry, at.value);
    if (typeof judged === "string") {
      ignored.push({ code, because: judged });
      continue;
    }
    const known = fresh.get(judged.region.id);
    if (known === undefined || known.ms < judged.ms) fresh.set(judged.region.id, judged);
  }
  if (fresh.size === 0) {
    const order: readonly RegionRefusal[] = ["stale", "future", "unreadable", "unknownRegion"];
    const because = order.find((reason) => ignored.some((entry) => entry.because === reason));
    return { kind: "hub", because: because ?? "noRegion", ignored };
  }
  const regions = [...fresh.values()]
    .sort((a, b) => b.ms - a.ms || compareKeys(a.region.host, b.region.host))
    .map(({ region, ms }) => ({ region, capturedAt: formatInstant(ms) }));
  return { kind: "edge", regions, ignored };
}

function judge(
  code: string,
  entry: unknown,
  now: number,
): { readonly region: DcsRegion; readonly ms: number } | RegionRefusal {
  const region = dcsRegion(code);
  if (region === undefined) return "unknownRegion";
  const captured = parseInstant(isObject(entry) ? entry["captureTimestamp"] : undefined);
  if (!captured.ok) return "unreadable";
  const age = now - captured.value;
  if (age > REGION_LIFETIME_SECONDS * 1000) return "stale";
  if (age < -CLOCK_SKEW_MS) return "future";
  return { region, ms: captured.value };
}

/**
 * When a membership decided at `at` can be used in Audience Manager: on the edge within minutes (1 to 15), on the hub
 * after 12 to 24 hours. The first use of a newly shared audience waits longer, see `shareAudience`.
 */
export function expectedLatency(kind: RegionRoute["kind"], at: string): ExpectedLatency {
  const from = parseInstant(at);
  if (!from.ok) throw new TypeError("expectedLatency: at must be an ISO 8601 instant");
  const [earliest, latest] = kind === "edge" ? [1, 15] : [12 * 60, 24 * 60];
  return {
    label: kind === "edge" ? "minutes" : "12-24 hours",
    earliest: formatInstant(from.value + earliest * 60_000),
    latest: formatInstant(from.value + latest * 60_000),
  };
}

/** How many persons go where, and what they can expect: the totals of a run. */
export interface RouteTotals {
  readonly edge: number;
  readonly hub: number;
  readonly hubBecause: { readonly [reason in RegionRefusal | "noRegion"]?: number };
  /** Persons per DCS host; one person may be counted under several. */
  readonly hosts: { readonly [host: string]: number };
}

/** Adds up the routes of many persons. */
export function totalRoutes(routes: Iterable<RegionRoute>): RouteTotals {
  let edge = 0;
  let hub = 0;
  const hubBecause: { [reason in RegionRefusal | "noRegion"]?: number } = {};
  const hosts: Record<string, number> = {};
  for (const route of routes) {
    if (route.kind === "hub") {
      hub += 1;
      hubBecause[route.because] = (hubBecause[route.because] ?? 0) + 1;
    } else {
      edge += 1;
      for (const { region } of route.regions) hosts[region.host] = (hosts[region.host] ?? 0) + 1;
    }
  }
  return { edge, hub, hubBecause, hosts };
}
