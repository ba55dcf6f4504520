import { checkPql, evaluatePql } from "@tessera/segment-engine";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compileRules,
  AAM_NAMESPACE,
  importThirdParty,
  parseSegmentRule,
  parseTraitRule,
  type RuleSignal,
  segmentRuleToPql,
  traitRuleToPql,
  traitsOfSegment,
} from "../index.ts";

const NOW = "2026-01-31T12:00:00Z";
const signal = (key: string, value: string): RuleSignal =>
  /^-?\d+(\.\d+)?$/.test(value) ? { key, value, number: Number(value) } : { key, value };

const TRAITS: readonly [rule: string, signals: [string, string][], realised: boolean][] = [
  ['c_product == "camera"', [["c_product", "camera"]], true],
  ['c_product == "camera"', [["c_product", "Camera"]], false],
  ['c_product == "camera"', [["product", "camera"]], false],
  [
    'c_product == "camera" AND c_price > 1000',
    [
      ["c_product", "camera"],
      ["c_price", "1000.01"],
    ],
    true,
  ],
  [
    'c_product == "camera" AND c_price > 1000',
    [
      ["c_product", "camera"],
      ["c_price", "1000"],
    ],
    false,
  ],
  ["(price >= 1.00 AND price <= 100.00)", [["price", "100"]], true],
  ["(price => 1.00 AND price =< 100.00)", [["price", "0.99"]], false],
  ["price > 5", [["price", "cheap"]], false],
  ["price == 1.0", [["price", "1"]], true],
  [
    '(a== "1" OR b=="1") AND (c=="new")',
    [
      ["b", "1"],
      ["c", "new"],
    ],
    true,
  ],
  ['(a== "1" OR b=="1") AND (c=="new")', [["c", "new"]], false],
  ['a == "1" OR b == "1" AND c == "new"', [["a", "1"]], true],
  ['NOT c_color == "blue"', [], true],
  ['NOT (c_color == "blue")', [["c_color", "blue"]], false],
  ['c_color != "blue"', [["c_color", "red"]], true],
  ['c_color != "blue"', [], false],
  [
    'c_color != "blue"',
    [
      ["c_color", "red"],
      ["c_color", "blue"],
    ],
    false,
  ],
  [
    'c_color == "blue"',
    [
      ["c_color", "red"],
      ["c_color", "blue"],
    ],
    true,
  ],
  ['c_name contains "pro"', [["c_name", "approach"]], true],
  ['c_name matcheswords "pro camera"', [["c_name", "a camera, pro"]], true],
  ['c_name matcheswords "pro"', [["c_name", "approach"]], false],
  ['c_name startswith "ap"', [["c_name", "approach"]], true],
  ['c_name endswith "ach"', [["c_name", "approach"]], true],
  ['c_name matchesregex "^a.*h$"', [["c_name", "approach"]], true],
  ['c_name == "say \\"hi\\""', [["c_name", 'say "hi"']], true],
  ["segID = a730ed3f-0000", [["segID", "a730ed3f-0000"]], true],
];

