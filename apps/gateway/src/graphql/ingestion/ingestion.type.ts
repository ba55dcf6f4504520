import { Field, Int, ObjectType, registerEnumType } from "type-graphql";

/** What records do. */
export const RecordOperationEnum = { UPSERT: "upsert", MERGE: "merge", DELETE: "delete" } as const;

registerEnumType(RecordOperationEnum, {
  name: "RecordOperation",
  description: "What records do to what their dataset said of their identity before.",
  valuesConfig: {
    UPSERT: { description: "Take its place." },
    MERGE: { description: "Change some of its fields; null takes one away." },
    DELETE: { description: "End it." },
  },
});

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
