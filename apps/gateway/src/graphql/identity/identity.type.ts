import { Field, InputType, Int, ObjectType } from "type-graphql";
import { DateTime } from "../scalars.ts";

/** Names one identity. */
@InputType({ description: "One identity: a value within a namespace." })
export class IdentityInput {
  @Field(() => String, { description: "Code of the namespace, such as ECID, CRMID, Email." })
  readonly namespace!: string;

  @Field(() => String, { description: "The value, at most 1,024 characters." })
  readonly id!: string;
}

@ObjectType("Identity", { description: "One identity: a value within a namespace." })
export class IdentityType {
  @Field(() => String, { description: "Code of the namespace." })
  readonly namespace!: string;

  @Field(() => String, { description: "The value within the namespace." })
  readonly id!: string;
}

@ObjectType({ description: "An identity of a graph, with when it was seen." })
export class GraphIdentity extends IdentityType {
  @Field(() => DateTime, { description: "When it was first observed." })
  readonly firstSeen!: string;

  @Field(() => DateTime, { description: "When it was last observed." })
  readonly lastSeen!: string;

  @Field(() => Boolean, { description: "Whether it was blocked by hand: it links nothing." })
  readonly blocked!: boolean;
}

@ObjectType({ description: "A link between two identities." })
export class IdentityLink {
  @Field(() => IdentityType, { description: "One end." })
  readonly a!: IdentityType;

  @Field(() => IdentityType, { description: "The other end." })
  readonly b!: IdentityType;

  @Field(() => DateTime, { description: "When the two were first seen together." })
  readonly firstAt!: string;

  @Field(() => DateTime, { description: "When the two were last seen together." })
  readonly lastAt!: string;

  @Field(() => Int, { description: "How often the two were seen together." })
  readonly count!: number;

  @Field(() => String, { description: "Dataset of the last observation." })
  readonly datasetId!: string;
}

@ObjectType({ description: "A link that was observed but is not in force." })
export class RemovedIdentityLink extends IdentityLink {
  @Field(() => String, {
    description: "The rule that removed it: unique, maxValues, newValues, apart or cap.",
  })
  readonly reason!: string;

  @Field(() => DateTime, { description: "Since when it is not in force." })
  readonly removedAt!: string;

  @Field(() => String, { description: "Why, in words." })
  readonly explanation!: string;
}

@ObjectType({ description: "The identity graph of one person." })
export class IdentityGraph {
  @Field(() => String, { description: "Id of the person." })
  readonly personId!: string;

  @Field(() => [GraphIdentity], { description: "The identities, at most 50." })
  readonly identities!: readonly GraphIdentity[];

  @Field(() => [IdentityLink], { description: "The links in force." })
  readonly links!: readonly IdentityLink[];

  @Field(() => [RemovedIdentityLink], { description: "Links that were observed but are not in force." })
  readonly removedLinks!: readonly RemovedIdentityLink[];
}