describe("trait rules", () => {
  it.each(TRAITS)("%s with %j: %j", (rule, signals, realised) => {
    const compiled = compileRules([{ sid: 1, rule }], []);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
    const list = signals.map(([key, value]) => signal(key, value));
    expect(compiled.value.realizedTraits(list, NOW)).toEqual(realised ? [1] : []);
    // The same rule over the hub's events, as an audience on the signals' event.
    const parsed = parseTraitRule(rule);
    if (!parsed.ok) throw new Error("rule");
    const pql = `xEvent[${traitRuleToPql(parsed.value, "audienceManager.signals")}].count() >= 1`;
    const event = { _id: "e", timestamp: NOW, audienceManager: { signals: list } };
    expect(evaluatePql(pql, { xEvent: [event] }, { now: NOW })).toEqual({ ok: true, value: realised });
  });

  it.each([
    ["", 1],
    ["c_a", 4],
    ["c_a ==", 7],
    ["c_a == 1 AND", 13],
    ["(c_a == 1", 10],
    ["c_a == 1)", 9],
    ["c_a > blue", 7],
    ["c_a ~ 1", 5],
    ["(".repeat(70) + "a == 1", 65],
  ])("refuse %j at column %i", (rule, column) => {
    const parsed = parseTraitRule(rule);
    expect(parsed.ok || [parsed.error.code, parsed.error.column]).toEqual(["aam.rule.syntax", column]);
  });

  it("any text is read or refused, and what is read compiles", () => {
    const word = fc.constantFrom(
      "c_a",
      "==",
      "(",
      ")",
      "AND",
      "OR",
      "NOT",
      '"x"',
      "1",
      ">",
      "contains",
      ",",
      "\u2028",
      "é",
      '"',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const rule = words.join(" ");
        const parsed = parseTraitRule(rule);
        if (parsed.ok) expect(compileRules([{ sid: 1, rule }], []).ok).toBe(true);
        else expect(parsed.error.message).toMatch(/^Column \d+/);
      }),
      { numRuns: 500 },
    );
  });
});

const DAY = 86_400_000;
const daysAgo = (days: number): number => Date.parse(NOW) - days * DAY;
const SEGMENTS: readonly [rule: string, traits: { [sid: string]: number[] }, member: boolean][] = [
  ["24T", { 24: [daysAgo(100)] }, true],
  ["24T", {}, false],
  ["24T AND 26T", { 24: [daysAgo(1)] }, false],
  ["24T AND NOT 26T", { 24: [daysAgo(1)] }, true],
  ["24T NOT 26T", { 24: [daysAgo(1)], 26: [daysAgo(2)] }, false],
  ["24T AND (26T OR 28T)", { 24: [daysAgo(1)], 28: [daysAgo(1)] }, true],
  ["FREQUENCY([24T]) >= 3", { 24: [daysAgo(3), daysAgo(2), daysAgo(1)] }, true],
  ["FREQUENCY([24T,26T]) >= 3", { 24: [daysAgo(3)], 26: [daysAgo(2), daysAgo(1)] }, true],
  ["frequency([24t] <= 5d) >= 2", { 24: [daysAgo(6), daysAgo(1)] }, false],
  ["FREQUENCY([24T] <= 5D) >= 1", { 24: [daysAgo(5)] }, true],
  ["FREQUENCY([24T] <= 5D) >= 1", { 24: [daysAgo(5) - 1] }, false],
  ["FREQUENCY([24T] >= 5D) >= 1", { 24: [daysAgo(5)] }, true],
  ["FREQUENCY([24T] >= 5D) >= 1", { 24: [daysAgo(4)] }, false],
  ["FREQUENCY([24T]) == 2", { 24: [daysAgo(2), daysAgo(1)] }, true],
  ["FREQUENCY([24T]) <= 1", { 24: [daysAgo(2), daysAgo(1)] }, false],
  [
    "(FREQUENCY([24T] <= 7D) >= 1) AND (FREQUENCY([26T]) >= 2)",
    { 24: [daysAgo(1)], 26: [daysAgo(9), daysAgo(8)] },
    true,
  ],
];

