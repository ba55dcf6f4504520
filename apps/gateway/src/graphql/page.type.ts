import { ArgsType, Field, Int, ObjectType } from "type-graphql";

@ObjectType({ description: "Where a page of a list stands." })
export class PageInfo {
  @Field(() => Boolean, { description: "Whether there is more behind this page." })
  readonly hasNextPage!: boolean;

  @Field(() => Boolean, { description: "Whether there is more before this page." })
  readonly hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: "Cursor of the first item of this page." })
  readonly startCursor!: string | undefined;

  @Field(() => String, { nullable: true, description: "Cursor of the last item of this page." })
  readonly endCursor!: string | undefined;
}

/** Which page of a list is asked for. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 50, description: "How many on this page, 1 to 1,000." })
  readonly first!: number;

  @Field(() => String, { nullable: true, description: "Cursor to go on behind." })
  readonly after?: string;
}
