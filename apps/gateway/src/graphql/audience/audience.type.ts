import { Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import { DateTime, Json } from "../scalars.ts";

@InputType({ description: "A query: PQL as text or in its JSON form." })
export class ExpressionInput {
  @Field(() => String, { defaultValue: "PQL", description: "Always PQL." })
  readonly type!: string;

  @Field(() => String, { defaultValue: "pql/text", description: "pql/text or pql/json." })
  readonly format!: string;

  @Field(() => String, { description: "The query." })
  readonly value!: string;
}

@ObjectType({ description: "A query: PQL as text or in its JSON form." })
export class Expression {
  @Field(() => String, { description: "Always PQL." })
  readonly type!: string;

  @Field(() => String, { description: "pql/text or pql/json." })
  readonly format!: string;

  @Field(() => String, { description: "The query." })
  readonly value!: string;
}

@InputType({ description: "What an audience is made from." })
export class CreateAudienceInput {
  @Field(() => String, { description: "1 to 255 characters, unique in the sandbox." })
  readonly name!: string;

  @Field(() => String, { nullable: true, description: "For people." })
  readonly description?: string;

  @Field(() => ExpressionInput, { description: "Who is in it." })
  readonly expression!: ExpressionInput;

  @Field(() => String, {
    nullable: true,
    description:
      "batch, streaming or edge; without it the fastest of batch and streaming that the query is eligible for.",
  })
  readonly evaluation?: string;

  @Field(() => ID, { nullable: true, description: "The default merge policy without it." })
  readonly mergePolicyId?: string;

  @Field(() => Boolean, {
    nullable: true,
    description: "Leave out persons whose consents refuse; true without it.",
  })
  readonly excludeOptOut?: boolean;

  @Field(() => String, { nullable: true, description: "draft or published (without it)." })
  readonly status?: string;
}

@ObjectType({ description: "Something wrong with an input." })
export class IssueType {
  @Field(() => String, { description: "Stable code." })
  readonly code!: string;

  @Field(() => String, { description: "What was expected, what came and what to do." })
  readonly message!: string;

  @Field(() => [String], { nullable: true, description: "The place in the input." })
  readonly path!: readonly string[] | undefined;

  @Field(() => Int, { nullable: true, description: "Line in a query, from 1." })
  readonly line!: number | undefined;

  @Field(() => Int, { nullable: true, description: "Column in a query, from 1." })
  readonly column!: number | undefined;

  @Field(() => String, { nullable: true, description: "What was expected." })
  readonly expected!: string | undefined;

  @Field(() => String, { nullable: true, description: "What came; a type and a size, no value." })
  readonly came!: string | undefined;
}

@ObjectType({ description: "A set of persons, defined by a query." })
export class Audience {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Unique in the sandbox." })
  readonly name!: string;

  @Field(() => String, { nullable: true, description: "For people." })
  readonly description!: string | undefined;

  @Field(() => String, {
    description: "draft, published, inactive or deleted; only published ones are evaluated.",
  })
  readonly status!: string;

  @Field(() => Int, { description: "Number of members." })
  readonly count!: number;

  @Field(() => Expression, { description: "Who is in it." })
  readonly expression!: Expression;

  @Field(() => String, { description: "batch, streaming or edge." })
  readonly evaluation!: string;

  @Field(() => Int, { description: "Grows with each edit." })
  readonly version!: number;

  @Field(() => Int, {
    description:
      "The version that members, destinations and edges go by. Lower than version while the newest edit is being worked out beside it.",
  })
  readonly versionInForce!: number;

  @Field(() => ID, { nullable: true, description: "The composition it comes out of." })
  readonly compositionId!: string | undefined;

  @Field(() => ID, { nullable: true, description: "The merge policy whose view is asked." })
  readonly mergePolicyId!: string | undefined;

  @Field(() => DateTime, { description: "When it was made." })
  readonly createdAt!: string;

  @Field(() => DateTime, { description: "When it was last edited." })
  readonly updatedAt!: string;

  @Field(() => DateTime, {
    nullable: true,
    description: "When all persons were last evaluated for this version; null while that is due.",
  })
  readonly evaluatedAt!: string | undefined;
}

@ObjectType("AudienceVersion", { description: "One version of an audience as it was saved." })
export class AudienceVersionType {
  @Field(() => Int, { description: "Its number." })
  readonly version!: number;

  @Field(() => Boolean, { description: "Whether members, destinations and edges go by it." })
  readonly inForce!: boolean;

  @Field(() => String, { description: "The name it had." })
  readonly name!: string;

  @Field(() => Expression, { description: "Who was in it." })
  readonly expression!: Expression;

  @Field(() => String, { description: "batch, streaming or edge." })
  readonly evaluation!: string;

  @Field(() => DateTime, { description: "When it was saved." })
  readonly savedAt!: string;
}

@ObjectType({ description: "Whether a query may be evaluated in one way." })
export class EligibilityVerdict {
  @Field(() => Boolean, { description: "Whether it may." })
  readonly eligible!: boolean;

  @Field(() => [String], { description: "Why it may not." })
  readonly reasons!: readonly string[];
}

@ObjectType({ description: "The ways in which a query may be evaluated." })
export class EligibilityType {
  @Field(() => EligibilityVerdict, { description: "By jobs over all persons." })
  readonly batch!: EligibilityVerdict;

  @Field(() => EligibilityVerdict, { description: "On each event." })
  readonly streaming!: EligibilityVerdict;

  @Field(() => EligibilityVerdict, { description: "On the edge, in the request." })
  readonly edge!: EligibilityVerdict;
}

@ObjectType({ description: "The check of a query, before it is saved." })
export class AudienceCheck {
  @Field(() => Boolean, { description: "Whether it can be saved." })
  readonly valid!: boolean;

  @Field(() => [IssueType], { description: "All that is wrong, at once." })
  readonly issues!: readonly IssueType[];

  @Field(() => EligibilityType, { description: "How it may be evaluated." })
  readonly eligibility!: EligibilityType;
}

@ObjectType({ description: "How many persons a query would have." })
export class AudienceEstimate {
  @Field(() => Int, { description: "The most likely number of persons." })
  readonly count!: number;

  @Field(() => Int, { description: "With the confidence below there are no fewer." })
  readonly least!: number;

  @Field(() => Int, { description: "With the confidence below there are no more." })
  readonly most!: number;

  @Field(() => Float, {
    description: "Probability that the true number lies between least and most, 0 to 1.",
  })
  readonly confidence!: number;

  @Field(() => Boolean, { description: "Whether everyone was looked at: then count is the number." })
  readonly exact!: boolean;
}

@ObjectType("ExternalAudience", { description: "An audience whose members come in files." })
export class ExternalAudienceType {
  @Field(() => Audience, { description: "The audience." })
  readonly audience!: Audience;

  @Field(() => String, { description: "Dataset its members are taken into." })
  readonly datasetId!: string;
}

@ObjectType({ description: "Why a person is, or is not, in an audience." })
export class MembershipExplanation {
  @Field(() => Boolean, { description: "Whether the person is a member." })
  readonly member!: boolean;

  @Field(() => DateTime, { description: "The moment asked about." })
  readonly at!: string;

  @Field(() => Boolean, { description: "Whether consents keep the person out, whatever the conditions say." })
  readonly refused!: boolean;

  @Field(() => [String], {
    description: "For a no: what would have to come true, all of it. Empty for a member.",
  })
  readonly missing!: readonly string[];

  @Field(() => String, { description: "The conditions, one a line, with what decided them." })
  readonly text!: string;

  @Field(() => Json, {
    description: "The conditions as a tree: kind, text, holds, values, events, missing, conditions.",
  })
  readonly tree!: object;
}
