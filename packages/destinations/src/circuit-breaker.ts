/** When to stop asking a destination that does not answer. */
export interface BreakerPolicy {
  /** Failed requests in a row that open the circuit. */
  readonly failures: number;
  /** How long it stays open before one probe is let through; doubled with each failed probe, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** Five failures in a row; open for 10 seconds, later up to 5 minutes. */
export const DEFAULT_BREAKER: BreakerPolicy = { failures: 5, openMs: 10_000, maxOpenMs: 300_000 };

/**
 * `closed`: requests flow. `open`: none until `until` (milliseconds). `probing`: one at a time, its result decides.
 */
export type Breaker =
  | { readonly kind: "closed"; readonly failures: number }
  | { readonly kind: "open"; readonly until: number; readonly trips: number }
  | { readonly kind: "probing"; readonly trips: number };

/** A circuit that has seen nothing yet. */
export const CLOSED: Breaker = { kind: "closed", failures: 0 };

/** The breaker at `now`: an open circuit whose time is over lets a probe through. */
export function breakerAt(breaker: Breaker, now: number): Breaker {
  return breaker.kind === "open" && now >= breaker.until
    ? { kind: "probing", trips: breaker.trips }
    : breaker;
}

/** The breaker after a request succeeded or failed. Success closes it; a late result does not reopen or extend it. */
export function breakerAfter(
  breaker: Breaker,
  success: boolean,
  now: number,
  policy: BreakerPolicy,
): Breaker {
  if (success) return CLOSED;
  switch (breaker.kind) {
    case "open":
      return breaker;
    case "closed": {
      const failures = breaker.failures + 1;
      return failures < policy.failures
        ? { kind: "closed", failures }
        : { kind: "open", until: now + policy.openMs, trips: 1 };
    }
    case "probing": {
      const trips = breaker.trips + 1;
      const openMs = Math.min(policy.maxOpenMs, policy.openMs * 2 ** Math.min(20, breaker.trips));
      return { kind: "open", until: now + openMs, trips };
    }
  }
}
