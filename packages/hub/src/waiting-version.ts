import type { MembershipState } from "@tessera/profile-store";
import { isMember, UPS } from "@tessera/xdm";
import type { StoredAudience } from "./configuration.ts";

const SUFFIX = "/next";

/**
 * The id under which the memberships of a version that waits are worked out beside those of the version in force.
 * Nobody outside sees it: not profiles, not destinations, not those who are told of changes.
 */
export function waitingId(audienceId: string): string {
  return audienceId + SUFFIX;
}

/** Whether an id is that of a waiting version. */
export function isWaiting(audienceId: string): boolean {
  return audienceId.endsWith(SUFFIX);
}

const plain = new WeakSet<readonly MembershipState[]>();

/** Memberships without those of waiting versions; the same list where there are none. */
export function withoutWaiting(memberships: readonly MembershipState[]): readonly MembershipState[] {
  if (plain.has(memberships)) return memberships;
  const shown = memberships.filter(({ audienceId }) => !isWaiting(audienceId));
  if (shown.length < memberships.length) return shown;
  plain.add(memberships);
  return memberships;
}

/**
 * Memberships as the versions in force have them: where an audience was switched to its waiting version, what that one
 * says takes the place of what the one before said, and what is left of versions that wait no longer goes. The same
 * list where nothing changes.
 */
export function settleVersions(
  memberships: readonly MembershipState[],
  audiences: ReadonlyMap<string, StoredAudience>,
): readonly MembershipState[] {
  let settled: Map<string, MembershipState> | undefined;
  const change = (): Map<string, MembershipState> =>
    (settled ??= new Map(memberships.map((held) => [keyOf(held), held])));
  for (const held of memberships) {
    if (held.namespace !== UPS) continue;
    if (isWaiting(held.audienceId)) {
      const id = held.audienceId.slice(0, -SUFFIX.length);
      const audience = audiences.get(id);
      if (audience?.next !== undefined) continue;
      if (audience?.switched !== undefined) {
        const at = Math.max(held.at, audience.switched.at);
        const taken = { ...held, audienceId: id, version: audience.version, at };
        const before = change().get(`${UPS}\n${id}`);
        const was = before !== undefined && isMember(before.status);
        if (isMember(held.status) || was) change().set(`${UPS}\n${id}`, taken);
      }
      change().delete(keyOf(held));
      continue;
    }
    const { switched, version = held.version } = audiences.get(held.audienceId) ?? {};
    // A member of the version before of whom the one in force never heard.
    if (switched === undefined || held.version >= version || !isMember(held.status)) continue;
    if (memberships.some((other) => other.audienceId === waitingId(held.audienceId))) continue;
    change().set(keyOf(held), { ...held, status: "exited", at: switched.at, version });
  }
  return settled === undefined ? memberships : [...settled.values()];
}

function keyOf({ namespace, audienceId }: MembershipState): string {
  return `${namespace}\n${audienceId}`;
}
