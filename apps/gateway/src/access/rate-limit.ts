/** Says how long a caller has to wait before its next request, in milliseconds; 0 when it may go on. */
export type RateLimit = (caller: string, now: number) => number;

/** Tokens that refill with time, apart for each caller, in bounded memory. Times are milliseconds. */
export interface TokenBuckets {
  /** How long until the caller has a token; 0 when it has one. Takes none. */
  readonly waitOf: (caller: string, now: number) => number;
  /** Takes a token, if the caller has one. */
  readonly take: (caller: string, now: number) => void;
}

interface Bucket {
  tokens: number;
  at: number;
}

const CALLERS_MAX = 50_000;

/** A bucket for each caller: `perMinute` tokens on average, at most `burst` at once. */
export function createTokenBuckets(perMinute: number, burst: number): TokenBuckets {
  const rate = perMinute / 60_000;
  const buckets = new Map<string, Bucket>();
  const tokensOf = (caller: string, now: number): number => {
    const bucket = buckets.get(caller);
    return bucket === undefined
      ? burst
      : Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) * rate);
  };
  return {
    waitOf: (caller, now) => {
      const tokens = tokensOf(caller, now);
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / rate);
    },
    take: (caller, now) => {
      const tokens = tokensOf(caller, now);
      if (buckets.size >= CALLERS_MAX && !buckets.has(caller)) forgetFull(buckets, { now, rate, burst });
      buckets.set(caller, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    },
  };
}

/** A token bucket for each caller: `perMinute` requests on average, a tenth of a minute's worth at once. */
export function createRateLimit(perMinute: number): RateLimit {
  const buckets = createTokenBuckets(perMinute, Math.max(1, Math.ceil(perMinute / 10)));
  return (caller, now) => {
    const wait = buckets.waitOf(caller, now);
    buckets.take(caller, now);
    return wait;
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
