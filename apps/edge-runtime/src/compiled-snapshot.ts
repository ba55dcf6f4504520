import type { AudienceDefinition, Issue, JsonObject, SegmentMembershipMap } from "@tessera/xdm";
import type { Datastream } from "./datastream.ts";
import type { EdgeDestination, EdgeSnapshot } from "./snapshot.ts";

/** What one evaluation reads. */
export interface EvaluationInput {
  readonly attributes: JsonObject;
  readonly events: readonly JsonObject[];
  readonly segmentMembership: SegmentMembershipMap;
}

/** A snapshot made ready to answer requests. */
export interface CompiledSnapshot {
  readonly snapshot: EdgeSnapshot;
  readonly datastreams: ReadonlyMap<string, Datastream>;
  /** The edge audiences whose queries can be evaluated. */
  readonly audiences: readonly AudienceDefinition[];
  readonly edgeAudienceIds: ReadonlySet<string>;
  readonly destinationsOf: (datastream: Datastream) => readonly EdgeDestination[];
  /** Ids of the edge audiences that hold for a person at a moment (milliseconds since 1970). */
  readonly evaluate: (input: EvaluationInput, now: number) => ReadonlySet<string>;
  /** Top-level fields of events that some edge audience reads. */
  readonly eventFields: ReadonlySet<string>;
  /** How far back edge audiences look, in milliseconds. */
  readonly lookBackMs: number;
  /** What was wrong in the definitions; those were left out. */
  readonly issues: readonly Issue[];
}

/** Where the current snapshot comes from. */
export interface SnapshotSource {
  /** The snapshot in force; `undefined` while none has ever been seen. */
  readonly current: () => CompiledSnapshot | undefined | Promise<CompiledSnapshot | undefined>;
}
