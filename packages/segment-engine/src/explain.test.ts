import { readFileSync, writeFileSync } from "node:fs";
import type { AudienceDefinition, JsonObject } from "@tessera/xdm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definition, moments, someone } from "../test/definitions.ts";
import { compileAudiences, type ExplainedCondition, explainText, personOf } from "./index.ts";

interface Golden {
  readonly pql: string;
  readonly now?: string;
  readonly text: readonly string[];
}

const file = new URL("../conformance/explanations.json", import.meta.url);
const goldens = JSON.parse(readFileSync(file, "utf8")) as readonly Golden[];
const profiles = JSON.parse(
  readFileSync(new URL("../conformance/profiles.json", import.meta.url), "utf8"),
) as Record<string, JsonObject>;
const person = personOf(profiles["ada"]);

const audience = (id: string, value: string): AudienceDefinition => ({
  id,
  name: id,
  expression: { type: "PQL", format: "pql/text", value },
  evaluation: "batch",
  version: 1,
  excludeOptOut: false,
});

function explain(pql: string, now = "2026-03-10T12:00:00Z"): readonly string[] {
  const plan = compileAudiences([audience("asked", pql), audience("women", 'person.gender = "female"')]);
  if (!plan.ok || !person.ok) throw new Error(plan.ok ? "" : plan.error[0]?.message);
  const explanation = plan.value.explain("asked", person.value, Date.parse(now));
  if (!explanation.ok) throw new Error(explanation.error.message);
  return explainText(explanation.value).split("\n");
}

describe("explanations", () => {
  it.each(goldens)("$pql", (golden) => {
    expect(explain(golden.pql, golden.now)).toEqual(golden.text);
  });

  it("covers every construct, and is written anew with UPDATE_EXPLANATIONS=1", () => {
    if (process.env["UPDATE_EXPLANATIONS"] === "1") {
      const anew = goldens.map(({ pql, now }) => ({ pql, ...(now && { now }), text: explain(pql, now) }));
      writeFileSync(file, `${JSON.stringify(anew, undefined, 2)}\n`);
    }
    const all = goldens.map(({ pql }) => pql).join("\n");
    for (const construct of [
      " and ",
      " or ",
      "not(",
      "if(",
      "let ",
      "CHAIN",
      "COUNT",
      "inSegment",
      "exists",
      "forall",
      "occurs",
      ".count()",
      "sum ",
      " in [",
      "isNull",
      "[",
      ".get(",
      "select ",
      "topN",
      "bottomN",
      ".map(",
      "groupBy",
      "keys()",
      "values()",
      "distinct",
      "notIn",
      "intersects",
      "intersection",
      "subsetOf",
      "supersetOf",
      " like ",
      "matches",
      "regexGroup",
      "getYear",
      "currentMonth",
      "between",
      "=>",
      "$1",
      "^^",
      "not(B:",
    ])
      expect(all).toContain(construct);
  });

  it("agrees with the evaluation at every level, now and as of any time", () => {
    const check = (condition: ExplainedCondition): void => {
      const parts = condition.conditions.map(({ holds }) => holds);
      if (condition.kind === "all") expect(condition.holds).toBe(parts.every(Boolean));
      if (condition.kind === "any") expect(condition.holds).toBe(parts.some(Boolean));
      if (condition.kind === "not") expect(condition.holds).toBe(!parts[0]);
      condition.conditions.forEach(check);
    };
    fc.assert(
      fc.property(definition, someone, moments, (one, who, asked) => {
        const plan = compileAudiences([audience("a", one.text)]);
        if (!plan.ok) throw new Error(one.text);
        const events = who.events.map(({ at, type, amount }, index) => ({
          _id: `e${index}`,
          timestamp: new Date(at).toISOString(),
          eventType: type,
          ...(amount === undefined ? {} : { amount }),
        }));
        for (const now of asked) {
          const view = { attributes: who.attributes as JsonObject, events };
          const explanation = plan.value.explain("a", view, now);
          if (!explanation.ok) throw new Error(explanation.error.message);
          expect(explanation.value.member).toBe(one.holds(who, now));
          expect(explanation.value.because.holds).toBe(explanation.value.member);
          check(explanation.value.because);
          // A no says what would have to come true, a yes nothing.
          expect(explanation.value.missing.length > 0).toBe(!explanation.value.member);
        }
      }),
      { numRuns: 200 },
    );
  });
});
