import type { ExplainedCondition, Explanation } from "./explain.ts";

const HEADS = {
  all: "all of",
  any: "any of",
  not: "not",
  if: "if",
  let: "let",
  list: "",
  test: "",
  sequence: "",
  audience: "",
};

/**
 * An explanation as text, one condition a line, indented as the conditions are nested:
 * `yes` or `no`, the condition, the values and events that decided it, and for a no what is missing. At the end of a no,
 * one line for each thing that would have to come true.
 */
export function explainText(explanation: Explanation): string {
  const member = explanation.member ? "is a member" : "is not a member";
  const lines = [`${explanation.audienceId}: ${member} at ${explanation.at}`];
  if (explanation.refused) lines.push("no   consent: the person refuses to be put into audiences");
  write(explanation.because, 0, lines);
  for (const missing of explanation.missing) lines.push(`missing: ${missing}`);
  return lines.join("\n");
}

function write(condition: ExplainedCondition, depth: number, lines: string[]): void {
  const head = HEADS[condition.kind];
  const parts = [
    `${"  ".repeat(depth)}${condition.holds ? "yes" : "no "}  ${head === "" ? condition.text : head}`,
  ];
  const values = condition.values.map(
    (one) => `${one.text} is ${one.value === null ? "missing" : JSON.stringify(one.value)}`,
  );
  if (values.length > 0) parts.push(`[${values.join("; ")}]`);
  if (condition.events.length > 0) parts.push(`(events ${condition.events.join(", ")})`);
  if (condition.missing !== undefined) parts.push(`-- missing: ${condition.missing}`);
  lines.push(parts.join(" "));
  for (const inner of condition.conditions) write(inner, depth + 1, lines);
}
