import type { ChangeDecision, ConsentPolicy, Policy } from "@tessera/governance";
import { Field, ID, ObjectType } from "type-graphql";
import { JsonObjectScalar } from "../scalars.ts";

@ObjectType({ description: "The labels on a field of persons and events." })
export class LabelledField {
  @Field(() => String, { description: "Dotted path." })
  readonly path!: string;

  @Field(() => [String], { description: "Labels such as core/C1, core/I1, core/S1 or custom/internal." })
  readonly labels!: readonly string[];
}

@ObjectType("DataUsagePolicy", {
  description:
    "Marketing actions for which labelled data may not be used. The core policies are shipped disabled.",
})
export class PolicyType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => String, { description: "DRAFT, ENABLED or DISABLED." })
  readonly status!: string;

  @Field(() => [String], { description: "What it denies, such as core/exportToThirdParty." })
  readonly marketingActionRefs!: readonly string[];

  @Field(() => JsonObjectScalar, { description: "A label, or AND or OR over operands." })
  readonly deny!: object;
}

@ObjectType("ConsentPolicy", { description: "For its marketing actions, only persons who permit its uses." })
export class ConsentPolicyType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => String, { description: "DRAFT, ENABLED or DISABLED." })
  readonly status!: string;

  @Field(() => [String], { description: "The marketing actions it is asked for." })
  readonly marketingActions!: readonly string[];

  @Field(() => String, { description: "What no answer means: permit or refuse." })
  readonly undecided!: string;
}

@ObjectType("DataflowReview", { description: "What a change does to a dataflow that is there already." })
export class DataflowReviewType {
  @Field(() => ID, { description: "The dataflow." })
  readonly dataflowId!: string;

  @Field(() => String, { description: "Its name." })
  readonly dataflowName!: string;

  @Field(() => [String], { description: "Ids of the policies it starts to violate." })
  readonly started!: readonly string[];

  @Field(() => [String], { description: "Ids of the policies it ceases to violate." })
  readonly ended!: readonly string[];

  @Field(() => Boolean, { description: "Whether it was paused." })
  readonly paused!: boolean;
}

@ObjectType({ description: "What a saved change means for dataflows that are there." })
export class GovernanceReview {
  @Field(() => [DataflowReviewType], { description: "Dataflows that start or cease to violate a policy." })
  readonly reviews!: readonly DataflowReviewType[];

  @Field(() => [String], {
    description:
      "One message for each violation: label → dataset → field → merge policy → audience → destination → action.",
  })
  readonly messages!: readonly string[];
}

@ObjectType({ description: "A saved policy with what it means for dataflows that are there." })
export class SavedPolicy extends GovernanceReview {
  @Field(() => PolicyType, { description: "The policy as it stands." })
  readonly policy!: PolicyType;
}

@ObjectType({
  description: "All data usage policies with what enabling them means for dataflows that are there.",
})
export class EnabledPolicies extends GovernanceReview {
  @Field(() => [PolicyType], { description: "All policies as they stand." })
  readonly policies!: readonly PolicyType[];
}

/** A decision as GraphQL tells it. */
export function reviewOf({ reviews, pause, issues }: ChangeDecision): GovernanceReview {
  return {
    reviews: reviews.map(({ dataflow, started, ended }) => ({
      dataflowId: dataflow.id,
      dataflowName: dataflow.name,
      started: started.map(({ policy }) => policy.id),
      ended: ended.map(({ policy }) => policy.id),
      paused: pause.includes(dataflow.id),
    })),
    messages: issues.map(({ message }) => message),
  };
}

/** A policy as GraphQL tells it. */
export function policyOf({ id, name, status, marketingActionRefs, deny }: Policy): PolicyType {
  return { id, name, status, marketingActionRefs, deny };
}

/** A consent policy as GraphQL tells it. */
export function consentPolicyOf(policy: ConsentPolicy): ConsentPolicyType {
  const { id, name, status, marketingActions, undecided = "permit" } = policy;
  return { id, name, status, marketingActions, undecided };
}
