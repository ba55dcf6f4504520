import { GraphQLError } from "graphql";
import { Field, ObjectType } from "type-graphql";
import { isObject, type Issue } from "@tessera/xdm";
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

/** What the work gives, or its expected failure as data. Failures that nobody expected stay errors. */
export async function orRefusal<T>(work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    const extensions = error instanceof GraphQLError ? error.extensions : {};
    const { code, issues } = extensions;
    if (!(error instanceof GraphQLError) || typeof code !== "string" || !EXPECTED.has(code)) throw error;
    const told = Array.isArray(issues) ? (issues as readonly Issue[]) : [];
    return { code, message: error.message, issues: told.map(issueOf) };
  }
}

/** Whether a member of a union is the refusal. */
export function isRefusal(value: unknown): value is Refusal {
  return isObject(value) && typeof value["code"] === "string" && Array.isArray(value["issues"]);
}
