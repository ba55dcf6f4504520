import type {
  IdentityKey,
  MembershipStatus,
  SegmentMembershipEntry,
  SegmentMembershipMap,
} from "@tessera/xdm";
import type { Fragment } from "./fragment.ts";

/** A person's standing in one audience. `at` (ms) is when the status last changed. */
export interface MembershipState {
  readonly namespace: string;
  readonly audienceId: string;
  readonly status: MembershipStatus;
  readonly at: number;
  /** Version of the audience definition that decided. */
  readonly version: number;
  /** For audiences made elsewhere: when the membership lapses by itself, in milliseconds. */
  readonly validUntil?: number;
}

/**
 * One person: a component of the identity graph with what is derived from it. The unit of consistency: every change is
 * guarded by `version`. Raw events and records are not part of it; they stay beside it, keyed by their owner identity.
 */
export interface PersonState {
  readonly personId: string;
  /** Grows by one with each commit; 0 stands for "not stored yet". */
  readonly version: number;
  /** All identities of the graph, in key order. */
  readonly identities: readonly IdentityKey[];
  /** The component as identity-graph keeps it: plain JSON data, opaque to stores. */
  readonly graph: object;
  readonly fragments: readonly Fragment[];
  /** In (namespace, audienceId) order. */
  readonly memberships: readonly MembershipState[];
  /** State of the event windows, opaque to stores. */
  readonly eventState?: Uint8Array;
  /** Number of events owned by identities of this person. */
  readonly eventCount: number;
  /** The last moment (ms) up to which memberships were followed; an event before it makes the person be followed anew. */
  readonly evaluatedAt: number;
  /** The earliest future moment (ms) at which a membership can change with no new event. */
  readonly nextChangeAt?: number;
  /** The regions where the person was active, to the last time (ms): `userActivityRegions`. */
  readonly regions?: { readonly [region: string]: number };
}

/** Whether anything was ever said of this person: an event or an attribute. A bare graph node is not counted as a person. */
export function hasData(person: PersonState): boolean {
  return person.eventCount > 0 || person.fragments.length > 0;
}

/** Order of memberships within a person. */
export function compareMemberships(
  a: Pick<MembershipState, "namespace" | "audienceId">,
  b: Pick<MembershipState, "namespace" | "audienceId">,
): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.audienceId < b.audienceId ? -1 : a.audienceId > b.audienceId ? 1 : 0;
}

/** Memberships in the form of XDM `segmentMembership`. */
export function membershipMap(memberships: readonly MembershipState[]): SegmentMembershipMap {
  const map: Record<string, Record<string, SegmentMembershipEntry>> = {};
  for (const membership of memberships) {
    const { namespace, audienceId, status, at, version, validUntil } = membership;
    (map[namespace] ??= {})[audienceId] = {
      status,
      lastQualificationTime: new Date(at).toISOString(),
      version: String(version),
      ...(validUntil === undefined ? {} : { validUntil: new Date(validUntil).toISOString() }),
    };
  }
  return map;
}
