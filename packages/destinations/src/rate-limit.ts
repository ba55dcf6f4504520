/** A token bucket: `tokens` left at time `at` (milliseconds). Tokens may be below zero: calls already promised. */
export interface TokenBucket {
  readonly tokens: number;
  readonly at: number;
}

/** A full bucket holds one second's calls, at least one. */
export function fullBucket(perSecond: number, now: number): TokenBucket {
  return { tokens: Math.max(1, perSecond), at: now };
}

/** Takes one call from the bucket: the bucket afterwards, and how long the caller must wait before it calls. */
export function takeToken(
  bucket: TokenBucket,
  perSecond: number,
  now: number,
): { readonly bucket: TokenBucket; readonly waitMs: number } {
  const elapsed = Math.max(0, now - bucket.at);
  const tokens = Math.min(Math.max(1, perSecond), bucket.tokens + (elapsed * perSecond) / 1000) - 1;
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / perSecond);
  return { bucket: { tokens, at: Math.max(now, bucket.at) }, waitMs };
}
