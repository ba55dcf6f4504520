import type { Quantifier } from "../ast.ts";

/** The operators that compare. */
export const COMPARISONS: ReadonlySet<string> = new Set(["=", "!=", "<", "<=", ">", ">="]);
/** The operators that calculate. */
export const ARITHMETIC: ReadonlySet<string> = new Set(["+", "-", "*", "/", "%"]);
/** The quantifiers, by the words of both dialects. */
export const QUANTIFIERS: Readonly<Record<string, Quantifier>> = {
  some: "exists",
  exists: "exists",
  all: "forall",
  forall: "forall",
  none: "none",
  one: "one",
};
/** The functions of an `aggregate` node. */
export const AGGREGATIONS: ReadonlySet<string> = new Set(["count", "sum", "average", "min", "max"]);
