import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ADOBE_LIMITS, ALL_LIMITS, formatUsage, reportUsage, type UsageSample } from "./index.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");

it("has a line for every limit, measured or not", () => {
  const { rows, issues } = reportUsage([], ADOBE_LIMITS, NOW);
  expect(issues).toEqual([]);
  expect(rows.map(({ limit }) => limit.id)).toEqual(ALL_LIMITS.map(({ id }) => id));
  expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(["unmeasured"]));
});

const CASES: readonly (readonly [
  string,
  UsageSample["limit"],
  readonly (readonly [string, number])[],
  object,
])[] = [
  [
    "grows towards it",
    "segmentation.audiences",
    [
      ["2026-01-31T00:00:00Z", 3_300],
      ["2026-01-01T00:00:00Z", 3_000],
    ],
    { kind: "near", value: 3_300, use: 0.825, perDay: 10, reachesAt: "2026-04-11T00:00:00.000Z" },
  ],
  [
    "grows, and would have reached it already",
    "merge-policy.policies",
    [
      ["2025-12-01T00:00:00Z", 1],
      ["2025-12-04T00:00:00Z", 4],
    ],
    { kind: "near", perDay: 1, reachesAt: "2026-02-01T00:00:00.000Z" },
  ],
  [
    "shrinks",
    "segmentation.audiences",
    [
      ["2026-01-01T00:00:00Z", 3_300],
      ["2026-01-31T00:00:00Z", 3_000],
    ],
    { kind: "ok", perDay: -10, reachesAt: undefined },
  ],
  [
    "one sample has no trend",
    "profile.events",
    [["2026-01-01T00:00:00Z", 10]],
    { kind: "ok", perDay: undefined },
  ],
  [
    "beyond it there is nothing to forecast",
    "destinations.destinations",
    [
      ["2026-01-01T00:00:00Z", 90],
      ["2026-01-02T00:00:00Z", 101],
    ],
    { kind: "hard-violation", reachesAt: undefined },
  ],
  [
    "falls towards a least value",
    "destinations.incremental-interval",
    [
      ["2026-01-30T00:00:00Z", 12],
      ["2026-01-31T00:00:00Z", 6],
    ],
    { kind: "ok", use: 0.5, perDay: -6, reachesAt: "2026-02-01T00:00:00.000Z" },
  ],
  [
    "grows so slowly that nobody need know",
    "segmentation.audiences",
    [
      ["2025-01-01T00:00:00Z", 1],
      ["2026-01-01T00:00:00Z", 2],
    ],
    { kind: "ok", reachesAt: undefined },
  ],
];

it.each(CASES)("%s", (_, limit, points, expected) => {
  const samples = points.map(([at, value]) => ({ limit, at, value }));
  const row = reportUsage(samples, ADOBE_LIMITS, NOW).rows.find((row) => row.limit.id === limit);
  expect({ perDay: undefined, reachesAt: undefined, ...row }).toMatchObject(expected);
});

it("keeps scopes apart", () => {
  const at = "2026-01-01T00:00:00Z";
  const samples: UsageSample[] = [
    { limit: "profile.events", scope: "b", at, value: 6_000 },
    { limit: "profile.events", scope: "a", at, value: 1 },
  ];
  const rows = reportUsage(samples, ADOBE_LIMITS, NOW).rows.filter(
    ({ limit }) => limit.id === "profile.events",
  );
  expect(rows.map(({ scope, kind }) => [scope, kind])).toEqual([
    ["a", "ok"],
    ["b", "soft-violation"],
  ]);
});

it("a sample without a time is named, the others count", () => {
  const samples: UsageSample[] = [
    { limit: "profile.events", at: "yesterday", value: 1 },
    { limit: "profile.events", at: "2026-01-01", value: 2 },
  ];
  const { rows, issues } = reportUsage(samples, ADOBE_LIMITS, NOW);
  expect(issues.map(({ code, path }) => [code, path])).toEqual([["usage.time", ["samples", 0, "at"]]]);
  expect(rows.find(({ limit }) => limit.id === "profile.events")?.value).toBe(2);
});

it("does not depend on the order of the samples", () => {
  const sample = fc.record({
    limit: fc.constantFrom<UsageSample["limit"]>("profile.events", "segmentation.audiences"),
    at: fc.integer({ min: 0, max: 500 }).map((day) => new Date(NOW - day * 86_400_000).toISOString()),
    value: fc.integer({ min: 0, max: 9_000 }),
  });
  fc.assert(
    fc.property(fc.uniqueArray(sample, { selector: ({ at }) => at, maxLength: 12 }), (samples) => {
      const strip = (list: readonly UsageSample[]): unknown =>
        reportUsage(list, ADOBE_LIMITS, NOW).rows.map(({ value, kind, perDay }) => [
          value,
          kind,
          perDay?.toFixed(6),
        ]);
      expect(strip(samples.toReversed())).toEqual(strip(samples));
    }),
    { numRuns: 50 },
  );
});

it("the report reads as a table, with what was not measured counted", () => {
  const samples: UsageSample[] = [
    { limit: "segmentation.audiences", at: "2026-01-01T00:00:00Z", value: 3_000 },
    { limit: "segmentation.audiences", at: "2026-01-31T00:00:00Z", value: 3_300 },
    { limit: "profile.time-series-entities", scope: "sensors", at: "2026-01-31T00:00:00Z", value: 1 },
  ];
  const text = formatUsage(reportUsage(samples, ADOBE_LIMITS, NOW).rows);
  expect(text.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
    ["limit", "scope", "kind", "now", "limit", "use", "a day", "reached"],
    ["profile.time-series-entities", "sensors", "hard-violation", "1", "<= 0 datasets", "beyond"],
    ["segmentation.audiences", "near", "3,300", "<= 4,000 audiences", "83 %", "10", "2026-04-11"],
    [`${ALL_LIMITS.length - 2} limits were not measured.`],
  ]);
});
