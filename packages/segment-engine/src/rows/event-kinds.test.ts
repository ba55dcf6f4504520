import type { JsonObject } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compileAudiences } from "../plan.ts";
import { EvaluationContext } from "../evaluate/context.ts";
import { EventDispatch } from "./dispatch.ts";
import { EventKinds } from "./event-kinds.ts";
import { programOf } from "./program.ts";

const word = fc.constantFrom("a", "b", "B", "c");
const test = fc.oneof(
  fc.tuple(fc.constantFrom("eventType", "category", "web.page"), word).map(([f, w]) => `${f} = "${w}"`),
  fc.tuple(fc.constantFrom("eventType", "brand"), word).map(([f, w]) => `${f}.equals("${w}", false)`),
  fc.tuple(fc.constantFrom("category", "n"), word, word).map(([f, v, w]) => `${f} in ["${v}", "${w}"]`),
  fc.integer({ min: 0, max: 3 }).map((n) => `n > ${n}`),
);
const condition = fc.array(test, { minLength: 1, maxLength: 3 }).map((tests) => tests.join(" and "));
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const event = fc
  .record({
    eventType: maybe(word),
    category: maybe(word),
    brand: maybe(word),
    n: maybe(fc.nat(4)),
    page: word,
  })
  .map(({ page, ...rest }) => JSON.parse(JSON.stringify({ _id: "e", ...rest, web: { page } })) as JsonObject);

const ascending = (numbers: Iterable<number>): readonly number[] => [...numbers].sort((a, b) => a - b);

it("the kind of an event and what it is open to are the conditions it fulfils, however few junctions are made", () => {
  fc.assert(
    fc.property(
      fc.array(condition, { minLength: 1, maxLength: 8 }),
      fc.array(event, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(0, 4, 12, 10_000),
      (texts, events, limit) => {
        const plan = compileAudiences(
          texts.map((text, index) => ({
            id: `a${index}`,
            name: "",
            expression: { type: "PQL", format: "pql/text", value: `xEvent.exists(${text})` },
            evaluation: "streaming",
            version: 1,
          })),
        );
        if (!plan.ok) throw new Error(plan.error.map(({ message }) => message).join("\n"));
        const { conditions } = programOf(plan.value);
        const dispatch = new EventDispatch(conditions, new EvaluationContext());
        const kinds = new EventKinds<readonly number[]>(
          conditions,
          new EvaluationContext(),
          (own) => own,
          limit,
        );
        for (const one of events) {
          const kind = kinds.of(one);
          const found = [...kind.own, ...(kind.open ? kinds.more(kind, one).flat() : [])];
          const count = dispatch.match(one);
          expect(ascending(found)).toEqual(ascending(dispatch.found.subarray(0, count)));
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
