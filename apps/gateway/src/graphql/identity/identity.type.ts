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

@ObjectType({ description: "Two identities." })
export class IdentityPair {
  @Field(() => IdentityType, { description: "One of them." })
  readonly a!: IdentityType;

  @Field(() => IdentityType, { description: "The other." })
  readonly b!: IdentityType;
}

@ObjectType({ description: "The event or record that showed two identities together." })
export class LinkSighting {
  @Field(() => String, { description: "Id of the event or record." })
  readonly id!: string;

  @Field(() => String, { description: "Its dataset." })
  readonly datasetId!: string;

  @Field(() => DateTime, { description: "When it happened, for a record when it arrived." })
  readonly at!: string;
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

  @Field(() => LinkSighting, { description: "What showed the two together first." })
  readonly first!: LinkSighting;

  @Field(() => LinkSighting, { description: "What showed the two together last." })
  readonly last!: LinkSighting;
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

  @Field(() => IdentityPair, {
    nullable: true,
    description: "The two that the link would have brought together; null for the cap.",
  })
  readonly conflict!: IdentityPair | null;

  @Field(() => IdentityPair, {
    nullable: true,
    description: "The link that was kept instead; null when there is none.",
  })
  readonly winner!: IdentityPair | null;
}

@ObjectType({ description: "Two identities that somebody unlinked." })
export class UnlinkedIdentities extends IdentityPair {
  @Field(() => DateTime, { description: "When they were unlinked." })
  readonly at!: string;

  @Field(() => String, { description: "never, or observed: until a later record shows both." })
  readonly relink!: string;

  @Field(() => Boolean, { description: "Whether a later record has lifted it." })
  readonly isLifted!: boolean;
}

@ObjectType("LinkExplanation", { description: "Why two identities are, or are not, one person." })
export class LinkExplanationType {
  @Field(() => Boolean, { description: "Whether they are one person." })
  readonly linked!: boolean;

  @Field(() => [IdentityType], {
    description: "Those of the two that no record has shown: misspelt, or not come in yet.",
  })
  readonly unknown!: readonly IdentityType[];

  @Field(() => [IdentityLink], {
    description:
      "The shortest chain of links between them, in order; empty when they are not linked, and when both are the same.",
  })
  readonly path!: readonly IdentityLink[];

  @Field(() => [RemovedIdentityLink], {
    description: "Links at one of them, or between their graphs, that are not in force.",
  })
  readonly dropped!: readonly RemovedIdentityLink[];

  @Field(() => [UnlinkedIdentities], { description: "What was unlinked by hand around them." })
  readonly apart!: readonly UnlinkedIdentities[];
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

  @Field(() => [UnlinkedIdentities], { description: "Identities that were unlinked by hand." })
  readonly apart!: readonly UnlinkedIdentities[];

  @Field(() => Int, { description: "How many identities it has." })
  readonly size!: number;

  @Field(() => Int, { description: "How many it may have; beyond it the oldest leave, cookies first." })
  readonly cap!: number;

  @Field(() => String, { nullable: true, description: "A warning when it is nearly full: 43 of 50." })
  readonly warning!: string | undefined;

  @Field(() => Boolean, { description: "Whether older removed links are no longer listed." })
  readonly isTrimmed!: boolean;
}
