import type { ActivityIndex } from "@tessera/destinations-target";
import type { PersonView } from "@tessera/segment-engine";
import type { AudienceDefinition, Issue } from "@tessera/xdm";
import type { Datastream } from "./datastream.ts";
import type { AudienceFollower } from "./follow-audiences.ts";
import type { EdgeDestination, EdgeSnapshot } from "./snapshot.ts";
import type { TargetConnections } from "./target-connections.ts";

/** A snapshot made ready to answer requests. */
export interface CompiledSnapshot {
  readonly snapshot: EdgeSnapshot;
  readonly datastreams: ReadonlyMap<string, Datastream>;
  /** The edge audiences whose queries can be evaluated. */
  readonly audiences: readonly AudienceDefinition[];
  /** Their versions as memberships name them, by audience id. */
  readonly edgeAudiences: ReadonlyMap<string, string>;
  readonly destinationsOf: (datastream: Datastream) => readonly EdgeDestination[];
  /** The edge audiences that hold after a visitor's step. */
  readonly follow: AudienceFollower;
  /** Ids of the edge audiences that hold for a person at a moment (milliseconds since 1970). */
  readonly evaluate: (person: PersonView, now: number) => ReadonlySet<string>;
  /** Top-level fields of events that some edge audience reads; `undefined` when one reads whole events. */
  readonly eventFields: ReadonlySet<string> | undefined;
  /** How far back edge audiences look, in milliseconds. */
  readonly lookBackMs: number;
  /** The live activities, ready for deciding. */
  readonly activities: ActivityIndex;
  /** The connections to Target, and which calls they serve. */
  readonly target: TargetConnections;
  /**
   * The rules of the activities that need no profile, as Target's SDKs read them: JSON text; for calls of one property
   * or for all. Made when first asked for.
   */
  readonly artifact: (property?: string) => string;
  /** What was wrong in the definitions; those were left out. */
  readonly issues: readonly Issue[];
}

/** Where the current snapshot comes from. */
export interface SnapshotSource {
  /**
   * The snapshot in force; `undefined` while none has ever been seen. A source that works inside requests keeps what
   * outlives this one alive with `waitUntil`.
   */
  readonly current: (
    waitUntil: (work: Promise<unknown>) => void,
  ) => CompiledSnapshot | undefined | Promise<CompiledSnapshot | undefined>;
}
