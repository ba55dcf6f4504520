import type { MembershipState } from "@tessera/profile-store";
import { isMember, UPS } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";

/** Memberships of audiences that are no longer published end when the audience did; the same list where none is. */
export function retireMemberships(
  memberships: readonly MembershipState[],
  { audiences }: Configuration,
): readonly MembershipState[] {
  let retired = false;
  const next = memberships.map((held) => {
    if (held.namespace !== UPS || !isMember(held.status)) return held;
    const audience = audiences.get(held.audienceId);
    if (audience?.status === "published") return held;
    retired = true;
    return { ...held, status: "exited" as const, at: audience?.updatedAt ?? held.at };
  });
  return retired ? next : memberships;
}
