import type { EvaluationType } from "@tessera/xdm";
import { checkLimit, type LimitCheck } from "./check-limit.ts";
import type { LimitId, Limits } from "./limits.ts";

/** An audience somebody plans to publish. */
export interface PlannedAudience {
  readonly kind: "audience";
  readonly evaluation: EvaluationType;
}

/** The kinds of destinations that differ in their limits. */
export type DataflowDestination =
  | "streaming"
  | "file"
  | "target"
  | "personalization"
  | "audience-manager"
  | "campaign";

/** A dataflow somebody plans: what would be mapped in total once it is saved. */
export interface PlannedDataflow {
  readonly kind: "dataflow";
  readonly destination: DataflowDestination;
  /** Whether the destination itself is made with it. */
  readonly newDestination: boolean;
  readonly audiences: number;
  readonly attributes: number;
  /** Mapped fields that lie in events. */
  readonly eventFields: number;
  /** Mapped arrays and maps, identityMap aside. */
  readonly arrayFields: number;
  readonly schedule?: {
    readonly mode: "full" | "incremental";
    readonly everyHours: number;
    /** Audiences of it that are exported in its busiest hour; all of them without it. */
    readonly audiencesInHour?: number;
  };
}

/** Published audiences of the sandbox by how they are evaluated. */
export interface AudienceCounts {
  readonly batch: number;
  readonly streaming: number;
  readonly edge: number;
}

/** What other dataflows of the sandbox already use; the planned one is not counted in. */
export interface DataflowCounts {
  readonly destinations: number;
  readonly personalizationDestinations: number;
  /** Attributes mapped to Target and to personalization destinations. */
  readonly personalizationAttributes: number;
  /** Audiences mapped to all destinations of the Campaign instance. */
  readonly campaignAudiences: number;
  /** Audiences that other schedules export in the same hour, the busiest one of the planned dataflow. */
  readonly audiencesInSameHour: number;
}

/** A plan and the counts it stands beside. */
export type Preflight =
  | { readonly planned: PlannedAudience; readonly counts: AudienceCounts }
  | { readonly planned: PlannedDataflow; readonly counts: DataflowCounts };

/**
 * Asks every limit that a plan touches, as if it were saved: one check per limit, the harmless ones included.
 * The plan may be saved when none is a hard violation.
 */
export function preflight(plan: Preflight, limits: Limits): readonly LimitCheck[] {
  const asked = isAudience(plan) ? audience(plan.planned, plan.counts) : dataflow(plan.planned, plan.counts);
  return asked.map(([id, value]) => checkLimit(limits[id], value));
}

type Asked = readonly (readonly [LimitId, number])[];

function isAudience(
  plan: Preflight,
): plan is { readonly planned: PlannedAudience; readonly counts: AudienceCounts } {
  return plan.planned.kind === "audience";
}

function audience({ evaluation }: PlannedAudience, { batch, streaming, edge }: AudienceCounts): Asked {
  const all: Asked = [["segmentation.audiences", batch + streaming + edge + 1]];
  switch (evaluation) {
    case "batch":
      return [...all, ["segmentation.batch-audiences", batch + 1]];
    case "streaming":
      return [...all, ["segmentation.streaming-audiences", streaming + edge + 1]];
    case "edge":
      return [
        ...all,
        ["segmentation.streaming-audiences", streaming + edge + 1],
        ["segmentation.edge-audiences", edge + 1],
      ];
  }
}

function dataflow(planned: PlannedDataflow, counts: DataflowCounts): Asked {
  const added = planned.newDestination ? 1 : 0;
  return [
    ["destinations.destinations", counts.destinations + added],
    ["destinations.audiences-per-dataflow", planned.audiences],
    ["destinations.attributes", planned.attributes],
    ["destinations.event-fields", planned.eventFields],
    ["destinations.array-fields", planned.arrayFields],
    ...ofDestination(planned, counts),
    ...ofSchedule(planned, counts),
  ];
}

function ofDestination(planned: PlannedDataflow, counts: DataflowCounts): Asked {
  const { audiences, attributes, eventFields, arrayFields } = planned;
  const edgeAttributes = counts.personalizationAttributes + attributes;
  switch (planned.destination) {
    case "target":
      return [
        ["target.audiences-per-destination", audiences],
        ["target.attributes", edgeAttributes],
      ];
    case "personalization":
      return [
        [
          "destinations.personalization-destinations",
          counts.personalizationDestinations + (planned.newDestination ? 1 : 0),
        ],
        ["destinations.personalization-attributes", edgeAttributes],
      ];
    case "campaign":
      return [
        ["campaign.audiences", counts.campaignAudiences + audiences],
        ["campaign.audiences-recommended", counts.campaignAudiences + audiences],
        ["campaign.fields", attributes],
        ["campaign.complex-fields", eventFields + arrayFields],
      ];
    case "streaming":
    case "file":
    case "audience-manager":
      return [];
  }
}

function ofSchedule({ schedule, destination, audiences }: PlannedDataflow, counts: DataflowCounts): Asked {
  if (schedule === undefined) return [];
  const { mode, everyHours, audiencesInHour = audiences } = schedule;
  return [
    [mode === "full" ? "destinations.full-interval" : "destinations.incremental-interval", everyHours],
    ...(destination === "campaign" ? ([["campaign.interval", everyHours]] as const) : []),
    ["destinations.audiences-per-hour", counts.audiencesInSameHour + audiencesInHour],
  ];
}
