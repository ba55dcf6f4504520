import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import { DateTime, JsonObjectScalar } from "../scalars.ts";

@ObjectType({ description: "Someone of an audience who has no row in its file, and why." })
export class CampaignLeftOut {
  @Field(() => ID, { description: "The person." })
  readonly personId!: string;

  @Field(() => String, { description: "Why, as a stable code." })
  readonly code!: string;

  @Field(() => String, { description: "What the code means." })
  readonly meaning!: string;
}

@ObjectType({
  description: "An audience beside its file to Campaign: everyone is in it or left out with a reason.",
})
export class CampaignReconciliation {
  @Field(() => ID, { description: "The audience." })
  readonly audienceId!: string;

  @Field(() => Int, { description: "Members that a file is made of." })
  readonly memberships!: number;

  @Field(() => Int, { description: "Those with at least one row." })
  readonly inFiles!: number;

  @Field(() => Int, { description: "Those without." })
  readonly leftOut!: number;

  @Field(() => Int, { description: "Left out because Campaign does not know them; none is created there." })
  readonly unknownRecipients!: number;

  @Field(() => JsonObjectScalar, { description: "How many were left out, by code." })
  readonly reasons!: object;

  @Field(() => [CampaignLeftOut], { description: "Who was left out, the first 100." })
  readonly people!: readonly CampaignLeftOut[];
}

@ObjectType({ description: "From a decision here to its use in Campaign: three moments, for one audience." })
export class CampaignLatencyRow {
  @Field(() => ID, { description: "The dataflow." })
  readonly dataflowId!: string;

  @Field(() => ID, { description: "The audience." })
  readonly audienceId!: string;

  @Field(() => DateTime, { description: "When its memberships were decided last." })
  readonly evaluatedAt!: string;

  @Field(() => DateTime, { description: "When they were exported, or will be by the schedule." })
  readonly exportedAt!: string;

  @Field(() => DateTime, { description: "The earliest moment Campaign can use them: 3 hours later." })
  readonly usableFrom!: string;

  @Field(() => DateTime, { description: "The latest moment, as documented: a day later." })
  readonly usableBy!: string;

  @Field(() => Float, { description: "Seconds from the decision to its earliest use." })
  readonly secondsToUse!: number;
}
