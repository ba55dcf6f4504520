import type { MembershipState } from "@tessera/profile-store";
import type { SegmentMembershipMap } from "@tessera/xdm";

/** What was found out about a list of memberships: kept beside it, so that it is looked through once. */
export interface MembershipNotes {
  settled?: Settled;
  summary?: MembershipSummary;
}

/** One state of all audiences, by which the memberships of a list are as they should be. */
export interface Settled {
  /** No version of an audience waits or was switched to: then a list that is followed from one that is settled is so too. */
  readonly isQuiet: boolean;
}

/** What a list of memberships comes to under a plan, beside its places in it. */
export interface MembershipSummary {
  /** The plan. */
  readonly under: object;
  /** The list in its order: itself, but for one that was put together of several. */
  readonly inOrder: readonly MembershipState[];
  /** What is held of audiences beyond the plan. */
  readonly elsewhere: SegmentMembershipMap;
  /** When the first of them ends or is forgotten by itself; `Infinity` when none is. */
  readonly lapseAt: number;
}

const kept = new WeakMap<readonly MembershipState[], MembershipNotes>();

/** The notes on a list. */
export function notesOn(memberships: readonly MembershipState[]): MembershipNotes {
  let notes = kept.get(memberships);
  if (notes === undefined) kept.set(memberships, (notes = {}));
  return notes;
}

/** Notes on a list that was made of another one by following it. */
export function keepNotes(
  memberships: readonly MembershipState[],
  before: MembershipNotes,
  summary: MembershipSummary,
): void {
  kept.set(
    memberships,
    before.settled?.isQuiet === true ? { settled: before.settled, summary } : { summary },
  );
}
