import { ArgsType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import { IssueType } from "../audience/audience.type.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { PageInfo } from "../page.type.ts";
import { DateTime, Json, JsonObjectScalar } from "../scalars.ts";

@InputType({ description: "An audience of a dataflow: its time, and for file destinations its schedule." })
export class DataflowAudienceInput {
  @Field(() => ID, { description: "Id of a published audience." })
  readonly id!: string;

  @Field(() => DateTime, { nullable: true, description: "Activated since then; at once without it." })
  readonly startsAt?: Date;

  @Field(() => DateTime, {
    nullable: true,
    description: "Activated until then, exclusive; for ever without it.",
  })
  readonly endsAt?: Date;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description:
      'When files are written: {mode: "full", when: "after-evaluation"}, {mode: "full", when: "at", time: "HH:MM"} or {mode: "incremental", everyHours: 3|6|8|12|24, time: "HH:MM"}; times in UTC.',
  })
  readonly schedule?: object;
}

@InputType({ description: "What a dataflow is made from." })
export class CreateDataflowInput {
  @Field(() => ID, { description: "Where it goes." })
  readonly destinationId!: string;

  @Field(() => String, {
    nullable: true,
    description: "Name for people; that of the destination without it.",
  })
  readonly name?: string;

  @Field(() => [DataflowAudienceInput], { description: "Its audiences, each with its time and schedule." })
  readonly audiences!: readonly DataflowAudienceInput[];

  @Field(() => [JsonObjectScalar], { nullable: true, description: "The mapping, as for activateAudiences." })
  readonly mapping?: readonly object[];

  @Field(() => Boolean, { nullable: true, description: "false: made, and not in force yet." })
  readonly enabled?: boolean;
}

@InputType({ description: "What a dataflow is to be; what is left out stays as it is." })
export class UpdateDataflowInput {
  @Field(() => ID, { description: "The dataflow." })
  readonly id!: string;

  @Field(() => String, { nullable: true, description: "Name for people." })
  readonly name?: string;

  @Field(() => [DataflowAudienceInput], {
    nullable: true,
    description: "All its audiences: those that are not named leave it, and their members are told so.",
  })
  readonly audiences?: readonly DataflowAudienceInput[];

  @Field(() => [JsonObjectScalar], {
    nullable: true,
    description: "The whole mapping, as for activateAudiences.",
  })
  readonly mapping?: readonly object[];

  @Field(() => Boolean, {
    nullable: true,
    description: "false: members are told to leave; true again: they are told to enter.",
  })
  readonly enabled?: boolean;
}

@ObjectType({ description: "How a value stands to a limit." })
export class LimitCheckType {
  @Field(() => String, { description: "Id of the limit." })
  readonly limit!: string;

  @Field(() => String, { description: "ok, near, soft-violation or hard-violation." })
  readonly kind!: string;

  @Field(() => Float, { description: "The value that was asked about, in the limit's unit." })
  readonly value!: number;

  @Field(() => String, { description: "In words, with the effect beyond the limit." })
  readonly message!: string;

  @Field(() => String, { description: "What to do." })
  readonly whatToDo!: string;
}

@ObjectType({ description: "The check of a dataflow before it is saved: all at once." })
export class DataflowCheckType {
  @Field(() => Boolean, { description: "Whether it can be saved." })
  readonly valid!: boolean;

  @Field(() => [IssueType], { description: "All that keeps it from being saved." })
  readonly violations!: readonly IssueType[];

  @Field(() => [IssueType], { description: "What only deserves a warning." })
  readonly warnings!: readonly IssueType[];

  @Field(() => [LimitCheckType], { description: "Every limit that it touches." })
  readonly limits!: readonly LimitCheckType[];
}

@ObjectType({ description: "One line of a mapping over a real person." })
export class MappingPreviewType {
  @Field(() => String, { description: "Target field." })
  readonly target!: string;

  @Field(() => [Json], { description: "What would be sent." })
  readonly values!: readonly unknown[];

  @Field(() => String, {
    description: "ok; missing; required-missing: the person is not sent at all; complex: a list or a map.",
  })
  readonly state!: string;

  @Field(() => [IssueType], {
    description:
      "What the destination has against the line: its type, its hashing, its field. Empty without one.",
  })
  readonly issues!: readonly IssueType[];
}

@ObjectType({ description: "Why a person is, or is not, told to a destination." })
export class ActivationExplanationType {
  @Field(() => [ID], { description: "Audiences the destination holds of the person." })
  readonly audienceIds!: readonly string[];

  @Field(() => [Json], {
    description:
      "What stands in the way: kind is dataflow-off, refused-by-consent, required-missing, no-identity, not-a-member, not-started or ended.",
  })
  readonly obstacles!: readonly object[];
}

