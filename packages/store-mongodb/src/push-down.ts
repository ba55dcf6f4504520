import { type AudiencePlan, necessaryCondition, pathsOfCondition } from "@tessera/segment-engine";
import type { AttributeCondition } from "@tessera/xdm";
import type { Document } from "mongodb";
import type { Candidates } from "./person-part.ts";

/** What MongoDB can filter of some audiences. */
export interface PushedDown {
  /** Whom to look at; undefined when for one of the audiences everybody has to be looked at. */
  readonly candidates: Candidates | undefined;
  /** The attributes that the filter asks for: worth an index each. */
  readonly paths: readonly string[];
}

const ROOT = "fragments.body";
const OPERATORS = { "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte" } as const;

/**
 * Compiles audiences of a plan to a filter on the fragments of persons. It is a necessary condition: whoever is in one
 * of the audiences has a fragment that meets it, since every value of a merged profile comes from some fragment. The
 * embedded evaluation of the persons that are left decides. Pushed down are comparisons of attributes with numbers, and
 * equality and `in` with texts, numbers and booleans, joined with `and` and `or`; whatever else is asked is left to the
 * evaluation.
 */
export function pushDown(
  plan: Pick<AudiencePlan, "expressions">,
  audienceIds: readonly string[],
): PushedDown {
  const conditions = audienceIds.map((id) => {
    const expression = plan.expressions.get(id);
    return expression === undefined ? undefined : necessaryCondition(expression);
  });
  const known = conditions.filter((condition) => condition !== undefined);
  if (known.length < conditions.length || known.length === 0) return { candidates: undefined, paths: [] };
  const [only, ...others] = known;
  const some: AttributeCondition =
    only !== undefined && others.length === 0 ? only : { kind: "any", of: known };
  return { candidates: { match: fragmentFilter(some), audienceIds }, paths: pathsOfCondition(some) };
}

/** A filter that the fragments of everyone pass of whom some fragment meets each part of the condition. */
export function fragmentFilter(condition: AttributeCondition): Document {
  // A body whose field names MongoDB cannot hold is stored as a text: the evaluation reads it.
  return { $or: [filterOf(condition), { text: true }] };
}

/** Where the values of an attribute lie in a document of fragments. */
export function fragmentField(path: string): string {
  return `${ROOT}.${path}`;
}

function filterOf(condition: AttributeCondition): Document {
  switch (condition.kind) {
    case "all":
      return { $and: condition.of.map(filterOf) };
    case "any":
      return { $or: condition.of.map(filterOf) };
    case "compare":
      return { [fragmentField(condition.path)]: { [OPERATORS[condition.op]]: condition.value } };
    case "in": {
      const [first, ...others] = condition.values;
      return {
        [fragmentField(condition.path)]: others.length === 0 ? first : { $in: [...condition.values] },
      };
    }
  }
}
