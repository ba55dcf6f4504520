import type { JsonValue } from "./json.ts";

/** Status of a membership. `realized` and `existing` are members; `exited` no longer is. Tessera writes realized/exited. */
export type MembershipStatus = "realized" | "existing" | "exited";

/** One entry of XDM `segmentMembership` (datatype segmentmembership). Times are ISO 8601. */
export interface SegmentMembershipEntry {
  readonly status: MembershipStatus;
  /** When the status last changed: entry for `realized`, leaving for `exited`. */
  readonly lastQualificationTime: string;
  readonly validUntil?: string;
  readonly version?: string;
  readonly payload?: JsonValue;
}

/** XDM `segmentMembership`: origin namespace (`ups`, `AAM`, …) to audience id to entry. */
export interface SegmentMembershipMap {
  readonly [namespace: string]: { readonly [audienceId: string]: SegmentMembershipEntry };
}

/** The namespace of audiences that Tessera evaluates itself. */
export const UPS = "ups";

/** Whether a status means: is in the audience. */
export function isMember(status: MembershipStatus): boolean {
  return status !== "exited";
}

/** One audience's state changing for one person. `at` is ISO 8601; `version` is the audience version that decided. */
export interface MembershipChange {
  readonly personId: string;
  readonly namespace: string;
  readonly audienceId: string;
  readonly from: MembershipStatus | "none";
  readonly to: MembershipStatus | "none";
  readonly at: string;
  readonly version: number;
}
