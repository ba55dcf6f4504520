import type { MembershipState } from "@tessera/profile-store";
import { isMember, UPS } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import { isWaiting, settleVersions } from "./waiting-version.ts";

const lasting = new WeakMap<Configuration["audiences"], WeakSet<readonly MembershipState[]>>();

/**
 * Memberships as the audiences stand: of the versions in force, and ended where an audience is no longer published (at
 * the moment that it ended). The same list where nothing changes.
 */
export function retireMemberships(
  memberships: readonly MembershipState[],
  { audiences }: Configuration,
): readonly MembershipState[] {
  const known = lasting.get(audiences) ?? new WeakSet<readonly MembershipState[]>();
  lasting.set(audiences, known);
  // Most events leave the list as it is, and it was looked through before.
  if (known.has(memberships)) return memberships;
  const settled = settleVersions(memberships, audiences);
  let retired = settled !== memberships;
  const next = settled.map((held) => {
    if (isWaiting(held.audienceId)) return held;
    if (held.namespace !== UPS || !isMember(held.status)) return held;
    const audience = audiences.get(held.audienceId);
    if (audience?.status === "published") return held;
    retired = true;
    return { ...held, status: "exited" as const, at: audience?.updatedAt ?? held.at };
  });
  if (retired) return next;
  known.add(memberships);
  return memberships;
}
