import * as fc from "fast-check";
import { expect, it } from "vitest";
import { TextFinder } from "./text-finder.ts";

const letter = fc.constantFrom("a", "b", "@", "é", "\u{1F600}", "\ud83d");
const text = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(letter, { minLength, maxLength }).map((letters) => letters.join(""));

it("finds what each text is found by alone", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text: text(1, 4), atBeginning: fc.boolean() }), { maxLength: 12 }),
      fc.array(text(0, 12), { minLength: 1, maxLength: 6 }),
      (sought, texts) => {
        const finder = TextFinder.of(sought);
        for (const one of texts) {
          finder?.find(one);
          const expected = sought.map((each) =>
            Number(each.atBeginning ? one.startsWith(each.text) : one.includes(each.text)),
          );
          expect([...(finder?.found ?? [])]).toEqual(expected);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

it("is not made of more than fits into a table", () => {
  const sought = Array.from({ length: 2_000 }, (_, index) => ({
    text: `${String.fromCharCode(0x4e00 + index)}text`,
    atBeginning: index % 2 === 0,
  }));
  expect(TextFinder.of(sought)).toBeUndefined();
});
