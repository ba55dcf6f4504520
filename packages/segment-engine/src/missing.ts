import type { ExplainedCondition, Explanation } from "./explain.ts";

/**
 * What would make a no a yes, shortest first: all of it has to come true. Empty for a member. Where one of several would
 * do, they stand in one sentence.
 */
export function missingOf({
  member,
  refused,
  because,
}: Pick<Explanation, "member" | "refused" | "because">): readonly string[] {
  if (member) return [];
  const consent = refused ? ["the person's consent to be put into audiences"] : [];
  return [...new Set([...consent, ...missingFor(because)])];
}

function missingFor(condition: ExplainedCondition): readonly string[] {
  const { holds, kind, conditions, missing, text, values } = condition;
  if (holds) return [];
  const [first] = conditions;
  switch (kind) {
    case "all":
    case "let":
      return conditions.flatMap(missingFor);
    case "if":
      return conditions.slice(1).flatMap(missingFor);
    case "any":
      return [conditions.map((one) => missingFor(one).join(" and ")).join(", or ")];
    case "audience":
      return first === undefined ? [missing ?? text] : missingFor(first);
    case "sequence":
    case "not":
      return [missing ?? text];
    default: {
      const found = values.map(
        (one) => `${one.text} is ${one.value === null ? "missing" : JSON.stringify(one.value)}`,
      );
      if (found.length > 0) return [`${text}, where ${found.join(" and ")}`];
      return [missing === undefined ? text : `${missing}: ${text}`];
    }
  }
}
