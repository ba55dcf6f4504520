import type { AudienceDefinition, JsonObject } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compileColumns } from "../columns/column-plan.ts";
import { Columns } from "../columns/columns.ts";
import { compileAudiences } from "../plan.ts";
import { compileRows } from "./row-plan.ts";
import { hasMember } from "./sliced.ts";

const word = fc.array(fc.constantFrom("a", "b", "A", "@"), { maxLength: 3 }).map((all) => all.join(""));
const functions = [
  "startsWith",
  "doesNotStartWith",
  "endsWith",
  "doesNotEndWith",
  "contains",
  "doesNotContain",
];
const test = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom(...functions), word).map(([f, w]) => `mail.${f}("${w}")`),
  },
  word.map((w) => `mail = "${w}"`),
  word.map((w) => `mail.equals("${w}", false)`),
  fc.tuple(fc.constantFrom("<", ">=", "!="), fc.nat(3)).map(([op, n]) => `mail ${op} ${n}`),
  fc.constant("mail.isNull()"),
);
const value = fc.oneof(
  { weight: 6, arbitrary: fc.array(word, { maxLength: 3 }).map((words) => words.join("")) },
  fc.integer({ min: -1, max: 4 }),
  fc.constantFrom(undefined, true, null, ["ab", "b"], { a: 1 }),
);

it("all tests of one path together say what each says alone, by rows and by columns", () => {
  fc.assert(
    fc.property(
      fc.array(test, { minLength: 1, maxLength: 10 }),
      fc.array(value, { minLength: 1, maxLength: 20 }),
      (texts, values) => {
        const plan = compileAudiences(
          texts.map((text, index): AudienceDefinition => ({
            id: `a${index}`,
            name: "",
            expression: { type: "PQL", format: "pql/text", value: text },
            evaluation: "batch",
            version: 1,
            excludeOptOut: false,
          })),
        );
        if (!plan.ok) throw new Error(plan.error.map(({ message }) => message).join("\n"));
        const persons = values.map((mail) => ({
          attributes: (mail === undefined ? {} : { mail }) as JsonObject,
          events: [],
        }));
        const bits = compileRows(plan.value).evaluate(persons, 0);
        const columnPlan = compileColumns(plan.value);
        const columns = new Columns(columnPlan.layout);
        for (const person of persons) columns.put(person);
        const [part] = [...columnPlan.evaluate(columns, 0)];
        persons.forEach((person, index) => {
          const expected = plan.value.evaluate(person, 0).members;
          const membersOf = (all: typeof bits | undefined): ReadonlySet<string> =>
            new Set(
              plan.value.audiences.flatMap(({ id }, audience) =>
                all !== undefined && hasMember(all, audience, index) ? [id] : [],
              ),
            );
          expect(membersOf(bits)).toEqual(expected);
          expect(membersOf(part?.bits)).toEqual(expected);
        });
      },
    ),
    { numRuns: 1_000 },
  );
});
