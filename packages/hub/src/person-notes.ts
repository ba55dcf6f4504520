import type { MembershipState, PersonState } from "@tessera/profile-store";
import type { StreamPlan, StreamState } from "@tessera/segment-engine";
import type { SegmentMembershipMap } from "@tessera/xdm";
import type { DigestedEvent } from "./event-digest.ts";

/**
 * What was found out about a person as they are stored, for the next event: kept beside the person, who can always be
 * looked through again. All in one place, since finding it costs more than what is done with it.
 */
export interface PersonNotes {
  /** The state of all audiences by which the memberships are as they should be. */
  settled: Settled | undefined;
  summary: MembershipSummary | undefined;
  past: PastState | undefined;
}

/** One state of all audiences. */
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

/**
 * What is kept of a person so that the next event is followed without loading the history: where the audiences stand
 * in their event windows; where some audiences cannot be kept up event by event, also the past events as far as they are read.
 */
export interface PastState {
  /** What made the state, and is the only one to read it. */
  readonly by: StreamPlan;
  readonly state: StreamState;
  /** The past events as far as audiences read them; empty where nobody asks for them. */
  readonly events: readonly DigestedEvent[];
}

const kept = new WeakMap<PersonState, PersonNotes>();

/** The notes on a person. */
export function notesOn(person: PersonState): PersonNotes {
  let notes = kept.get(person);
  if (notes === undefined) {
    notes = { settled: undefined, summary: undefined, past: undefined };
    kept.set(person, notes);
  }
  return notes;
}

/** Keeps notes on a person who was just made. */
export function keepNotes(person: PersonState, notes: PersonNotes): void {
  kept.set(person, notes);
}