@ObjectType({ description: "An audience that a destination was told of." })
export class DeliveredChange {
  @Field(() => ID, { description: "The audience." })
  readonly audienceId!: string;

  @Field(() => String, { description: "realized or exited." })
  readonly status!: string;

  @Field(() => DateTime, { description: "Since when." })
  readonly at!: string;
}

@ObjectType({ description: "One thing that a destination was told of a person; names of fields, no values." })
export class DeliveryLine {
  @Field(() => ID, { description: "Id of the item that was told." })
  readonly itemId!: string;

  @Field(() => ID, { description: "Who was told." })
  readonly destinationId!: string;

  @Field(() => ID, { description: "By which dataflow." })
  readonly dataflowId!: string;

  @Field(() => DateTime, { description: "When." })
  readonly at!: string;

  @Field(() => String, { description: "delivered, accepted (a job of the destination goes on) or rejected." })
  readonly outcome!: string;

  @Field(() => String, { nullable: true, description: "Why it was rejected, as a stable code." })
  readonly code?: string | undefined;

  @Field(() => [DeliveredChange], { description: "Audiences entered and left." })
  readonly changes!: readonly DeliveredChange[];

  @Field(() => [String], { description: "Target fields whose values were sent." })
  readonly attributes!: readonly string[];

  @Field(() => [String], { description: "Namespaces of the identities that were sent." })
  readonly namespaces!: readonly string[];
}

@ObjectType({ description: "A line of the delivery log at its place in a list." })
export class DeliveryLineEdge {
  @Field(() => String, { description: "Give it as `after` to go on behind this line." })
  readonly cursor!: string;

  @Field(() => DeliveryLine, { description: "The line." })
  readonly node!: DeliveryLine;
}

@ObjectType({ description: "A page of what destinations were told of a person, newest first." })
export class DeliveryLineConnection {
  @Field(() => [DeliveryLineEdge], { description: "The lines with their cursors." })
  readonly edges!: readonly DeliveryLineEdge[];

  @Field(() => [DeliveryLine], { description: "The lines alone." })
  readonly nodes!: readonly DeliveryLine[];

  @Field(() => PageInfo, { description: "Where this page stands." })
  readonly pageInfo!: PageInfo;

  @Field(() => Int, { description: "Lines that match, over all pages; at most 500 are kept of a person." })
  readonly totalCount!: number;
}

@ObjectType({ description: "Calls of a destination, and what became of its items." })
export class DeliveryCounts {
  @Field(() => Int, { description: "Calls made." })
  readonly requests!: number;

  @Field(() => Int, { description: "Calls that failed." })
  readonly failedRequests!: number;

  @Field(() => Int, { description: "Items delivered." })
  readonly delivered!: number;

  @Field(() => Int, { description: "Items taken into a job of the destination." })
  readonly accepted!: number;

  @Field(() => Int, { description: "Tries that are made again." })
  readonly retried!: number;

  @Field(() => Int, { description: "Items set aside." })
  readonly deadLettered!: number;
}

@ObjectType({ description: "How much waits at a destination." })
export class DeliveryBacklog {
  @Field(() => Int, { description: "Items that are not finished; at most 20,000 are counted." })
  readonly waiting!: number;

  @Field(() => Int, { description: "Items that could be told now." })
  readonly ready!: number;

  @Field(() => DateTime, { nullable: true, description: "Since when the oldest of the ready waits." })
  readonly oldestReadyAt?: string | undefined;

  @Field(() => DateTime, {
    nullable: true,
    description: "Since when deliveries are paused; null when they are not.",
  })
  readonly pausedAt?: string | undefined;

  @Field(() => String, { nullable: true, description: "Why deliveries are paused." })
  readonly pauseReason?: string | undefined;

  @Field(() => String, {
    nullable: true,
    description:
      "closed; open after failures in a row: nothing is sent for a while; probing: one call at a time decides. Null where another process delivers.",
  })
  readonly circuit?: string | undefined;

  @Field(() => DeliveryCounts, {
    nullable: true,
    description: "What was done since this process began. Null where another process delivers.",
  })
  readonly counts?: DeliveryCounts | undefined;
}

/** Whose log is wanted. */
@ArgsType()
export class DeliveryLogArgs {
  @Field(() => IdentityInput, { description: "Any identity of the person." })
  readonly identity!: IdentityInput;

  @Field(() => ID, { nullable: true, description: "Only this destination." })
  readonly destinationId?: string;

  @Field(() => Int, { defaultValue: 50, description: "Lines on this page, 1 to 1,000." })
  readonly first!: number;

  @Field(() => String, { nullable: true, description: "Cursor to go on behind." })
  readonly after?: string;
}
