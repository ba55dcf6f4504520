import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { type BooleanRule, pqlString, RuleError, RuleReader, ruleToPql } from "./rule-text.ts";

/** The comparisons of a trait rule. `present` is a key named alone. */
export type SignalOperator =
  | "=="
  | "!="
  | ">"
  | "<"
  | ">="
  | "<="
  | "contains"
  | "startswith"
  | "endswith"
  | "matchesregex"
  | "matcheswords";

/** One condition on a signal. Order comparisons take numbers, the others texts. */
export interface SignalCondition {
  readonly key: string;
  readonly operator: SignalOperator;
  readonly value: string;
}

/** The rule of a rule-based or onboarded trait over the signals of one call. */
export type TraitRule = BooleanRule<SignalCondition>;

const NAMED = new Set<string>(["contains", "startswith", "endswith", "matchesregex", "matcheswords"]);
const SIGNS: { readonly [sign: string]: SignalOperator } = {
  "==": "==",
  "=": "==",
  "!=": "!=",
  ">": ">",
  "<": "<",
  ">=": ">=",
  "=>": ">=",
  "<=": "<=",
  "=<": "<=",
};

/** Reads `c_product == "camera" AND (price > 1000 OR c_name contains "pro")`. Keywords in any case. */
export function parseTraitRule(text: string): Result<TraitRule, Issue> {
  try {
    const reader = new RuleReader(text);
    return ok(reader.rule(() => condition(reader)));
  } catch (error) {
    if (error instanceof RuleError) return err(error.issue);
    throw error;
  }
}

function condition(reader: RuleReader): SignalCondition {
  const key = reader.take();
  if (key.kind !== "word" && key.kind !== "text") throw new RuleError(key.column, "the key of a signal");
  const sign = reader.take();
  const named = sign.value.toLowerCase();
  const operator = NAMED.has(named) ? (named as SignalOperator) : SIGNS[sign.value];
  if (operator === undefined || sign.kind === "text")
    throw new RuleError(
      sign.column,
      "==, !=, >, <, >=, <=, contains, startswith, endswith, matchesregex or matcheswords",
    );
  const value = reader.take();
  if (value.kind !== "word" && value.kind !== "text") throw new RuleError(value.column, "a value");
  if (isOrder(operator) && !isNumber(value.value))
    throw new RuleError(value.column, "a number to compare with");
  return { key: key.value, operator, value: value.value };
}

function isOrder(operator: SignalOperator): boolean {
  return operator === ">" || operator === "<" || operator === ">=" || operator === "<=";
}

/** Whether a signal value is read as a number: plain decimal notation. */
export function isNumber(text: string): boolean {
  return /^-?\d{1,15}(?:\.\d{1,10})?$/.test(text);
}

/**
 * The rule as PQL over a list of signals `{ key, value, number? }` found at `signals`, a path such as `signals` in
 * the profile of one call or `audienceManager.signals` in an event.
 *
 * A key may come with several values: a condition holds when one of them fulfils it, `!=` when the key is there and
 * none equals. Words match whole and in any order.
 */
export function traitRuleToPql(rule: TraitRule, signals: string): string {
  return ruleToPql(rule, ({ key, operator, value }) => {
    const some = (test: string): string => `${signals}.exists(key = ${pqlString(key)}${test})`;
    switch (operator) {
      case "==":
        return some(equality(value));
      case "!=":
        return `${some("")} and not (${some(equality(value))})`;
      case ">":
      case "<":
      case ">=":
      case "<=":
        return some(` and number ${operator} ${value}`);
      case "contains":
        return some(` and value.contains(${pqlString(value)})`);
      case "startswith":
        return some(` and value.startsWith(${pqlString(value)})`);
      case "endswith":
        return some(` and value.endsWith(${pqlString(value)})`);
      case "matchesregex":
        return some(` and value.matches(${pqlString(value)})`);
      case "matcheswords":
        return some(words(value));
    }
  });
}

/** Numbers are equal as numbers: `1.0` is `1`. */
function equality(value: string): string {
  return isNumber(value)
    ? ` and (value = ${pqlString(value)} or number = ${value})`
    : ` and value = ${pqlString(value)}`;
}

function words(value: string): string {
  return value
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "")
    .map((word) => ` and value.matches(${pqlString(`(^|[^\\p{L}\\p{N}])${word}($|[^\\p{L}\\p{N}])`)})`)
    .join("");
}
