import { findLimit } from "@tessera/guardrails";

/** The most bytes of a request body. */
export const MAX_BODY_BYTES: number = findLimit("edge.request-size").value;
/** One request unit covers this many bytes of body, for one upstream service. */
const FRAGMENT_BYTES = findLimit("edge.request-fragment").value;

/** What a request costs: fragments of 8 KB, times the services it reaches. */
export function requestUnits(bytes: number, services: number): number {
  return Math.max(1, Math.ceil(bytes / FRAGMENT_BYTES)) * Math.max(1, services);
}

/** How many request units a second may be spent; unlimited where not given. */
export interface UnitLimits {
  readonly interact?: number;
  readonly collect?: number;
}

/** Counts request units second by second. `take` gives the seconds to wait, or 0 when the request may pass. */
export interface UnitMeter {
  readonly take: (kind: "interact" | "collect", units: number, now: number) => number;
}

/** A meter over fixed one-second windows. */
export function createUnitMeter(limits: UnitLimits): UnitMeter {
  const spent = { interact: { second: 0, units: 0 }, collect: { second: 0, units: 0 } };
  return {
    take: (kind, units, now) => {
      const limit = limits[kind];
      if (limit === undefined) return 0;
      const second = Math.floor(now / 1000);
      const window = spent[kind];
      if (window.second !== second) {
        window.second = second;
        window.units = 0;
      }
      if (window.units + units > limit && window.units > 0) return 1;
      window.units += units;
      return 0;
    },
  };
}
