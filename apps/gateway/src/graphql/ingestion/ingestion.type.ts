import { Field, Int, ObjectType } from "type-graphql";

@ObjectType({ description: "One thing said about one item of a request." })
export class ItemNotice {
  @Field(() => Int, { description: "Position of the item in the request, from 0." })
  readonly index!: number;

  @Field(() => String, { description: "Stable code." })
  readonly code!: string;

  @Field(() => String, { description: "What was expected, what came and what to do." })
  readonly message!: string;
}

@ObjectType({ description: "What became of a batch. What is accepted is durable." })
export class IngestReport {
  @Field(() => Int, { description: "Items that were new and are committed." })
  readonly accepted!: number;

  @Field(() => Int, { description: "Items that were known already; they changed nothing." })
  readonly duplicates!: number;

  @Field(() => [ItemNotice], { description: "Items that were refused, each with its reason." })
  readonly rejected!: readonly ItemNotice[];

  @Field(() => [ItemNotice], { description: "What was left out of items that were taken." })
  readonly warnings!: readonly ItemNotice[];
}