describe("segment rules", () => {
  it.each(SEGMENTS)("%s with %j: %j", (rule, traits, member) => {
    const compiled = compileRules([], [{ id: 7, rule }]);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
    expect(compiled.value.segmentsOf(traits, NOW)).toEqual(member ? [7] : []);
  });

  it("agree with a plain count of realisations", () => {
    const times = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 });
    fc.assert(
      fc.property(
        times,
        times,
        fc.integer({ min: 1, max: 15 }),
        fc.integer({ min: 0, max: 5 }),
        (a, b, days, count) => {
          const rule = `FREQUENCY([1T,2T] <= ${days}D) >= ${count}`;
          const compiled = compileRules([], [{ id: 1, rule }]);
          if (!compiled.ok) throw new Error("rule");
          const traits = { 1: a.map(daysAgo), 2: b.map(daysAgo) };
          const wanted = [...a, ...b].filter((ago) => ago <= days).length >= count;
          expect(compiled.value.segmentsOf(traits, NOW)).toEqual(wanted ? [1] : []);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("name their traits, and compile to PQL over any way of saying a realisation", () => {
    const parsed = parseSegmentRule("3T AND NOT FREQUENCY([2T,3T] <= 1D) == 2");
    if (!parsed.ok) throw new Error("rule");
    expect(traitsOfSegment(parsed.value)).toEqual([2, 3]);
    expect(segmentRuleToPql(parsed.value, (sid) => `audienceManager.traits.includes(${sid})`)).toBe(
      "(xEvent[((audienceManager.traits.includes(3)))].count() >= 1) and (not (xEvent[((audienceManager.traits.includes(2)) or (audienceManager.traits.includes(3))) and (timestamp occurs <= 1 days before now)].count() = 2))",
    );
  });

  it.each([
    "",
    "24",
    "T",
    "24T AND",
    "FREQUENCY([24T]) > 3",
    "FREQUENCY([24]) >= 3",
    "FREQUENCY(24T) >= 3",
    "FREQUENCY([24T] <= 5) >= 3",
  ])("refuse %j", (rule) => expect(parseSegmentRule(rule).ok).toBe(false));
});

describe("third-party data", () => {
  const source = {
    dataSourceId: 900,
    namespace: "PARTNER",
    traits: [{ sid: 24, integrationCode: "52" }, { sid: 28 }, { sid: 30, integrationCode: "gender=female" }],
    at: NOW,
  } as const;
  const lines = ["u1\td_sid=24,d_unsid=28,d_sid=99", "junk", 'u2\tic=52,"gender"="female"', "u3\t28:-1"];

  it("comes in as audiences of namespace AAM", () => {
    const read = [...importThirdParty({ ...source, mode: "sync" }, lines)];
    const entry = (status: string): unknown => ({ status, lastQualificationTime: NOW });
    expect(read).toMatchObject([
      {
        kind: "membership",
        membership: {
          namespace: "PARTNER",
          id: "u1",
          unknownTraits: 1,
          segmentMembership: { AAM: { 24: entry("realized"), 28: entry("exited") } },
        },
      },
      { kind: "refused", line: 2, issue: { code: "aam.file.shape", line: 2 } },
      {
        kind: "membership",
        membership: {
          id: "u2",
          segmentMembership: { AAM: { 24: entry("realized"), 30: entry("realized") } },
        },
      },
      { kind: "membership", membership: { id: "u3", segmentMembership: { AAM: { 28: entry("exited") } } } },
    ]);
  });

  it("overwrite files remove by leaving out, never by d_unsid", () => {
    const [first] = importThirdParty({ ...source, mode: "overwrite" }, lines);
    expect(first).toMatchObject({
      membership: { mode: "overwrite", segmentMembership: { AAM: { 24: { status: "realized" } } } },
    });
    expect(
      first?.kind === "membership" && Object.keys(first.membership.segmentMembership["AAM"] ?? {}),
    ).toEqual(["24"]);
  });

  it("can be asked for by audiences", () => {
    const [first] = importThirdParty({ ...source, mode: "sync" }, lines);
    const segmentMembership = first?.kind === "membership" ? first.membership.segmentMembership : {};
    const asks = (pql: string): unknown => evaluatePql(pql, { segmentMembership }, { now: NOW });
    expect(asks('inSegment("24", "AAM")')).toEqual({ ok: true, value: true });
    expect(asks('inSegment("28", "AAM")')).toEqual({ ok: true, value: false });
  });

  it("makes the audience that asks batch-only, whatever else it asks", () => {
    for (const rest of ["", ' and person.name.firstName = "Ada"']) {
      const { eligibility } = checkPql(`inSegment("24", "${AAM_NAMESPACE}")${rest}`);
      expect(eligibility).toMatchObject({
        batch: { eligible: true },
        streaming: { eligible: false, reasons: [{ code: "foreign-audience" }] },
        edge: { eligible: false, reasons: [{ code: "foreign-audience" }] },
      });
    }
  });
});
