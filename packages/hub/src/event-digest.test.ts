import { compileAudiences } from "@tessera/segment-engine";
import type { ExperienceEvent } from "@tessera/xdm";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type DigestedEvent, eventDigestOf } from "./event-digest.ts";

const QUERIES = [
  'xEvent.exists(eventType = "buy")',
  "xEvent[commerce.order.priceTotal > 5].count() >= 1",
  "xEvent.exists(productListItems.exists(priceTotal > 3))",
  "xEvent.exists(commerce.order.currencyCode.isNull())",
];
const compiled = compileAudiences(
  QUERIES.map((value, index) => ({
    id: `a${index}`,
    name: `a${index}`,
    expression: { type: "PQL", format: "pql/text", value },
    evaluation: "streaming",
    version: 1,
    excludeOptOut: false,
  })),
);
if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
const plan = compiled.value;

const price = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(null, "7", true));
const event: fc.Arbitrary<DigestedEvent> = fc
  .record(
    {
      eventType: fc.constantFrom("buy", "view", 'a "quoted" \u0000 one'),
      commerce: fc.oneof(
        fc.record({
          order: fc.oneof(fc.record({ priceTotal: price }, { requiredKeys: [] }), fc.constant("none")),
        }),
        fc.constant([1]),
      ),
      productListItems: fc.array(fc.record({ priceTotal: price, name: fc.string() }, { requiredKeys: [] })),
      other: fc.string(),
    },
    { requiredKeys: [] },
  )
  .chain((body) =>
    fc
      .record({ at: fc.integer({ min: 0, max: 2_000_000_000_000 }), zone: fc.boolean() })
      .map(({ at, zone }) => ({
        at,
        body: {
          ...body,
          timestamp: zone ? new Date(at).toISOString().replace("Z", "+00:00") : new Date(at).toISOString(),
        } as unknown as ExperienceEvent,
      })),
  );

it("evaluates as the whole events do, however it was put together", () => {
  const digest = eventDigestOf(plan);
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), fc.nat(8), (unordered, cut) => {
      const events = unordered.toSorted((a, b) => a.at - b.at);
      const whole = digest.write(events);
      const first = events.slice(0, Math.min(cut, events.length));
      const begun = digest.write(first);
      if (whole === undefined || begun === undefined) throw new Error("small enough");
      const appended =
        first.length === 0 ? whole : digest.write(events, { state: begun, stored: first.length });
      expect(appended).toEqual(whole);
      const read = digest.read(whole);
      expect(read?.map(({ at }) => at)).toEqual(events.map(({ at }) => at));
      expect(read?.map(({ body }) => body.timestamp)).toEqual(events.map(({ body }) => body.timestamp));
      const members = (of: readonly DigestedEvent[]): unknown =>
        plan.evaluate({ attributes: {}, events: of.map(({ body }) => body) }, 3_000_000_000_000).members;
      expect(members(read ?? [])).toEqual(members(events));
    }),
    { numRuns: 500 },
  );
});

it("does not fit another plan, and is given up when it grows too large", () => {
  const digest = eventDigestOf(plan);
  const one: DigestedEvent = {
    at: 5,
    body: { timestamp: new Date(5).toISOString(), eventType: "buy" } as unknown as ExperienceEvent,
  };
  const state = digest.write([one]) ?? new Uint8Array(0);
  const other = compileAudiences([{ ...plan.audiences[0], id: "x" } as (typeof plan.audiences)[number]]);
  if (!other.ok) throw new Error("compiles");
  expect(eventDigestOf(other.value).read(state)).toBeUndefined();
  expect(digest.read(state)).toHaveLength(1);
  expect(digest.write(Array.from({ length: 5000 }, () => one))).toBeUndefined();
});
