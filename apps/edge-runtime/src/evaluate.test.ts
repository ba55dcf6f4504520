import type { ExperienceEvent, SegmentMembershipEntry } from "@tessera/xdm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compileSnapshot } from "./compile.ts";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import { type EdgeProfile, newProfile } from "./edge-profile.ts";
import { type Evaluation, evaluateEdge } from "./evaluate.ts";

const HOUR = 3_600_000;
const START = Date.parse("2026-01-31T12:00:00Z");
const within = (type: string, hours: number): string =>
  `CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("${type}", false)) WHEN(<= ${hours} hours before now)])`;

const EXPRESSIONS = [
  within("a", 1),
  within("b", 24),
  `loyalty.tier.equals("gold", false) and ${within("a", 3)}`,
  `not(${within("a", 2)})`,
];

function snapshot(version: string, expressions: readonly string[]): CompiledSnapshot {
  const audiences = expressions.map((value, index) => ({
    id: `audience-${index}`,
    version: index,
    expression: { type: "PQL", format: "pql/text", value },
  }));
  const compiled = compileSnapshot(
    { version, organisation: "A@AdobeOrg", sandbox: "prod", audiences },
    () => undefined,
  );
  if (compiled === undefined) throw new Error("The snapshot is wrong.");
  return compiled;
}

const SNAPSHOTS = [snapshot("1", EXPRESSIONS), snapshot("2", EXPRESSIONS.slice(0, 3))];

const membership = fc.record({
  status: fc.constantFrom("realized" as const, "exited" as const),
  afterMs: fc.constantFrom(undefined, HOUR, 3 * HOUR),
});

const step = fc.record({
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 10 }), fc.integer({ min: 0, max: 5 * HOUR })),
  type: fc.constantFrom("a", "b", "c", undefined),
  word: fc.option(
    fc.record({
      tier: fc.constantFrom("gold", "silver"),
      said: fc.dictionary(fc.constantFrom("audience-0", "audience-2", "batch", "other"), membership),
    }),
    { freq: 5, nil: undefined },
  ),
  snapshot: fc.constantFrom(0, 0, 0, 1),
  /** Whether the step's profile is written, or lost to another request. */
  isKept: fc.constantFrom(true, true, true, false),
});

const told = ({ profile, members, exited }: Evaluation): unknown => ({
  profile,
  members: [...members].sort(),
  exited: [...exited].sort(),
});

it("what is remembered of the last step changes nothing of what the next one says", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      let held: EdgeProfile = newProfile("ECID:1", [], START);
      let now = START;
      steps.forEach(({ afterMs, type, word, snapshot: number, isKept }, index) => {
        const compiled = SNAPSHOTS[number];
        if (compiled === undefined) return;
        now += afterMs;
        if (word !== undefined) {
          const entries = Object.entries(word.said).map(([id, entry]): [string, SegmentMembershipEntry] => [
            id,
            {
              status: entry.status,
              lastQualificationTime: new Date(now).toISOString(),
              ...(entry.afterMs === undefined
                ? {}
                : { validUntil: new Date(now + entry.afterMs).toISOString() }),
            },
          ]);
          const { own: _stale, ...rest } = held;
          const segmentMembership = { ups: Object.fromEntries(entries) };
          const attributes = { loyalty: { tier: word.tier } };
          const freshAt = new Date(now).toISOString();
          held = { ...rest, hub: { personId: "p", version: index, attributes, segmentMembership, freshAt } };
        }
        const event: ExperienceEvent | undefined =
          type === undefined
            ? undefined
            : { _id: `${index}`, timestamp: new Date(now).toISOString(), eventType: type };
        const fresh = JSON.parse(JSON.stringify(held)) as EdgeProfile;
        const expected = evaluateEdge(fresh, event, compiled, now);
        const found = evaluateEdge(held, event, compiled, now);
        expect(told(found)).toEqual(told(expected));
        if (isKept) held = { ...found.profile, lastActivityAt: now };
      });
    }),
    { numRuns: 400 },
  );
});
