import type { MembershipState } from "@tessera/profile-store";
import { isMember, UPS } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";

const lasting = new WeakMap<Configuration["audiences"], WeakSet<readonly MembershipState[]>>();

/** Memberships of audiences that are no longer published end when the audience did; the same list where none is. */
export function retireMemberships(
  memberships: readonly MembershipState[],
  { audiences }: Configuration,
): readonly MembershipState[] {
  const known = lasting.get(audiences) ?? new WeakSet<readonly MembershipState[]>();
  lasting.set(audiences, known);
  // Most events leave the list as it is, and it was looked through before.
  if (known.has(memberships)) return memberships;
  let retired = false;
  const next = memberships.map((held) => {
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
