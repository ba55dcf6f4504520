import type { EvaluationType } from "@tessera/xdm";
import { DOCUMENTS } from "./documents.ts";
import type { LimitSource } from "./limit.ts";

/** How an audience is evaluated; `incremental` (hourly) is history and published figures still name it. */
export type LatencyEvaluation = EvaluationType | "incremental";

/**
 * Where a membership goes: read on the edge (Target, personalization), shared by streaming with Audience Manager and
 * Target, sent to a streaming destination, or written to files.
 */
export type LatencyDestination = "edge" | "audience-manager" | "streaming" | "file";

/** Seconds from one stage to the next: usually, and at most as far as published. */
export interface Seconds {
  readonly usual: number;
  readonly most: number;
}

/** What to expect of one evaluation type and one kind of destination. */
export interface LatencyExpectation {
  readonly evaluation: LatencyEvaluation;
  readonly destination: LatencyDestination;
  /** From the record to the membership; waiting for the next job is not in it. */
  readonly evaluating: Seconds;
  /** From the membership to the destination; `schedule` waits for the next file. */
  readonly delivering: Seconds | "schedule";
  readonly frequency: string;
  readonly payload: string;
  readonly source: LimitSource;
}

/** One stage on the way, with the published figure. */
export interface LatencyStage {
  readonly id: string;
  readonly title: string;
  readonly seconds: Seconds;
  readonly source: LimitSource;
}

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 24 * HOUR;

const EVALUATIONS: {
  readonly [evaluation in LatencyEvaluation]: { readonly evaluating: Seconds; readonly frequency: string };
} = {
  edge: { evaluating: { usual: 0.1, most: 0.5 }, frequency: "on each edge request" },
  streaming: { evaluating: { usual: MINUTE, most: 5 * MINUTE }, frequency: "on each record of the person" },
  incremental: { evaluating: { usual: HOUR, most: HOUR }, frequency: "hourly (historical)" },
  batch: { evaluating: { usual: 2 * HOUR, most: 7 * HOUR }, frequency: "daily, or when asked for" },
};

const DELIVERIES: { readonly [destination in LatencyDestination]: Seconds | "schedule" } = {
  edge: { usual: MINUTE, most: MINUTE },
  "audience-manager": { usual: MINUTE, most: MINUTE },
  streaming: { usual: 10 * MINUTE, most: 10 * MINUTE },
  file: "schedule",
};

/** The published matrix: what to expect of every evaluation type and destination that go together. */
export const LATENCY_EXPECTATIONS: readonly LatencyExpectation[] = [
  expectation("edge", "edge", { delivering: { usual: 0, most: 0 }, payload: "memberships and attributes" }),
  ...(["edge", "audience-manager", "streaming", "file"] as const).flatMap((destination) => [
    expectation("streaming", destination, { payload: "membership changes, identities, attributes" }),
    expectation("incremental", destination, { payload: onJob(destination) }),
    expectation("batch", destination, { payload: onJob(destination) }),
  ]),
];

