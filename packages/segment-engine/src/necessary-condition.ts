import type { AttributeCondition } from "@tessera/xdm";
import type { Comparison, Pql } from "./ast.ts";
import { printPql } from "./pql/print.ts";

const MIRRORED = { "=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

/**
 * What must hold of the attributes of everyone who meets a query, as far as an index could tell: comparisons with
 * numbers, equality and `in` with texts, numbers and booleans, joined with `and` and `or`, of those paths that `isUsable`
 * lets through. Undefined when that would be true of everybody. Whoever meets it need not meet the query.
 */
export function necessaryCondition(
  query: Pql,
  isUsable: (path: string) => boolean = () => true,
): AttributeCondition | undefined {
  const of = (operand: Pql | undefined): string | undefined => {
    const path = operand === undefined ? undefined : pathOf(operand);
    return path !== undefined && isUsable(path) ? path : undefined;
  };
  switch (query.kind) {
    case "and": {
      const parts = query.items.flatMap((item) => necessaryCondition(item, isUsable) ?? []);
      return parts.length < 2 ? parts[0] : { kind: "all", of: parts };
    }
    case "or": {
      const parts = query.items.flatMap((item) => necessaryCondition(item, isUsable) ?? []);
      return parts.length < query.items.length ? undefined : { kind: "any", of: parts };
    }
    case "compare": {
      const { op, left, right } = query;
      if (right.kind === "literal") return compared(of(left), op, right.value);
      return left.kind === "literal" ? compared(of(right), MIRRORED[op], left.value) : undefined;
    }
    case "call": {
      const [operand, list] = query.args;
      const path = query.name === "in" ? of(operand) : undefined;
      if (path === undefined || list?.kind !== "list") return undefined;
      const values = list.items.map((item) => (item.kind === "literal" ? item.value : undefined));
      return values.every(isFilterable) ? { kind: "in", path, values } : undefined;
    }
    default:
      return undefined;
  }
}

/** The paths of a condition, sorted. */
export function pathsOfCondition(condition: AttributeCondition): readonly string[] {
  return "of" in condition ? [...new Set(condition.of.flatMap(pathsOfCondition))].sort() : [condition.path];
}

/** A condition as a query. */
export function conditionText(condition: AttributeCondition): string {
  return printPql(queryOf(condition));
}

function queryOf(condition: AttributeCondition): Pql {
  switch (condition.kind) {
    case "all":
      return { kind: "and", items: condition.of.map(queryOf) };
    case "any":
      return { kind: "or", items: condition.of.map(queryOf) };
    case "compare":
      return {
        kind: "compare",
        op: condition.op,
        left: fieldOf(condition.path),
        right: literalOf(condition.value),
      };
    case "in": {
      const [first, ...others] = condition.values;
      return first !== undefined && others.length === 0
        ? { kind: "compare", op: "=", left: fieldOf(condition.path), right: literalOf(first) }
        : {
            kind: "call",
            name: "in",
            args: [fieldOf(condition.path), { kind: "list", items: condition.values.map(literalOf) }],
          };
    }
  }
}

function fieldOf(path: string): Pql {
  return path
    .split(".")
    .reduce<Pql>((object, name) => ({ kind: "field", object, name }), { kind: "context", levels: 0 });
}

function literalOf(value: string | number | boolean): Pql {
  if (typeof value === "string") return { kind: "literal", type: "String", value };
  if (typeof value === "boolean") return { kind: "literal", type: "Boolean", value };
  return { kind: "literal", type: Number.isInteger(value) ? "Integer" : "Double", value };
}

function compared(path: string | undefined, op: Comparison, value: unknown): AttributeCondition | undefined {
  if (path === undefined || op === "!=" || !isFilterable(value)) return undefined;
  if (op === "=") return { kind: "in", path, values: [value] };
  // Texts that look like times are compared as times by the evaluation, so their order is left to it.
  return typeof value === "number" ? { kind: "compare", path, op, value } : undefined;
}

/** The dotted path of an attribute; undefined for anything else, and for names that mean something to a database. */
function pathOf(operand: Pql): string | undefined {
  const names: string[] = [];
  let at = operand;
  for (; at.kind === "field"; at = at.object) names.unshift(at.name);
  const isAttribute = at.kind === "context" && at.levels === 0 && !ELSEWHERE.has(names[0] ?? "");
  const isPlain = names.length > 0 && names.every((name) => /^[^$.\0]+$/.test(name) && !/^\d+$/.test(name));
  return isAttribute && isPlain ? names.join(".") : undefined;
}

/** Fields of a person that do not come from what was said of them, or not as they are evaluated. */
const ELSEWHERE = new Set(["segmentMembership", "identityMap", "xEvent", "SystemComputedAttribute"]);

function isFilterable(value: unknown): value is string | number | boolean {
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0");
  return (typeof value === "number" && Number.isFinite(value)) || typeof value === "boolean";
}
