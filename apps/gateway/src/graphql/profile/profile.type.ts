import { ArgsType, Field, Float, Int, ObjectType } from "type-graphql";
import { IdentityType } from "../identity/identity.type.ts";
import { PageInfo } from "../page.type.ts";
import { DateTime, Json, JsonObjectScalar } from "../scalars.ts";

@ObjectType({ description: "A person's standing in one audience." })
export class Membership {
  @Field(() => String, { description: "Id of the audience." })
  readonly audienceId!: string;

  @Field(() => String, { description: "Where the audience comes from: ups for those evaluated here." })
  readonly namespace!: string;

  @Field(() => String, { description: "realized, existing (members) or exited." })
  readonly status!: string;

  @Field(() => DateTime, { description: "When the status last changed." })
  readonly at!: string;
}

@ObjectType({ description: "One experience event." })
export class ProfileEvent {
  @Field(() => String, { description: "The event's _id." })
  readonly id!: string;

  @Field(() => String, { description: "Dataset it came in through." })
  readonly datasetId!: string;

  @Field(() => DateTime, { description: "The event's own time." })
  readonly timestamp!: string;

  @Field(() => String, { nullable: true, description: "The event's eventType." })
  readonly eventType!: string | undefined;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description: "The event as it came; null once it expired.",
  })
  readonly body!: object | undefined;
}

@ObjectType({ description: "An event at its place in a list." })
export class ProfileEventEdge {
  @Field(() => String, { description: "Give it as `after` to go on behind this event." })
  readonly cursor!: string;

  @Field(() => ProfileEvent, { description: "The event." })
  readonly node!: ProfileEvent;
}

@ObjectType({ description: "A page of a person's events, newest first." })
export class ProfileEventConnection {
  @Field(() => [ProfileEventEdge], { description: "The events with their cursors." })
  readonly edges!: readonly ProfileEventEdge[];

  @Field(() => [ProfileEvent], { description: "The events alone." })
  readonly nodes!: readonly ProfileEvent[];

  @Field(() => PageInfo, { description: "Where this page stands." })
  readonly pageInfo!: PageInfo;

  @Field(() => Int, { description: "Events that match the filter, over all pages." })
  readonly totalCount!: number;
}

/** One person under a merge policy. */
@ObjectType({ description: "One person: what all their identities say together." })
export class Profile {
  @Field(() => String, { description: "Id of the person; stable through merges of others into it." })
  readonly personId!: string;

  @Field(() => Float, { description: "Grows with each change." })
  readonly version!: number;

  @Field(() => [IdentityType], { description: "All identities, at most 50." })
  readonly identities!: readonly IdentityType[];

  @Field(() => JsonObjectScalar, { description: "The merged attributes." })
  readonly attributes!: object;

  @Field(() => Json, {
    description: "For each attribute path: the dataset, the identity and the time its value comes from.",
  })
  readonly provenance!: object;

  @Field(() => JsonObjectScalar, { description: "Memberships in the form of XDM segmentMembership." })
  readonly segmentMembership!: object;

  @Field(() => [Membership], { description: "Memberships as a list." })
  readonly memberships!: readonly Membership[];

  @Field(() => Json, { nullable: true, description: "The person's consents, as XDM consents." })
  readonly consents!: object | undefined;

  @Field(() => Int, { description: "Number of events of the whole person, whatever the merge policy." })
  readonly eventCount!: number;

  @Field(() => JsonObjectScalar, { description: "Edge regions to the last activity there." })
  readonly userActivityRegions!: object;

  @Field(() => String, { description: "Id of the merge policy this view is under." })
  readonly mergePolicyId!: string;
}

/** Which of a person's events are wanted. */
@ArgsType()
export class EventsArgs {
  @Field(() => Int, { defaultValue: 20, description: "Events on this page, 1 to 1,000." })
  readonly first!: number;

  @Field(() => String, { nullable: true, description: "Cursor to go on behind." })
  readonly after?: string;

  @Field(() => [String], { nullable: true, description: "Only events of these types." })
  readonly eventTypes?: string[];

  @Field(() => DateTime, { nullable: true, description: "Only events at this time or later." })
  readonly from?: Date;

  @Field(() => DateTime, { nullable: true, description: "Only events before this time." })
  readonly to?: Date;
}
