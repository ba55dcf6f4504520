import type { Identity, JsonObject, SegmentMembershipMap } from "@tessera/xdm";

/** A person as activation sees them: what the merge policy of the destinations gives. */
export interface PersonView {
  readonly personId: string;
  readonly identities: readonly Identity[];
  /** Merged attributes. */
  readonly attributes: JsonObject;
  readonly memberships: SegmentMembershipMap;
  /** Marketing actions that the person's consents refuse; a destination that stands for one is not told of them. */
  readonly refusedActions?: readonly string[];
  /** Edge region code to the ISO time the person was last seen there. */
  readonly regions?: { readonly [region: string]: string };
}

/**
 * A change of one person, or of several at once:
 * - a new person: `before` empty; a deleted one: `after` empty;
 * - a merge: several before, one after; a split: one before, several after.
 */
export interface PersonTransition {
  /** Names this change for good, such as `<personId>@<version>`: what is planned from it gets its ids from here. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly before: readonly PersonView[];
  readonly after: readonly PersonView[];
  /**
   * Attribute paths that were written, also with the value they had: profile exports are sent then, too. When absent,
   * values are compared.
   */
  readonly writtenPaths?: readonly string[];
}
