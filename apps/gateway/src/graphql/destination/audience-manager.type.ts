import { Field, ID, Int, ObjectType } from "type-graphql";
import { DateTime, JsonObjectScalar } from "../scalars.ts";

@ObjectType({
  description: "What an audience shared with Audience Manager is there, and from when it can be used.",
})
export class SharedAudienceType {
  @Field(() => ID, { description: "The audience." })
  readonly audienceId!: string;

  @Field(() => String, { description: "Expression of its onboarded trait." })
  readonly traitExpression!: string;

  @Field(() => DateTime, { description: "Since when it is shared; there is no backfill." })
  readonly sharedSince!: string;

  @Field(() => DateTime, { description: "When its name is seen there." })
  readonly nameVisible!: string;

  @Field(() => DateTime, { description: "When it can first be used: after 4 hours." })
  readonly usable!: string;

  @Field(() => DateTime, { description: "When every use of it is possible." })
  readonly usableEverywhere!: string;
}

@ObjectType({
  description:
    "What would be told to Audience Manager of the members of shared audiences, in totals; no identity value in it.",
})
export class AudienceManagerPlan {
  @Field(() => Int, { description: "Memberships looked at." })
  readonly items!: number;

  @Field(() => Int, { description: "Those that nothing can be told of." })
  readonly refusedItems!: number;

  @Field(() => JsonObjectScalar, {
    description: "By route: to the edge of fresh regions (within 14 days), or to the hub's files, and why.",
  })
  readonly routes!: object;

  @Field(() => JsonObjectScalar, {
    description:
      "How many can be used within minutes and how many in 12 to 24 hours, with first and last moment.",
  })
  readonly expected!: object;

  @Field(() => JsonObjectScalar, { description: "Identities that are told, by namespace." })
  readonly shared!: object;

  @Field(() => JsonObjectScalar, { description: "Identities that stay at home, by reason." })
  readonly leftOut!: object;

  @Field(() => JsonObjectScalar, { description: "Memberships that cannot be told, by code." })
  readonly refused!: object;

  @Field(() => [SharedAudienceType], { description: "The audiences that are shared." })
  readonly audiences!: readonly SharedAudienceType[];
}
