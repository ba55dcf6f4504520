/** What an argument of a function may be. `each` is a condition or value worked out for each item of the list. */
export type ArgumentKind = "value" | "each" | "text" | "number" | "flag";

/** One function of the language: its written name and its arguments, the receiver of a method first. */
export interface FunctionSpec {
  readonly name: string;
  readonly form: "method" | "function" | "infix";
  readonly args: readonly ArgumentKind[];
  /** How many of `args` may be left out, from the end. */
  readonly optional: number;
  /** Whether the last argument may be repeated. */
  readonly repeat?: boolean;
  readonly family: "string" | "list" | "map" | "object" | "aggregation" | "time" | "membership" | "boolean";
}

const method = (
  family: FunctionSpec["family"],
  name: string,
  args: readonly ArgumentKind[],
  optional = 0,
): FunctionSpec => ({ name, form: "method", args: ["value", ...args], optional, family });
const fn = (
  family: FunctionSpec["family"],
  name: string,
  args: readonly ArgumentKind[],
  optional = 0,
): FunctionSpec => ({
  name,
  form: "function",
  args,
  optional,
  family,
});
const infix = (family: FunctionSpec["family"], name: string): FunctionSpec => ({
  name,
  form: "infix",
  args: ["value", "value"],
  optional: 0,
  family,
});

const SPECS: readonly FunctionSpec[] = [
  infix("string", "like"),
  method("string", "startsWith", ["value", "flag"], 1),
  method("string", "doesNotStartWith", ["value", "flag"], 1),
  method("string", "endsWith", ["value", "flag"], 1),
  method("string", "doesNotEndWith", ["value", "flag"], 1),
  method("string", "contains", ["value", "flag"], 1),
  method("string", "doesNotContain", ["value", "flag"], 1),
  { ...method("string", "equals", ["value"]), repeat: true },
  { ...method("string", "notEqualTo", ["value"]), repeat: true },
  method("string", "matches", ["value"]),
  method("string", "regexGroup", ["value", "number"], 1),
  infix("list", "in"),
  infix("list", "notIn"),
  method("list", "intersects", ["value"]),
  method("list", "intersection", ["value"]),
  method("list", "subsetOf", ["value"]),
  method("list", "supersetOf", ["value"]),
  method("list", "includes", ["value"]),
  method("list", "distinct", []),
  method("list", "groupBy", ["each"]),
  method("list", "filter", ["each"]),
  method("list", "map", ["each"]),
  method("list", "exists", ["each"], 1),
  method("list", "forall", ["each"]),
  method("list", "topN", ["each", "number"]),
  method("list", "bottomN", ["each", "number"]),
  method("list", "head", []),
  method("aggregation", "count", []),
  method("aggregation", "sum", ["each"], 1),
  method("aggregation", "average", ["each"], 1),
  method("aggregation", "min", ["each"], 1),
  method("aggregation", "max", ["each"], 1),
  method("map", "get", ["value"]),
  method("map", "keys", []),
  method("map", "values", []),
  fn("map", "mapEntry", ["value", "value"]),
  method("object", "isNull", []),
  method("object", "isNotNull", []),
  method("time", "getMonth", []),
  method("time", "getYear", []),
  method("time", "getDayOfMonth", []),
  fn("time", "currentMonth", []),
  fn("time", "currentYear", []),
  fn("time", "currentDayOfMonth", []),
  fn("time", "date", ["value", "value", "value"]),
  fn("membership", "inSegment", ["text", "text"], 1),
];

const BY_NAME: ReadonlyMap<string, FunctionSpec> = new Map(
  SPECS.map((spec) => [spec.name.toLowerCase(), spec]),
);

/** The function of a name, in whatever case it is written. */
export function functionNamed(name: string): FunctionSpec | undefined {
  return BY_NAME.get(name.toLowerCase());
}

/** The names of all functions, for "did you mean". */
export const FUNCTION_NAMES: readonly string[] = SPECS.map((spec) => spec.name);

/** The methods that may also be written between their sides, without a dot: `name matches "…"`. */
export const INFIX: ReadonlySet<string> = new Set(
  SPECS.filter(
    (spec) =>
      (spec.form === "infix" || spec.form === "method") && spec.args[1] === "value" && spec.name !== "get",
  ).map((spec) => spec.name.toLowerCase()),
);
