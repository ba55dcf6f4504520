import { Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import { JobType } from "../job/job.type.ts";
import { IssueType } from "../audience/audience.type.ts";
import { DateTime, Json, JsonObjectScalar } from "../scalars.ts";

@ObjectType("DestinationCapabilities", {
  description: "What a destination takes; its settings may narrow it.",
})
export class DestinationCapabilitiesType {
  @Field(() => [String], {
    nullable: true,
    description: "Identity namespaces that it takes; null where it takes all.",
  })
  readonly namespaces!: readonly string[] | undefined;

  @Field(() => [String], { description: "Namespaces of which a mapping needs at least one; empty: none." })
  readonly requiredNamespaces!: readonly string[];

  @Field(() => Int, { nullable: true, description: "Records in one call at most; null: no bound." })
  readonly batchMax!: number | undefined;

  @Field(() => Boolean, { description: "Whether exits are sent." })
  readonly removals!: boolean;

  @Field(() => Boolean, { description: "Whether mapped attributes are sent." })
  readonly attributes!: boolean;

  @Field(() => Boolean, { description: "Whether it is told which audiences there are." })
  readonly audienceDefinitions!: boolean;

  @Field(() => Boolean, { description: "Whether members from before the mapping are sent when it is made." })
  readonly backfill!: boolean;

  @Field(() => Float, { nullable: true, description: "Calls a second at most; null: no bound." })
  readonly requestsPerSecond!: number | undefined;

  @Field(() => [String], { description: "What its use stands for, to data usage policies and consents." })
  readonly marketingActions!: readonly string[];
}

@ObjectType({ description: "A kind of destination, and how it is set up." })
export class DestinationKindType {
  @Field(() => String, { description: "Give it as `type` when making a destination." })
  readonly type!: string;

  @Field(() => String, { description: "Name for people." })
  readonly title!: string;

  @Field(() => String, { description: "What it does." })
  readonly description!: string;

  @Field(() => String, {
    description: "profile-request, streaming-audience, streaming-profile or batch-file.",
  })
  readonly kind!: string;

  @Field(() => Json, { description: "JSON Schema of the settings." })
  readonly settings!: object;

  @Field(() => DestinationCapabilitiesType, { description: "What destinations of this kind take." })
  readonly capabilities!: DestinationCapabilitiesType;
}

@InputType({ description: "What a destination is made from." })
export class CreateDestinationInput {
  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => String, { description: "A type of `destinationKinds`." })
  readonly type!: string;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description:
      "Settings of the type, {} without it. Secrets are named, {secret: name}, and never stand here themselves.",
  })
  readonly settings?: object;
}

@InputType({ description: "What a destination is to be; what is left out stays as it is." })
export class UpdateDestinationInput {
  @Field(() => ID, { description: "The destination." })
  readonly id!: string;

  @Field(() => String, { nullable: true, description: "Name for people." })
  readonly name?: string;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description:
      "Settings to change, by name; null takes one out. A secret is rotated by naming another one, {secret: name}; its value never stands here.",
  })
  readonly settings?: object;
}

@ObjectType({ description: "A destination or dataflow that is removed." })
export class Removal {
  @Field(() => ID, { description: "What is removed." })
  readonly id!: string;

  @Field(() => ID, { description: "The destination." })
  readonly destinationId!: string;

  @Field(() => String, { description: "deleted, or leaving while something still waits to be told." })
  readonly status!: string;

  @Field(() => Boolean, { description: "Whether members are told to leave." })
  readonly exits!: boolean;

  @Field(() => Int, { description: "Items that wait at the destination, exits among them." })
  readonly waiting!: number;
}

@ObjectType({ description: "An audience on its way to a destination." })
export class DataflowAudience {
  @Field(() => ID, { description: "Id of the audience." })
  readonly id!: string;

  @Field(() => String, { description: "Its name." })
  readonly name!: string;

  @Field(() => DateTime, { nullable: true, description: "Since when." })
  readonly startsAt!: string | undefined;

  @Field(() => DateTime, { nullable: true, description: "Until when." })
  readonly endsAt!: string | undefined;

