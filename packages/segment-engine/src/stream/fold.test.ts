import type { AudienceDefinition, ExperienceEvent } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compileAudiences } from "../plan.ts";
import { compileStream } from "./stream-plan.ts";

const HOUR = 3_600_000;
const START = Date.parse("2026-03-01T00:00:00.000Z");
const recent = (hours: number): string =>
  `xEvent[eventType = "buy" and timestamp occurs <= ${hours} hours before now]`;
const texts = [
  ...[6, 24, 96].flatMap((hours) =>
    [1, 5, 12, 30].map((least) => `${recent(hours)}.sum(amount) >= ${least}`),
  ),
  `xEvent[eventType = "buy"].sum(amount) >= 40`,
  `${recent(24)}.average(amount) > 2.5`,
];
const audiences = texts.map((value, index): AudienceDefinition => ({
  id: `a${index}`,
  name: "",
  expression: { type: "PQL", format: "pql/text", value },
  evaluation: "streaming",
  version: 1,
}));

const steps = fc.array(
  fc.record({
    after: fc.integer({ min: 1, max: 12 * HOUR }),
    amount: fc.option(fc.constantFrom(0.1, 0.2, 0.3, 1, 2.5, 4, -3), { nil: undefined }),
    kept: fc.boolean(),
  }),
  { minLength: 10, maxLength: 40 },
);

it("folds over more events than stand beside a window are those of the whole history, through storage too", () => {
  const plan = compileAudiences(audiences);
  if (!plan.ok) throw new Error(plan.error.map(({ message }) => message).join("\n"));
  const stream = compileStream(plan.value);
  fc.assert(
    fc.property(steps, (list) => {
      const events: ExperienceEvent[] = [];
      let state = stream.create({ attributes: {}, events: [] }, START);
      let at = START;
      for (const { after, amount, kept } of list) {
        at += after;
        const event: ExperienceEvent = {
          _id: `e${events.length}`,
          timestamp: new Date(at).toISOString(),
          eventType: "buy",
          ...(amount === undefined ? {} : { amount }),
        };
        events.push(event);
        stream.apply(state, { at, events: [event] });
        if (kept) {
          const read = stream.decode(stream.encode(state));
          if (read === undefined) throw new Error("Expected the state back.");
          expect(read.lists).toEqual(state.lists);
          state = read;
        }
        const person = { attributes: {}, events };
        expect(stream.members(state)).toEqual(plan.value.evaluate(person, at).members);
        expect(stream.members(stream.rebuild(person, at))).toEqual(stream.members(state));
      }
      stream.advance(state, { at: at + 50 * HOUR });
      expect(stream.members(state)).toEqual(
        plan.value.evaluate({ attributes: {}, events }, at + 50 * HOUR).members,
      );
    }),
    { numRuns: 200 },
  );
});
