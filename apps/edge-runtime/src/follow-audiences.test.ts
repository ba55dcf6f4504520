import { compileAudiences } from "@tessera/segment-engine";
import type { AudienceDefinition, ExperienceEvent } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createFollower } from "./follow-audiences.ts";

const HOUR = 3_600_000;
const START = Date.parse("2026-01-31T12:00:00Z");
const within = (type: string, hours: number): string =>
  `CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("${type}", false)) WHEN(<= ${hours} hours before now)])`;

const audiences = [
  within("a", 1),
  within("b", 24),
  `loyalty.tier.equals("gold", false) and ${within("a", 3)}`,
  `inSegment("batch") and ${within("c", 2)}`,
  `not(${within("a", 2)}) and loyalty.tier.equals("gold", false)`,
].map((value, index): AudienceDefinition => ({
  id: `audience-${index}`,
  name: `${index}`,
  evaluation: "edge",
  version: 1,
  expression: { type: "PQL", format: "pql/text", value },
}));

const compiled = compileAudiences(audiences);
if (!compiled.ok) throw new Error(compiled.error[0]?.message);
const plan = compiled.value;

const step = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 5 * HOUR })),
  type: fc.constantFrom("a", "b", "c", "other", undefined),
  /** How much earlier than its arrival the event happened. */
  lateMs: fc.constantFrom(0, 0, 5, HOUR),
  change: fc.constantFrom("none", "none", "none", "gold", "silver", "member", "fork"),
});

it("following event by event says what evaluating the whole window says, whatever the order of steps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const follow = createFollower(plan);
      let events: readonly ExperienceEvent[] = [];
      let source = { attributes: { loyalty: { tier: "gold" } }, segmentMembership: {} };
      let now = START;
      steps.forEach(({ afterMs, type, lateMs, change }, index) => {
        now += afterMs;
        if (change === "gold" || change === "silver")
          source = { ...source, attributes: { loyalty: { tier: change } } };
        if (change === "member")
          source = {
            ...source,
            segmentMembership: {
              ups: { batch: { status: "realized", lastQualificationTime: "2026-01-01T00:00:00Z" } },
            },
          };
        const event =
          type === undefined
            ? undefined
            : { _id: `${index}`, timestamp: new Date(now - lateMs).toISOString(), eventType: type };
        const before = events;
        const after =
          event === undefined
            ? before
            : [...before, event].sort((a, b) =>
                a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0,
              );
        const person = { ...source, events: after };
        const expected = [...plan.evaluate(person, now).members].sort();
        expect([...follow({ before, after, event, source, person }, now)].sort()).toEqual(expected);
        if (change === "fork") {
          // A second request that set out from the same step.
          const again = [...after];
          const twin = { before, after: again, event, source, person: { ...source, events: again } };
          expect([...follow(twin, now)].sort()).toEqual(expected);
        }
        events = after;
      });
    }),
    { numRuns: 300 },
  );
});
