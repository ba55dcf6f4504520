import { Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import { DateTime } from "../scalars.ts";

@InputType({ description: "One part of a split." })
export class SplitPartInput {
  @Field(() => String, { description: "Its name; the audience is called after it." })
  readonly name!: string;

  @Field(() => Float, { nullable: true, description: "Of a split by percentage: its share, of 100." })
  readonly percent?: number;

  @Field(() => [String], {
    nullable: true,
    description: "Of a split by a field: the values that lead here; the first part that fits takes a person.",
  })
  readonly values?: string[];
}

@InputType({ description: "Keeps the first persons by a number." })
export class RankInput {
  @Field(() => String, { description: "The field that holds the number, with dots." })
  readonly path!: string;

  @Field(() => String, { defaultValue: "descending", description: "descending or ascending." })
  readonly order!: string;

  @Field(() => Int, { description: "How many persons are kept, 1 or more." })
  readonly limit!: number;
}

@InputType({
  description:
    "What a composition is made from. Either split or rank, or neither: then it becomes one audience.",
})
export class CompositionInput {
  @Field(() => String, { description: "Its name; without a split also that of its audience." })
  readonly name!: string;

  @Field(() => String, { nullable: true, description: "For people." })
  readonly description?: string;

  @Field(() => String, {
    defaultValue: "union",
    description:
      "What the audiences become: union, intersect, or exclude-overlap (in one of them and no other).",
  })
  readonly start!: string;

  @Field(() => [ID], { description: "Published audiences to start with." })
  readonly audienceIds!: string[];

  @Field(() => [ID], { defaultValue: [], description: "Published audiences to take out." })
  readonly excludeIds!: string[];

  @Field(() => [SplitPartInput], {
    nullable: true,
    description: "The parts; a person is in one of them at most.",
  })
  readonly split?: SplitPartInput[];

  @Field(() => String, {
    nullable: true,
    description: "The text field to split by, with dots; by percentage without it, sticky for each person.",
  })
  readonly splitBy?: string;

  @Field(() => RankInput, { nullable: true, description: "Keeps the first persons by a number." })
  readonly rank?: RankInput;
}

@ObjectType({ description: "A part of a composition, and the audience it becomes." })
export class CompositionPart {
  @Field(() => String, { description: "The part." })
  readonly name!: string;

  @Field(() => ID, { description: "Its audience: it is evaluated, scheduled and activated like any other." })
  readonly audienceId!: string;

  @Field(() => Int, { description: "Number of members, as of the last evaluation." })
  readonly count!: number;

  @Field(() => Float, { nullable: true, description: "Of a split by percentage: its share, of 100." })
  readonly percent!: number | undefined;

  @Field(() => [String], { nullable: true, description: "Of a split by a field: the values that lead here." })
  readonly values!: readonly string[] | undefined;
}

@ObjectType("Composition", { description: "Audiences made of audiences." })
export class CompositionType {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "For people." })
  readonly name!: string;

  @Field(() => String, { nullable: true, description: "For people." })
  readonly description!: string | undefined;

  @Field(() => String, { description: "union, intersect or exclude-overlap." })
  readonly start!: string;

  @Field(() => [ID], { description: "The audiences it starts with." })
  readonly audienceIds!: readonly string[];

  @Field(() => [ID], { description: "The audiences that are taken out." })
  readonly excludeIds!: readonly string[];

  @Field(() => String, { description: "save, split-percent, split-attribute or rank." })
  readonly end!: string;

  @Field(() => [CompositionPart], { description: "What comes out." })
  readonly parts!: readonly CompositionPart[];

  @Field(() => Int, { description: "Grows with each edit." })
  readonly version!: number;

  @Field(() => DateTime, { description: "When it was made." })
  readonly createdAt!: string;

  @Field(() => DateTime, { description: "When it was last edited." })
  readonly updatedAt!: string;
}
