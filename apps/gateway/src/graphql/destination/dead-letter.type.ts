import { ArgsType, Field, ID, InputType, ObjectType } from "type-graphql";
import { IdentityInput } from "../identity/identity.type.ts";
import { DateTime, JsonObjectScalar } from "../scalars.ts";
import { DeliveredChange } from "./dataflow.type.ts";
import { ExportedFile } from "./destination.type.ts";

@InputType({ description: "Which dead letters: all that is given must hold." })
export class DeadLetterFilter {
  @Field(() => [String], { nullable: true, description: "Set aside for one of these reasons." })
  readonly codes?: string[];

  @Field(() => ID, { nullable: true, description: "Of one dataflow." })
  readonly dataflowId?: string;

  @Field(() => IdentityInput, { nullable: true, description: "About the person who has this identity." })
  readonly identity?: IdentityInput;

  @Field(() => DateTime, { nullable: true, description: "Set aside at this time or later." })
  readonly since?: Date;
}

@ObjectType("DeadLetter", { description: "A record that a destination will not take as it is." })
export class DeadLetterType {
  @Field(() => ID, { description: "Id of the item." })
  readonly id!: string;

  @Field(() => DateTime, { description: "When it was set aside." })
  readonly at!: string;

  @Field(() => String, { description: "Why, as a stable code." })
  readonly code!: string;

  @Field(() => String, { nullable: true, description: "Why, for the operator." })
  readonly detail!: string | undefined;

  @Field(() => [String], { description: "The persons it tells about." })
  readonly persons!: readonly string[];

  @Field(() => ID, { description: "By which dataflow it was told." })
  readonly dataflowId!: string;

  @Field(() => [DeliveredChange], { description: "Audiences entered and left." })
  readonly changes!: readonly DeliveredChange[];

  @Field(() => [String], { description: "Target fields that carry a value, for `attributes` of a replay." })
  readonly fields!: readonly string[];

  @Field(() => [String], { description: "Namespaces of the identities it carries." })
  readonly namespaces!: readonly string[];
}

@ObjectType({ description: "What became of dead letters that were sent again." })
export class ReplayReport {
  @Field(() => [ID], { description: "Sent again." })
  readonly replayed!: readonly string[];

  @Field(() => [ID], { description: "Left out: the destination was told something newer since." })
  readonly superseded!: readonly string[];

  @Field(() => [ID], { description: "Left where they are: their dataflow is gone." })
  readonly left!: readonly string[];

  @Field(() => [ExportedFile], { description: "For file destinations: the files they were written to." })
  readonly files!: readonly ExportedFile[];
}

/** Which dead letters are sent again, and how they are mended. */
@ArgsType()
export class ReplayArgs {
  @Field(() => ID, { description: "The destination." })
  readonly destinationId!: string;

  @Field(() => [ID], { nullable: true, description: "Only these items." })
  readonly ids?: string[];

  @Field(() => DeadLetterFilter, { nullable: true, description: "Only those that it lets through." })
  readonly filter?: DeadLetterFilter;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description:
      "Mends them: values by target field that take the place of what was sent; null takes one out.",
  })
  readonly attributes?: object;
}
