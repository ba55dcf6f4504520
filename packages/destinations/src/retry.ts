/** How often and how long to try. Times in milliseconds. */
export interface RetryPolicy {
  /** Tries of one item before it goes to the dead letters, the first included. */
  readonly maxAttempts: number;
  /** The wait after the first failure; doubled with each further one. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Twelve tries over roughly half an hour. */
export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 12, baseMs: 1000, maxMs: 600_000 };

/**
 * The wait before the next try: `baseMs` doubled with each failure up to `maxMs`, times a factor from 0.5 to 1 by
 * `random` (0 to 1), so that many items failing together do not come back together.
 * A longer `askedMs` (Retry-After) is kept as the least wait, with the same spread added on top.
 */
export function backoffMs(
  failures: number,
  policy: RetryPolicy,
  random: number,
  askedMs: number | undefined = undefined,
): number {
  const full = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  const jittered = Math.round(full * (0.5 + random / 2));
  return askedMs === undefined || askedMs < jittered
    ? jittered
    : askedMs + Math.round(policy.baseMs * random);
}
