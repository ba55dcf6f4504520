import { err, type Issue, ok, type Result } from "@tessera/xdm";
import { type BooleanRule, leavesOf, RuleError, RuleReader, ruleToPql } from "./rule-text.ts";

/**
 * A condition on how often, and how recently, any of some traits was realised.
 * A trait named alone means: realised at least once, ever.
 */
export interface TraitFrequency {
  readonly traits: readonly number[];
  /** In days before now: `<=` within the last days, `>=` at least that long ago. */
  readonly recency?: { readonly operator: "<=" | ">="; readonly days: number };
  readonly frequency: { readonly operator: ">=" | "<=" | "=="; readonly times: number };
}

/** The rule of a segment over the traits of a device or person. */
export type SegmentRule = BooleanRule<TraitFrequency>;

/**
 * Reads `24T AND (26T OR FREQUENCY([27T,28T] <= 5D) >= 3)`.
 * Source: Audience Manager "Code Syntax Used in the Segment Expression Editor".
 */
export function parseSegmentRule(text: string): Result<SegmentRule, Issue> {
  try {
    const reader = new RuleReader(text);
    return ok(reader.rule(() => frequency(reader)));
  } catch (error) {
    if (error instanceof RuleError) return err(error.issue);
    throw error;
  }
}

function frequency(reader: RuleReader): TraitFrequency {
  if (!reader.accept("FREQUENCY")) {
    return { traits: [trait(reader)], frequency: { operator: ">=", times: 1 } };
  }
  reader.expect("(");
  reader.expect("[");
  const traits = [trait(reader)];
  while (reader.accept(",")) traits.push(trait(reader));
  reader.expect("]");
  const sign = reader.peek();
  const recency =
    sign.value === "<=" || sign.value === ">="
      ? { operator: reader.take().value as "<=" | ">=", days: suffixed(reader, "D") }
      : undefined;
  reader.expect(")");
  const operator = reader.take();
  if (operator.value !== ">=" && operator.value !== "<=" && operator.value !== "==")
    throw new RuleError(operator.column, ">=, <= or ==");
  const times = reader.take();
  if (!/^\d{1,6}$/.test(times.value)) throw new RuleError(times.column, "a whole number of realisations");
  return {
    traits,
    ...(recency !== undefined && { recency }),
    frequency: { operator: operator.value, times: Number(times.value) },
  };
}

function trait(reader: RuleReader): number {
  return suffixed(reader, "T");
}

function suffixed(reader: RuleReader, suffix: "T" | "D"): number {
  const token = reader.take();
  const match = token.kind === "word" ? /^(\d{1,15})([TD])$/i.exec(token.value) : null;
  if (match === null || match[2]?.toUpperCase() !== suffix)
    throw new RuleError(token.column, suffix === "T" ? "a trait such as 24T" : "a number of days such as 5D");
  return Number(match[1]);
}

/** The traits a rule asks about. */
export function traitsOfSegment(rule: SegmentRule): readonly number[] {
  return [...new Set(leavesOf(rule).flatMap((leaf) => leaf.traits))].sort((a, b) => a - b);
}

/**
 * The rule as PQL over realisations, `xEvent` of `{ traitId, timestamp }`. `event` says what makes an event a
 * realisation of a trait; by default its field `traitId`.
 */
export function segmentRuleToPql(
  rule: SegmentRule,
  event: (traitId: number) => string = (traitId) => `traitId = ${traitId}`,
): string {
  return ruleToPql(rule, ({ traits, recency, frequency }) => {
    const which = traits.map((id) => `(${event(id)})`).join(" or ");
    const when =
      recency === undefined
        ? ""
        : ` and (timestamp occurs ${recency.operator} ${recency.days} days before now)`;
    const operator = frequency.operator === "==" ? "=" : frequency.operator;
    return `xEvent[(${which})${when}].count() ${operator} ${frequency.times}`;
  });
}
