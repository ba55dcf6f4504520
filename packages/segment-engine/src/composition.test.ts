import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkComposition,
  type Composition,
  estimateCount,
  evaluateValue,
  partOf,
  rankPersons,
} from "./index.ts";

const base: Composition = {
  id: "c1",
  start: "union",
  audiences: ["a", "b"],
  exclude: [],
  end: { kind: "save", name: "all" },
};
const person = (personId: string, members: readonly string[], attributes = {}) => ({
  personId,
  members: new Set(members),
  attributes,
});

describe("compositions", () => {
  it.each([
    ["union", ["a"], true],
    ["union", ["a", "b"], true],
    ["union", ["x"], false],
    ["intersect", ["a"], false],
    ["intersect", ["a", "b", "x"], true],
    ["exclude-overlap", ["a"], true],
    ["exclude-overlap", ["a", "b"], false],
    ["exclude-overlap", [], false],
  ] as const)("%s of a and b: who is in %j is in it: %s", (start, members, expected) => {
    expect(partOf({ ...base, start }, person("p", members)) !== undefined).toBe(expected);
    expect(partOf({ ...base, start, exclude: ["x"] }, person("p", [...members, "x"]))).toBeUndefined();
  });

  it("splits by percentage: sticky, in the shares asked for, nobody in two parts", () => {
    const split: Composition = {
      ...base,
      end: {
        kind: "split-percent",
        parts: [
          { name: "A", percent: 20 },
          { name: "B", percent: 50 },
        ],
      },
    };
    const parts = Array.from({ length: 10_000 }, (_, index) => partOf(split, person(`p${index}`, ["a"])));
    const again = Array.from({ length: 10_000 }, (_, index) => partOf(split, person(`p${index}`, ["b"])));
    expect(again).toEqual(parts);
    expect(parts.filter((part) => part === "A").length).toBeGreaterThan(1_850);
    expect(parts.filter((part) => part === "A").length).toBeLessThan(2_150);
    expect(parts.filter((part) => part === "B").length).toBeGreaterThan(4_800);
    expect(parts.filter((part) => part === "B").length).toBeLessThan(5_200);
    const other = Array.from({ length: 1_000 }, (_, index) =>
      partOf({ ...split, id: "c2" }, person(`p${index}`, ["a"])),
    );
    expect(other).not.toEqual(parts.slice(0, 1_000));
  });

  it("splits by attribute: the first part that fits", () => {
    const split: Composition = {
      ...base,
      end: {
        kind: "split-attribute",
        path: "home.country",
        parts: [
          { name: "DACH", values: ["DE", "AT", "CH"] },
          { name: "DE", values: ["DE"] },
        ],
      },
    };
    expect(partOf(split, person("p", ["a"], { home: { country: "DE" } }))).toBe("DACH");
    expect(partOf(split, person("p", ["a"], { home: { country: "FR" } }))).toBeUndefined();
    expect(partOf(split, person("p", ["a"], { home: { country: 5 } }))).toBeUndefined();
    expect(partOf(split, person("p", ["a"]))).toBeUndefined();
  });

  it("ranks: the same persons as sorting everyone, whatever the order they come in", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uuid(), fc.integer({ min: 0, max: 5 })), { maxLength: 400 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom("ascending" as const, "descending" as const),
        (persons, limit, order) => {
          const distinct = [...new Map(persons)];
          const rank = rankPersons({ order, limit });
          for (const [id, value] of distinct) rank.add(id, value);
          rank.add("nobody", undefined);
          const sign = order === "ascending" ? 1 : -1;
          const expected = distinct
            .sort(([x, a], [y, b]) => sign * (a - b) || (x < y ? -1 : 1))
            .slice(0, limit)
            .map(([id]) => id);
          expect(rank.chosen()).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    [{ ...base, audiences: [] }, "composition.audiences"],
    [{ ...base, exclude: ["a"] }, "composition.exclude"],
    [
      {
        ...base,
        end: {
          kind: "split-percent",
          parts: [
            { name: "A", percent: 80 },
            { name: "B", percent: 30 },
          ],
        },
      },
      "composition.percent",
    ],
    [{ ...base, end: { kind: "split-percent", parts: [{ name: "A", percent: -1 }] } }, "composition.percent"],
    [
      {
        ...base,
        end: {
          kind: "split-percent",
          parts: [
            { name: "A", percent: 1 },
            { name: "A", percent: 1 },
          ],
        },
      },
      "composition.parts",
    ],
    [
      { ...base, end: { kind: "rank", name: "top", path: "points", order: "descending", limit: 0 } },
      "composition.limit",
    ],
  ] as const)("refuses %j with %s", (composition, code) => {
    const checked = checkComposition(composition);
    expect(checked.ok ? [] : checked.error.map((issue) => issue.code)).toEqual([code]);
  });
});

describe("estimates", () => {
  it("are exact when everyone was looked at, and say nothing when nobody was", () => {
    expect(estimateCount({ members: 7, sampled: 100, total: 100 })).toEqual({
      count: 7,
      confidence: 0.95,
      least: 7,
      most: 7,
      exact: true,
    });
    expect(estimateCount({ members: 0, sampled: 0, total: 50 })).toMatchObject({ least: 0, most: 50 });
  });

  it("hold the true count about as often as they say", () => {
    let state = 5;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (const share of [0.001, 0.05, 0.5]) {
      let held = 0;
      const total = 100_000;
      for (let round = 0; round < 300; round += 1) {
        let members = 0;
        for (let drawn = 0; drawn < 2_000; drawn += 1) if (random() < share) members += 1;
        const { least, most, count } = estimateCount({ members, sampled: 2_000, total });
        expect(least).toBeLessThanOrEqual(count);
        expect(most).toBeGreaterThanOrEqual(count);
        if (least <= share * total && share * total <= most) held += 1;
      }
      expect(held).toBeGreaterThan(270);
    }
  });
});

describe("values of expressions", () => {
  const profile = {
    orders: [
      { total: 5, id: "a" },
      { total: 7, id: "b" },
    ],
    tier: "gold",
    joined: "2024-05-01T10:00:00Z",
    xEvent: [{ timestamp: "2026-03-10T10:00:00Z", eventType: "buy" }],
  };
  it.each([
    ["tier", "gold"],
    ["orders.map(total).sum()", 12],
    ["orders.map(id)", ["a", "b"]],
    ["orders.filter(total > 5)", [{ total: 7, id: "b" }]],
    ["missing", null],
    ["1 / 0", null],
    ['tier = "gold"', true],
    ["joined.getYear()", 2024],
    ["today", "2026-03-10T00:00:00.000Z"],
    ['xEvent[eventType = "buy"].count()', 1],
    ['if(tier = "gold", "best", "other")', "best"],
  ])("%s gives %j", (pql, expected) => {
    expect(evaluateValue(pql, profile, { now: "2026-03-10T12:00:00Z" })).toEqual({
      ok: true,
      value: expected,
    });
  });

  it("says what is wrong with text, time and profile", () => {
    expect(evaluateValue("a =", {}, { now: "x" })).toMatchObject({ ok: false });
    const both = evaluateValue("a", 5, { now: "x" });
    expect(both.ok ? [] : both.error.map(({ code }) => code)).toEqual(["evaluate.now", "evaluate.profile"]);
  });
});
