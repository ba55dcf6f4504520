const LARGEST_LIMIT = 2 ** 31;

/** The limit of a page that has to get on. */
export function atLeastOne(limit: number): number {
  return Math.max(1, clamp(limit));
}

/** A limit as SQLite takes it. */
export function clamp(limit: number): number {
  return Math.max(0, Math.min(LARGEST_LIMIT, Math.trunc(limit)));
}
