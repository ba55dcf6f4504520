import { formatInstant, parseInstant } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { instantOf } from "./calendar.ts";

const MOMENT = fc
  .integer({ min: Date.parse("0001-01-01T00:00:00Z"), max: Date.parse("9999-12-31T23:59:59Z") })
  .map(formatInstant);
const CHANGE = fc.record({
  at: fc.nat(23),
  by: fc.oneof(fc.constantFrom(..."0123456789/:-T.Z "), fc.string({ minLength: 0, maxLength: 2 })),
});

const careful = (text: string): number => {
  const read = parseInstant(text);
  return read.ok ? read.value : Number.NaN;
};

it("a moment, and any text near one, is read as the parser reads it", () => {
  fc.assert(
    fc.property(MOMENT, fc.array(CHANGE, { maxLength: 2 }), (moment, changes) => {
      let text = moment;
      for (const { at, by } of changes) text = text.slice(0, at) + by + text.slice(at + 1);
      expect(instantOf(text)).toBe(careful(text));
    }),
    { numRuns: 20_000 },
  );
});

it.each(["2026-02-29", "2024-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "0000-01-01", "2026-12-0&"])(
  "the day %s is read as the parser reads it",
  (day) => {
    const text = `${day}T01:02:03.004Z`;
    expect(instantOf(text)).toBe(careful(text));
  },
);
