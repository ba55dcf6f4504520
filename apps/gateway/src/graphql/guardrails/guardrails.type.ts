import {
  compareLatency,
  type LatencyExpectation,
  type LimitCheck,
  type Seconds,
  type UsageRow,
} from "@tessera/guardrails";
import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import { DateTime } from "../scalars.ts";

@ObjectType({ description: "A limit with how much of it is used." })
export class LimitUse {
  @Field(() => ID, { description: "Stable id, area.what." })
  readonly id!: string;

  @Field(() => String, { description: "What is counted." })
  readonly title!: string;

  @Field(() => String, { description: "Part of the platform." })
  readonly area!: string;

  @Field(() => String, {
    description: "soft: beyond it things get slower; hard: beyond it things are refused.",
  })
  readonly kind!: string;

  @Field(() => String, { description: "most: more violates; least: less violates." })
  readonly bound!: string;

  @Field(() => Float, { description: "The limit in force, in the unit of the limit." })
  readonly limit!: number;

  @Field(() => String, { description: "Unit of limit and value." })
  readonly unit!: string;

  @Field(() => String, {
    nullable: true,
    description: "What it is counted for, where it is counted several times.",
  })
  readonly scope?: string | undefined;

  @Field(() => String, { description: "ok, near (from 80 %), soft-violation, hard-violation or unmeasured." })
  readonly state!: string;

  @Field(() => Float, { nullable: true, description: "Present use, in the unit of the limit." })
  readonly value?: number | undefined;

  @Field(() => Float, { nullable: true, description: "Share of the limit that is used; 1 is at the limit." })
  readonly use?: number | undefined;

  @Field(() => Float, { nullable: true, description: "Growth a day, over the last 90 days." })
  readonly perDay?: number | undefined;

  @Field(() => DateTime, { nullable: true, description: "When the limit is reached at this growth." })
  readonly reachesAt?: string | undefined;

  @Field(() => String, { description: "What was found and what follows." })
  readonly message!: string;

  @Field(() => String, { description: "What to do about it." })
  readonly whatToDo!: string;

  @Field(() => String, { description: "Document and date the figure comes from." })
  readonly source!: string;
}

@ObjectType("LimitCheck", { description: "A limit asked about a plan." })
export class LimitCheckType {
  @Field(() => ID, { description: "The limit." })
  readonly id!: string;

  @Field(() => String, { description: "ok, near, soft-violation or hard-violation." })
  readonly state!: string;

  @Field(() => Float, { description: "The value once the plan is saved, in the unit of the limit." })
  readonly value!: number;

  @Field(() => Float, { description: "The limit in force, in the unit of the limit." })
  readonly limit!: number;

  @Field(() => String, { description: "What would happen." })
  readonly message!: string;

  @Field(() => String, { description: "What to do about it." })
  readonly whatToDo!: string;
}

@ObjectType("LatencyExpectation", {
  description:
    "How long it takes from a record to a destination, as published and as measured here. Seconds.",
})
export class LatencyType {
  @Field(() => String, { description: "edge, streaming, incremental or batch." })
  readonly evaluation!: string;

  @Field(() => String, { description: "edge, audience-manager, streaming or file." })
  readonly destination!: string;

  @Field(() => String, { description: "How often it happens." })
  readonly frequency!: string;

  @Field(() => String, { description: "What is sent." })
  readonly payload!: string;

  @Field(() => Float, { description: "Evaluation, usually, in seconds." })
  readonly evaluatingUsual!: number;

  @Field(() => Float, { description: "Evaluation, at most as published, in seconds." })
  readonly evaluatingMost!: number;

  @Field(() => Float, {
    nullable: true,
    description: "Delivery, at most as published, in seconds; null waits for a schedule.",
  })
  readonly deliveringMost?: number | undefined;

  @Field(() => Int, { description: "How many evaluations were measured here." })
  readonly measured!: number;

  @Field(() => Float, { nullable: true, description: "Median of the evaluations measured here, in seconds." })
  readonly measuredP50?: number | undefined;

  @Field(() => Float, {
    nullable: true,
    description: "95th percentile of the evaluations measured here, in seconds.",
  })
  readonly measuredP95?: number | undefined;

  @Field(() => String, {
    description: "within, slower or unmeasured: the 95th percentile beside the published most.",
  })
  readonly verdict!: string;

  @Field(() => Int, { description: "How many deliveries to destinations of this kind were measured here." })
  readonly deliveriesMeasured!: number;

  @Field(() => Float, { nullable: true, description: "Median of the deliveries measured here, in seconds." })
  readonly deliveredP50?: number | undefined;

  @Field(() => Float, {
    nullable: true,
    description: "95th percentile of the deliveries measured here, in seconds.",
  })
  readonly deliveredP95?: number | undefined;

  @Field(() => String, { description: "within, slower or unmeasured, for deliveries." })
  readonly deliveryVerdict!: string;
}

/** A row of the report as GraphQL tells it. */
export function limitUseOf(row: UsageRow): LimitUse {
  const { limit, kind: state, scope, value, use, perDay, reachesAt, message, whatToDo } = row;
  const { id, title, area, kind, bound, unit, source } = limit;
  return {
    id,
    title,
    area,
    kind,
    bound,
    unit,
    scope,
    state,
    value,
    perDay,
    reachesAt,
    message,
    whatToDo,
    limit: limit.value,
    use: use !== undefined && Number.isFinite(use) ? use : undefined,
    source: `${source.document} (${source.date})`,
  };
}

/** A check as GraphQL tells it. */
export function limitCheckOf({ kind, limit, value, message, whatToDo }: LimitCheck): LimitCheckType {
  return { id: limit.id, state: kind, value, limit: limit.value, message, whatToDo };
}

/** What waits for a schedule has no published bound. */
const UNBOUNDED: Seconds = { usual: Infinity, most: Infinity };

/** An expectation beside what was measured here: evaluations of its kind, deliveries to its kind of destination. */
export function latencyTypeOf(
  expected: LatencyExpectation,
  measured: { readonly evaluating: readonly number[]; readonly delivering: readonly number[] },
): LatencyType {
  const { evaluation, destination, evaluating, delivering, frequency, payload } = expected;
  const found = compareLatency(evaluating satisfies Seconds, measured.evaluating);
  const sent = compareLatency(delivering === "schedule" ? UNBOUNDED : delivering, measured.delivering);
  return {
    evaluation,
    destination,
    frequency,
    payload,
    evaluatingUsual: evaluating.usual,
    evaluatingMost: evaluating.most,
    deliveringMost: delivering === "schedule" ? undefined : delivering.most,
    measured: found.count,
    measuredP50: found.p50,
    measuredP95: found.p95,
    verdict: found.kind,
    deliveriesMeasured: sent.count,
    deliveredP50: sent.p50,
    deliveredP95: sent.p95,
    deliveryVerdict: sent.kind,
  };
}
