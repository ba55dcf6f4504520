import { type AudienceExpression, err, type Issue, type Result } from "@tessera/xdm";
import type { Pql } from "./ast.ts";
import { readJson } from "./pql/from-json.ts";
import { parseForPlan } from "./pql/parse.ts";

/** Reads the expression of a definition, in either format. Where nodes stood in the text is not kept. */
export function readExpression(expression: AudienceExpression): Result<Pql, Issue[]> {
  if (expression.format === "pql/text") return parseForPlan(expression.value);
  if (expression.format === "pql/json") return readJson(expression.value);
  return err([
    {
      code: "audience.format",
      message: "Expected the format pql/text or pql/json. Say in which of the two the expression is written.",
      expected: "pql/text or pql/json",
      came: String((expression as { readonly format: unknown }).format),
    },
  ]);
}