/** The stages of the platform, each with its published figure. */
export const LATENCY_STAGES: readonly LatencyStage[] = [
  stage("edge-request", "Edge request end to end", [0.5, 0.5]),
  stage("edge-hub", "Between edge and hub", [5 * MINUTE, 5 * MINUTE]),
  stage("streaming-source", "Streaming source or API to its consumers", [MINUTE, MINUTE]),
  stage("hub-profile", "Ingestion into the hub profile", [MINUTE, 15 * MINUTE]),
  stage("identity-store", "Ingestion into the identity graph", [10 * MINUTE, 10 * MINUTE]),
  stage("lake-streaming", "Ingestion into the event store by streaming", [15 * MINUTE, 15 * MINUTE]),
  stage("batch-profile", "Batch into the profile, for each GB", [10 * MINUTE, 10 * MINUTE]),
  stage("analytics-profile", "Analytics connector to the profile, with A4T", [15 * MINUTE, 15 * MINUTE]),
  stage("analytics-lake", "Analytics connector to the event store", [90 * MINUTE, 90 * MINUTE]),
  stage("streaming-evaluation", "Streaming evaluation on the hub", [MINUTE, 5 * MINUTE]),
  stage("batch-evaluation", "Batch evaluation", [2 * HOUR, 7 * HOUR]),
  stage("projection-streaming", "Hub to edge, streaming changes", [15 * MINUTE, 15 * MINUTE]),
  stage("projection-batch", "Hub to edge, batch changes", [DAY, DAY]),
  stage("edge-definition", "New audience definition to the edge", [HOUR, HOUR], "segmentation/edge"),
  stage("hub-lookup", "Profile lookup on the hub (published as: seconds)", [1, 10]),
  stage(
    "aam-first-sync",
    "First share of an audience with Audience Manager",
    [4 * HOUR, DAY],
    "blueprints/activation",
  ),
  stage(
    "aam-hub",
    "Audience Manager without a region of the last 14 days",
    [12 * HOUR, DAY],
    "blueprint/activation",
  ),
  stage("campaign-export", "Export to Campaign", [3 * HOUR, DAY], "blueprint/campaign"),
  stage("cja-lake", "Event store to Customer Journey Analytics", [90 * MINUTE, 90 * MINUTE]),
  stage("cja-audience", "First share of a Customer Journey Analytics audience", [HOUR, HOUR]),
  stage("hub-decision", "Decision on the hub, answers under 20 KB", [0.5, 0.5]),
  stage("push", "Push message of a journey", [6 * MINUTE, 6 * MINUTE]),
  stage("journey-start", "Audience qualification to the start of a journey", [MINUTE, MINUTE]),
  stage("journey-read", "Read Audience in a journey", [20 * MINUTE, HOUR]),
  stage("journey-event", "Unitary or business event in a journey", [0.25, 0.25]),
];

/** What to expect, or `undefined` where the two do not go together (edge evaluation and files). */
export function latencyOf(
  evaluation: LatencyEvaluation,
  destination: LatencyDestination,
): LatencyExpectation | undefined {
  return LATENCY_EXPECTATIONS.find((row) => row.evaluation === evaluation && row.destination === destination);
}

/** Measured seconds beside the expected ones. */
export interface LatencyComparison {
  /** `within`: the 95th percentile is no more than the published most. */
  readonly kind: "within" | "slower" | "unmeasured";
  readonly count: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly most?: number;
  /** The 95th percentile over the published most; under 1 is faster. */
  readonly ratio?: number;
}

/** Sets measured seconds (any order) beside an expectation. Percentiles are nearest rank. */
export function compareLatency(expected: Seconds, measured: readonly number[]): LatencyComparison {
  if (measured.length === 0) return { kind: "unmeasured", count: 0 };
  const sorted = Float64Array.from(measured).sort();
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const p95 = rank(0.95);
  return {
    kind: p95 <= expected.most ? "within" : "slower",
    count: sorted.length,
    p50: rank(0.5),
    p95,
    most: rank(1),
    ratio: expected.most === 0 ? (p95 === 0 ? 0 : Infinity) : p95 / expected.most,
  };
}

/** From the record to the destination: evaluation and delivery together. `undefined` for files, which wait for a schedule. */
export function endToEnd({ evaluating, delivering }: LatencyExpectation): Seconds | undefined {
  if (delivering === "schedule") return undefined;
  return { usual: evaluating.usual + delivering.usual, most: evaluating.most + delivering.most };
}

function expectation(
  evaluation: LatencyEvaluation,
  destination: LatencyDestination,
  { delivering, payload }: { readonly delivering?: Seconds; readonly payload: string },
): LatencyExpectation {
  return {
    evaluation,
    destination,
    ...EVALUATIONS[evaluation],
    delivering: delivering ?? DELIVERIES[destination],
    payload,
    source: sourceOf("blueprints/activation"),
  };
}

function onJob(destination: LatencyDestination): string {
  return destination === "file"
    ? "membership changes, identities, attributes"
    : "membership changes, identities";
}

function stage(
  id: string,
  title: string,
  [usual, most]: readonly [number, number],
  source = "blueprints/guardrails",
): LatencyStage {
  return { id, title, seconds: { usual, most }, source: sourceOf(source) };
}

function sourceOf(key: string): LimitSource {
  const source = DOCUMENTS[key];
  if (source === undefined) throw new Error(`latency: unknown document ${key}`);
  return source;
}
