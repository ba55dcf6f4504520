/** Says how long a caller has to wait before its next request, in milliseconds; 0 when it may go on. */
export type RateLimit = (caller: string, now: number) => number;

interface Bucket {
  tokens: number;
  at: number;
}

const CALLERS_MAX = 50_000;

/** A token bucket for each caller: `perMinute` requests on average, a tenth of a minute's worth at once. */
export function createRateLimit(perMinute: number): RateLimit {
  const rate = perMinute / 60_000;
  const burst = Math.max(1, Math.ceil(perMinute / 10));
  const buckets = new Map<string, Bucket>();
  return (caller, now) => {
    const bucket = buckets.get(caller) ?? { tokens: burst, at: now };
    if (buckets.size >= CALLERS_MAX && !buckets.has(caller)) forgetFull(buckets, { now, rate, burst });
    buckets.set(caller, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) * rate);
    bucket.at = now;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - bucket.tokens) / rate);
  };
}

/** Drops the buckets that are full again: forgetting them changes nothing. Without any, all are dropped. */
function forgetFull(
  buckets: Map<string, Bucket>,
  { now, rate, burst }: { readonly now: number; readonly rate: number; readonly burst: number },
): void {
  for (const [caller, { tokens, at }] of buckets) {
    if (tokens + (now - at) * rate >= burst) buckets.delete(caller);
  }
  if (buckets.size >= CALLERS_MAX) buckets.clear();
}