  @Field(() => Json, {
    nullable: true,
    description: "When files are written; null for streaming, and for files on demand.",
  })
  readonly schedule!: object | undefined;
}

@ObjectType({ description: "What goes to a destination: which audiences, under which names." })
export class DataflowType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => ID, { description: "Where it goes." })
  readonly destinationId!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => [DataflowAudience], { description: "What is activated." })
  readonly audiences!: readonly DataflowAudience[];

  @Field(() => Json, { description: "Source to target fields." })
  readonly mapping!: object;

  @Field(() => Boolean, { description: "Whether anything is told." })
  readonly enabled!: boolean;
}

@ObjectType({ description: "A place that audiences are told to." })
export class Destination {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => String, { description: "Type in the catalogue." })
  readonly type!: string;

  @Field(() => String, {
    description: "profile-request, streaming-audience, streaming-profile or batch-file.",
  })
  readonly kind!: string;

  @Field(() => String, {
    description:
      "enabled; disabled when nothing is told to it; leaving while it is removed and something still waits for it.",
  })
  readonly status!: string;

  @Field(() => JsonObjectScalar, { description: "Its settings; secrets by name only." })
  readonly settings!: object;

  @Field(() => DestinationCapabilitiesType, { description: "What it takes, as its settings have it." })
  readonly capabilities!: DestinationCapabilitiesType;

  @Field(() => DateTime, { description: "When it was made." })
  readonly createdAt!: string;

  @Field(() => [DataflowType], { description: "What goes there." })
  readonly dataflows!: readonly DataflowType[];
}

@InputType({ description: "Which audiences go to a destination." })
export class ActivateAudiencesInput {
  @Field(() => ID, { description: "Where to." })
  readonly destinationId!: string;

  @Field(() => [ID], { description: "Published audiences." })
  readonly audienceIds!: readonly string[];

  @Field(() => [JsonObjectScalar], {
    nullable: true,
    description:
      'Fields to send: [{source: {kind: "attribute", path} | {kind: "identity", namespace} | {kind: "pql", expression} | {kind: "membership-status"}, target}].',
  })
  readonly mapping?: readonly object[];

  @Field(() => String, { nullable: true, description: "Name of the dataflow." })
  readonly name?: string;
}

@ObjectType({ description: "A file that was written." })
export class ExportedFile {
  @Field(() => String, { description: "Its name." })
  readonly name!: string;

  @Field(() => String, { nullable: true, description: "Where it is; null when it could not be written." })
  readonly location!: string | undefined;

  @Field(() => Int, { description: "Rows in it." })
  readonly rows!: number;

  @Field(() => Int, { nullable: true, description: "Its size in bytes; null when it could not be written." })
  readonly bytes!: number | undefined;

  @Field(() => String, { nullable: true, description: "Why it could not be written." })
  readonly failure!: string | undefined;
}

@ObjectType({ description: "What activating brought about." })
export class Activation {
  @Field(() => ID, { description: "The dataflow, new or extended." })
  readonly dataflowId!: string;

  @Field(() => ID, { description: "The same as dataflowId." })
  readonly id!: string;

  @Field(() => ID, { description: "Where to." })
  readonly destinationId!: string;

  @Field(() => [ID], { description: "All audiences of the dataflow." })
  readonly audienceIds!: readonly string[];

  @Field(() => String, { description: "enabled." })
  readonly status!: string;

  @Field(() => DataflowType, { description: "The dataflow." })
  readonly dataflow!: DataflowType;

  @Field(() => [IssueType], { description: "Soft limits that it exceeds, with what that means." })
  readonly warnings!: readonly IssueType[];

  @Field(() => [ExportedFile], {
    description: "For file destinations: the first files; none while a job is still writing them.",
  })
  readonly files!: readonly ExportedFile[];

  @Field(() => JobType, {
    nullable: true,
    description:
      "The job that is still telling the members, or writing the files; null when that is done. Cancelled, members who are left are told with the next change of the dataflow or at the next start.",
  })
  readonly job!: JobType | undefined;
}
