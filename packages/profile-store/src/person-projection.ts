import type { AudienceDefinition } from "@tessera/xdm";
import type { MergePolicy } from "./merge-policy.ts";

/** Which audiences are to be decided for everyone, and by what. */
export interface ProjectionRequest {
  /** The wanted audiences, all that they refer to, and others whose fields are to be held ready. */
  readonly definitions: readonly AudienceDefinition[];
  readonly audienceIds: readonly string[];
  readonly policy: MergePolicy;
  /** The moment (ms) of the decision. */
  readonly now: number;
  /** How far bringing the projection up to date is: persons looked at, of all. */
  readonly onRefresh?: ((done: number, total: number) => void) | undefined;
}

/** A person whose stored memberships are not what was decided. */
export interface MovedPerson {
  readonly personId: string;
  /** The version of the person that the decision holds for. */
  readonly version: number;
  readonly enters: readonly string[];
  readonly leaves: readonly string[];
}

/** What was decided for some of the persons. */
export interface ProjectedPart {
  /** Persons decided so far, of all. */
  readonly done: number;
  readonly total: number;
  /** Members among the persons of this part, in the order of `audienceIds`. */
  readonly counts: readonly number[];
  readonly moved: readonly MovedPerson[];
}

/**
 * A projection of the persons of a store to what audiences read, apart from the store and derived from it: it can be lost
 * at any time. Decides audiences for everyone without reading persons one by one.
 */
export interface PersonProjection {
  /**
   * Brings itself up to date with all that was committed before the call, then decides part by part. Breaking off loses
   * nothing: a later call finds moved only those who still differ.
   */
  parts(request: ProjectionRequest): AsyncIterable<ProjectedPart>;
  /** The number of members of each audience, in the order of `audienceIds`, and of all persons. */
  count(
    request: ProjectionRequest,
  ): Promise<{ readonly counts: readonly number[]; readonly persons: number }>;
  /** Whether it is at something that whoever asks next has to wait for. */
  isBusy(): boolean;
  /** Forgets everything it holds, on disk too: what was erased from the store is gone from here. The next call fills it anew. */
  forget(): Promise<void>;
  close(): Promise<void>;
}
