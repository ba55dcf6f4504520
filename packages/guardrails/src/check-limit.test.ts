import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  ADOBE_LIMITS,
  ALL_LIMITS,
  checkEvent,
  checkLimit,
  checkRecord,
  findLimit,
  jsonSize,
  kindOf,
} from "./index.ts";

const ORDER = ["ok", "near", "soft-violation", "hard-violation"];

it.each([
  ["profile.event-size", 8_191, "ok"],
  ["profile.event-size", 8_192, "near"],
  ["profile.event-size", 10_240, "near"],
  ["profile.event-size", 10_241, "hard-violation"],
  ["segmentation.edge-audiences", 119, "ok"],
  ["segmentation.edge-audiences", 120, "near"],
  ["segmentation.edge-audiences", 151, "soft-violation"],
  ["profile.time-series-entities", 0, "ok"],
  ["profile.time-series-entities", 1, "hard-violation"],
  ["destinations.incremental-interval", 2.9, "hard-violation"],
  ["destinations.incremental-interval", 3, "near"],
  ["destinations.incremental-interval", 6, "ok"],
  ["destinations.incremental-interval", 0, "hard-violation"],
] as const)("%s of %d is %s", (id, value, kind) => {
  const check = checkLimit(findLimit(id), value);
  expect(check.kind).toBe(kind);
  expect(check.value).toBe(value);
  expect(check.message).toContain(check.limit.title);
  expect(check.whatToDo).not.toBe("");
});

it("a value that is no number is a violation", () => {
  expect(kindOf(findLimit("profile.event-size"), Number.NaN)).toBe("hard-violation");
});

it("is monotone: further in the direction of a limit is never milder", () => {
  const values = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.constantFrom(...ALL_LIMITS), values, values, (limit, a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      const [mild, strict] = limit.bound === "most" ? [low, high] : [high, low];
      expect(ORDER.indexOf(kindOf(limit, mild))).toBeLessThanOrEqual(ORDER.indexOf(kindOf(limit, strict)));
    }),
    { numRuns: 500 },
  );
});

it("is monotone in the limit: a laxer value never gives a stricter answer", () => {
  const values = fc.integer({ min: 0, max: 10_000 });
  fc.assert(
    fc.property(fc.constantFrom(...ALL_LIMITS), values, values, values, (limit, value, a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      const [strict, lax] = limit.bound === "most" ? [low, high] : [high, low];
      const inForce = kindOf({ ...limit, value: strict }, value);
      expect(ORDER.indexOf(kindOf({ ...limit, value: lax }, value))).toBeLessThanOrEqual(
        ORDER.indexOf(inForce),
      );
    }),
    { numRuns: 500 },
  );
});

it("jsonSize is the UTF-8 length of the JSON text", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      expect(jsonSize(value)).toBe(new TextEncoder().encode(JSON.stringify(value)).length);
    }),
    { numRuns: 500 },
  );
});

it.each([
  [{ a: undefined, b: 1 }],
  [[undefined, null]],
  ['\ud800 and \udc00 and 😀 \u0001\n"\\ é €'],
  [[-0, 1e21, 1.5, -12, 999_999_999_999_999, 1e15, 0.1 + 0.2]],
  [{}],
  [[]],
])("jsonSize agrees with JSON.stringify on %j", (value) => {
  expect(jsonSize(value)).toBe(new TextEncoder().encode(JSON.stringify(value)).length);
});

it("jsonSize may stop early, but never before it has passed the size asked", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 200 }), (value, stopAfter) => {
      expect(jsonSize(value, stopAfter) > stopAfter).toBe(jsonSize(value) > stopAfter);
    }),
  );
});

it("an event within the limits costs no list", () => {
  const event = { _id: "1", timestamp: "2026-01-01T00:00:00Z", identityMap: { ECID: [{ id: "1" }] } };
  expect(checkEvent(event, ADOBE_LIMITS)).toBe(checkRecord(event, ADOBE_LIMITS));
  expect(checkEvent(event, ADOBE_LIMITS)).toEqual([]);
});

it("an event is asked about size, identities and lists at once", () => {
  const event = {
    identityMap: { ECID: Array.from({ length: 21 }, (_, id) => ({ id: String(id) })) },
    productListItems: Array.from({ length: 11 }, () => ({ name: "x".repeat(1_000) })),
  };
  expect(checkEvent(event, ADOBE_LIMITS).map(({ limit, kind, value }) => [limit.id, kind, value])).toEqual([
    ["profile.event-size", "hard-violation", jsonSize(event)],
    ["identity.record-identities", "hard-violation", 21],
    ["profile.event-array", "soft-violation", 11],
  ]);
  expect(checkRecord(event, ADOBE_LIMITS).map(({ limit }) => limit.id)).toEqual([
    "identity.record-identities",
  ]);
});
