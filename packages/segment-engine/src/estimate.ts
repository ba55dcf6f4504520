/** How many persons an audience will have, worked out from some of them. */
export interface Estimate {
  readonly count: number;
  /** With this confidence the true count lies between `least` and `most`. */
  readonly confidence: 0.95;
  readonly least: number;
  readonly most: number;
  /** Whether everyone was looked at: then the count is exact. */
  readonly exact: boolean;
}

/** The 97.5th percentile of the normal distribution. */
const Z = 1.959964;

/**
 * The count of an audience by a sample drawn evenly: `members` of `sampled` persons, of `total` in all. The interval is
 * Wilson's, which holds for rare audiences too, narrowed for samples that are a large part of everyone.
 */
export function estimateCount(seen: {
  readonly members: number;
  readonly sampled: number;
  readonly total: number;
}): Estimate {
  const { members, sampled, total } = seen;
  if (sampled >= total)
    return { count: members, confidence: 0.95, least: members, most: members, exact: true };
  if (sampled === 0) return { count: 0, confidence: 0.95, least: 0, most: total, exact: false };
  const share = members / sampled;
  const finite = (total - sampled) / Math.max(1, total - 1);
  const z2 = Z * Z * finite;
  const centre = (share + z2 / (2 * sampled)) / (1 + z2 / sampled);
  const half =
    (Math.sqrt(z2) / (1 + z2 / sampled)) *
    Math.sqrt((share * (1 - share)) / sampled + z2 / (4 * sampled * sampled));
  return {
    count: Math.round(share * total),
    confidence: 0.95,
    least: Math.max(members, Math.floor((centre - half) * total)),
    most: Math.min(total - (sampled - members), Math.ceil((centre + half) * total)),
    exact: false,
  };
}
