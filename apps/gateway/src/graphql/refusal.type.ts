import { GraphQLError } from "graphql";
import { Field, ObjectType } from "type-graphql";
import type { Issue } from "@tessera/xdm";
import { issueOf } from "./audience/audience.mapper.ts";
import { IssueType } from "./audience/audience.type.ts";

@ObjectType({ description: "An expected failure as data: nothing was changed." })
export class Refusal {
  @Field(() => String, {
    description: "BAD_USER_INPUT, NOT_FOUND, CONFLICT, FORBIDDEN, UNAVAILABLE or TOO_MUCH.",
  })
  readonly code!: string;

  @Field(() => String, { description: "In words." })
  readonly message!: string;

  @Field(() => [IssueType], { description: "All that is wrong, each with its own code and place." })
  readonly issues!: readonly IssueType[];
}

const EXPECTED = new Set(["BAD_USER_INPUT", "NOT_FOUND", "CONFLICT", "FORBIDDEN", "UNAVAILABLE", "TOO_MUCH"]);

/** An expected failure as data; `undefined` for one that nobody expected, which stays an error. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof GraphQLError)) return undefined;
  const { code, issues } = error.extensions;
  if (typeof code !== "string" || !EXPECTED.has(code)) return undefined;
  const told = Array.isArray(issues) ? (issues as readonly Issue[]) : [];
  return { code, message: error.message, issues: told.map(issueOf) };
}
