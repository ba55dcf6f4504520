import { Field, ObjectType } from "type-graphql";

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
