import { isObject, type JsonObject, parseInstant, type SegmentMembershipMap, UPS } from "@tessera/xdm";

/** Without `validUntil`, what another system said of a membership holds for 30 days. */
const VALID_MS = 30 * 86_400_000;

/**
 * The memberships that records brought from elsewhere (`segmentMembership`, any namespace but `ups`), as far as they still
 * hold at `at` (ms). Our own are ours to decide: an entry under `ups` in a record counts for nothing.
 */
export function foreignMemberships(attributes: JsonObject, at: number): SegmentMembershipMap {
  const given = attributes["segmentMembership"];
  if (!isObject(given)) return {};
  const namespaces = Object.entries(given).flatMap(([namespace, entries]) => {
    if (namespace === UPS || !isObject(entries)) return [];
    const held = Object.entries(entries).filter(([, entry]) => isObject(entry) && holds(entry, at));
    return held.length === 0 ? [] : [[namespace, Object.fromEntries(held)] as const];
  });
  return Object.fromEntries(namespaces) as unknown as SegmentMembershipMap;
}

function holds(entry: Record<string, unknown>, at: number): boolean {
  const until = parseInstant(entry["validUntil"]);
  if (until.ok) return at < until.value;
  const since = parseInstant(entry["lastQualificationTime"]);
  return since.ok && at < since.value + VALID_MS;
}
