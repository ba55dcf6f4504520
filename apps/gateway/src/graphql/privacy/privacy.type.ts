import type { PrivacyJob } from "@tessera/governance";
import { Field, ID, Int, ObjectType } from "type-graphql";
import { DateTime } from "../scalars.ts";

@ObjectType("PrivacyReceipt", { description: "What one system answered. No receipt carries a value." })
export class PrivacyReceiptType {
  @Field(() => DateTime, { description: "When it answered." })
  readonly at!: string;

  @Field(() => String, { description: "done, failed or not-applicable." })
  readonly outcome!: string;

  @Field(() => Int, { nullable: true, description: "Things found or deleted." })
  readonly count?: number | undefined;

  @Field(() => String, { nullable: true, description: "What there is to say." })
  readonly note?: string | undefined;
}

@ObjectType("PrivacyStep", { description: "One system's part in a privacy job." })
export class PrivacyStepType {
  @Field(() => String, { description: "Where something about the person lies." })
  readonly system!: string;

  @Field(() => String, { description: "expand, suppress, collect, delete or compact." })
  readonly operation!: string;

  @Field(() => [PrivacyReceiptType], { description: "All answers, the last one counts." })
  readonly receipts!: readonly PrivacyReceiptType[];
}

@ObjectType("PrivacyJob", { description: "One action for one person." })
export class PrivacyJobType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => ID, { description: "The request it came with." })
  readonly requestId!: string;

  @Field(() => String, { description: "The caller's name for the person; gone once a deletion is complete." })
  readonly userKey!: string;

  @Field(() => String, { description: "access or delete." })
  readonly action!: string;

  @Field(() => String, { description: "The law it stands under." })
  readonly regulation!: string;

  @Field(() => String, { description: "submitted, processing, complete or error." })
  readonly state!: string;

  @Field(() => DateTime, { description: "When it was submitted." })
  readonly createdAt!: string;

  @Field(() => DateTime, { nullable: true, description: "When it was complete." })
  readonly completedAt?: string | undefined;

  @Field(() => [PrivacyStepType], { description: "Every system with its receipts." })
  readonly steps!: readonly PrivacyStepType[];
}

@ObjectType({ description: "The jobs that a privacy request made." })
export class SubmittedPrivacyRequest {
  @Field(() => [PrivacyJobType], { description: "One for each action of each person." })
  readonly jobs!: readonly PrivacyJobType[];

  @Field(() => [String], { description: "Persons that could not be used, with the reason." })
  readonly issues!: readonly string[];
}

/** A job as GraphQL tells it; identifiers of the person are not repeated. */
export function privacyJobOf(job: PrivacyJob): PrivacyJobType {
  const { jobId: id, requestId, userKey, action, regulation, state, createdAt, completedAt, steps } = job;
  return {
    id,
    requestId,
    userKey,
    action,
    regulation,
    state,
    createdAt,
    completedAt,
    steps: steps.map(({ system, operation, receipts }) => ({ system, operation, receipts })),
  };
}
