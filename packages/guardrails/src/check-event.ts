import { checkLimit, type LimitCheck } from "./check-limit.ts";
import { jsonSize } from "./json-size.ts";
import type { LimitId, Limits } from "./limits.ts";

const NOTHING: readonly LimitCheck[] = [];

/**
 * The limits of one event at the door: its size, its identities, its longest list. Gives the violations only; the
 * empty list, always the same one, when there are none. An event with a hard violation belongs in quarantine.
 * Cheap enough for every event: one walk for the size, one for the lists, no text is built.
 */
export function checkEvent(event: object, limits: Limits): readonly LimitCheck[] {
  return checkShape(event, limits, ["profile.event-size", "profile.event-array"]);
}

/** The same for one profile record, with the limits of records. */
export function checkRecord(record: object, limits: Limits): readonly LimitCheck[] {
  return checkShape(record, limits, ["profile.record-size", "profile.fragment-array"]);
}

function checkShape(
  body: object,
  limits: Limits,
  [size, list]: readonly [LimitId, LimitId],
): readonly LimitCheck[] {
  const bytes = jsonSize(body);
  const identities = identityCount((body as { readonly identityMap?: unknown }).identityMap);
  const items = longestList(body);
  const within =
    bytes <= limits[size].value &&
    items <= limits[list].value &&
    identities <= limits["identity.record-identities"].value;
  if (within) return NOTHING;
  const violations: LimitCheck[] = [];
  if (bytes > limits[size].value) violations.push(checkLimit(limits[size], bytes));
  if (identities > limits["identity.record-identities"].value) {
    violations.push(checkLimit(limits["identity.record-identities"], identities));
  }
  if (items > limits[list].value) violations.push(checkLimit(limits[list], items));
  return violations;
}

/** How many identities an identity map carries, well formed or not. */
export function identityCount(identityMap: unknown): number {
  if (typeof identityMap !== "object" || identityMap === null) return 0;
  let count = 0;
  for (const namespace in identityMap) {
    const items: unknown = (identityMap as { readonly [namespace: string]: unknown })[namespace];
    if (Array.isArray(items)) count += items.length;
  }
  return count;
}

/** The number of items of the longest list anywhere in a body, its identity map aside. */
export function longestList(body: unknown): number {
  if (typeof body !== "object" || body === null) return 0;
  let longest = 0;
  if (Array.isArray(body)) {
    longest = body.length;
    for (const item of body) {
      if (typeof item === "object") longest = Math.max(longest, longestList(item));
    }
    return longest;
  }
  for (const field in body) {
    const item: unknown = (body as { readonly [field: string]: unknown })[field];
    if (typeof item === "object" && field !== "identityMap") longest = Math.max(longest, longestList(item));
  }
  return longest;
}
