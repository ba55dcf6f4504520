import type { MembershipState } from "@tessera/profile-store";
import { isMember, UPS } from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";
import type { PersonNotes, Settled } from "./person-notes.ts";
import { isWaiting, settleVersions } from "./waiting-version.ts";

const made = new WeakMap<Configuration["audiences"], Settled>();

function settledBy(audiences: Configuration["audiences"]): Settled {
  const known = made.get(audiences);
  if (known !== undefined) return known;
  let isQuiet = true;
  for (const { next, switched } of audiences.values())
    if (next !== undefined || switched !== undefined) isQuiet = false;
  const settled = { isQuiet };
  made.set(audiences, settled);
  return settled;
}

/**
 * Memberships as the audiences stand: of the versions in force, and ended where an audience is no longer published (at
 * the moment that it ended). The same list where nothing changes; `notes` are those on the person who has it.
 */
export function retireMemberships(
  memberships: readonly MembershipState[],
  { audiences }: Configuration,
  notes: PersonNotes | undefined,
): readonly MembershipState[] {
  const now = settledBy(audiences);
  // Most lists were looked through before, or come from one that was.
  if (notes?.settled === now) return memberships;
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
  if (notes !== undefined) notes.settled = now;
  return memberships;
}
