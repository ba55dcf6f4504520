import { COMPUTED_DATASET } from "@tessera/profile-store";
import type { AudiencePlan, Pql } from "@tessera/segment-engine";
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
/** Fields of a person that do not come from their fragments, or not as they are evaluated. */
const ELSEWHERE = new Set(["segmentMembership", "identityMap", "xEvent", COMPUTED_DATASET]);
const OPERATORS = { "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte" } as const;
const MIRRORED = { "=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

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
  const paths = new Set<string>();
  const filters = audienceIds.map((id) => {
    const expression = plan.expressions.get(id);
    return expression === undefined ? undefined : necessary(expression, paths);
  });
  const some = anyOf(filters);
  // A body whose field names MongoDB cannot hold is stored as a text: the evaluation reads it.
  const match = some === undefined ? undefined : { $or: [some, { text: true }] };
  return {
    candidates: match === undefined ? undefined : { match, audienceIds },
    paths: match === undefined ? [] : [...paths].sort(),
  };
}

/** A filter that whoever meets the condition passes; undefined when that would be everybody. */
function necessary(condition: Pql, paths: Set<string>): Document | undefined {
  switch (condition.kind) {
    case "and": {
      const parts = condition.items.flatMap((item) => necessary(item, paths) ?? []);
      return parts.length < 2 ? parts[0] : { $and: parts };
    }
    case "or":
      return anyOf(condition.items.map((item) => necessary(item, paths)));
    case "compare": {
      const { op, left, right } = condition;
      return right.kind === "literal"
        ? compared(left, { op, value: right.value }, paths)
        : left.kind === "literal"
          ? compared(right, { op: MIRRORED[op], value: left.value }, paths)
          : undefined;
    }
    case "call":
      return condition.name === "in" ? contained(condition.args, paths) : undefined;
    default:
      return undefined;
  }
}

function compared(
  operand: Pql,
  { op, value }: { readonly op: keyof typeof MIRRORED; readonly value: unknown },
  paths: Set<string>,
): Document | undefined {
  const path = pathOf(operand);
  if (path === undefined || op === "!=" || !isFilterable(value)) return undefined;
  // Texts that look like times are compared as times by the evaluation, so their order is left to it.
  if (op !== "=" && typeof value !== "number") return undefined;
  paths.add(path);
  return { [`${ROOT}.${path}`]: op === "=" ? value : { [OPERATORS[op]]: value } };
}

function contained([operand, list]: readonly Pql[], paths: Set<string>): Document | undefined {
  const path = operand === undefined ? undefined : pathOf(operand);
  if (path === undefined || list?.kind !== "list") return undefined;
  const values = list.items.map((item) => (item.kind === "literal" ? item.value : undefined));
  if (!values.every(isFilterable)) return undefined;
  paths.add(path);
  return { [`${ROOT}.${path}`]: { $in: values } };
}

function anyOf(filters: readonly (Document | undefined)[]): Document | undefined {
  const known = filters.filter((filter) => filter !== undefined);
  if (known.length < filters.length || known.length === 0) return undefined;
  return known.length === 1 ? known[0] : { $or: known };
}

/** The dotted path of an attribute; undefined for anything else, and for names that mean something to MongoDB. */
function pathOf(operand: Pql): string | undefined {
  const names: string[] = [];
  let at = operand;
  for (; at.kind === "field"; at = at.object) names.unshift(at.name);
  const isAttribute = at.kind === "context" && at.levels === 0 && !ELSEWHERE.has(names[0] ?? "");
  const isPlain = names.length > 0 && names.every((name) => /^[^$.\0]+$/.test(name) && !/^\d+$/.test(name));
  return isAttribute && isPlain ? names.join(".") : undefined;
}

function isFilterable(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0");
  return (typeof value === "number" && Number.isFinite(value)) || typeof value === "boolean";
}
