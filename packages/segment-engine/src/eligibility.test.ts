import { describe, expect, it } from "vitest";
import { checkPql } from "./index.ts";

const chain = (steps: string): string => `CHAIN(xEvent, timestamp, [${steps}])`;
const view = 'WHAT(eventType = "view")';
const AUDIENCES = [
  { id: "reader", pql: 'homeAddress.country = "US"' },
  { id: "watcher", pql: chain(`A: ${view} WHEN(<= 24 hours before now)`) },
  { id: "of-reader", pql: 'inSegment("reader")' },
  { id: "of-watcher", pql: 'inSegment("watcher")' },
];

/** PQL, the reasons against streaming, the reasons against edge. Batch takes every query. */
const RULES: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  ["profile attributes only", 'homeAddress.country = "US"', [], []],
  ["one event within 24 hours", chain(`A: ${view} WHEN(<= 24 hours before now)`), [], []],
  ["one event today", chain(`A: ${view} WHEN(today)`), [], []],
  [
    "one event of the last hour and attributes",
    `loyalty.tier = "gold" and ${chain(`A: ${view} WHEN(<= 1 hours before now)`)}`,
    [],
    [],
  ],
  ["one event without a window", chain(`A: ${view}`), ["window-missing"], ["window-missing"]],
  [
    "one event within 7 days",
    chain(`A: ${view} WHEN(<= 7 days before now)`),
    ["window-too-long"],
    ["window-too-long"],
  ],
  [
    "one event within 25 hours",
    chain(`A: ${view} WHEN(<= 25 hours before now)`),
    ["window-too-long"],
    ["window-too-long"],
  ],
  [
    "several events in order, each within 24 hours",
    chain(`A: ${view} WHEN(<= 24 hours before now), B: WHAT(eventType = "buy") WHEN(<= 24 hours before now)`),
    [],
    ["several-events"],
  ],
  [
    "two events joined by and",
    `${chain(`A: ${view} WHEN(today)`)} and ${chain(`A: WHAT(eventType = "buy") WHEN(today)`)}`,
    ["events-unordered"],
    ["events-unordered", "several-events"],
  ],
  ["the same event three times", chain(`A: ${view} WHEN(today) COUNT(3)`), [], ["several-events"]],
  [
    "only the absence of an event",
    `not(${chain(`A: ${view} WHEN(today)`)})`,
    ["only-negated"],
    ["only-negated"],
  ],
  [
    "an event and the absence of another",
    `${chain(`A: ${view} WHEN(today)`)} and not(${chain(`A: WHAT(eventType = "buy") WHEN(today)`)})`,
    ["events-unordered"],
    ["events-unordered", "several-events"],
  ],
  [
    "an event with another that must not follow, in one sequence",
    chain(
      `A: ${view} WHEN(today), not(B: WHAT(eventType = "leave") WHEN(today)), C: WHAT(eventType = "buy") WHEN(today)`,
    ),
    [],
    ["several-events"],
  ],
  [
    "two kinds of event, either of them",
    `xEvent.exists(eventType = "view" and timestamp occurs today) or xEvent.exists(eventType = "buy" and timestamp occurs today)`,
    ["events-unordered"],
    ["events-unordered", "several-events"],
  ],
  [
    "two kinds of event in one condition",
    `xEvent.exists(eventType in ["view", "buy"] and timestamp occurs today)`,
    [],
    [],
  ],
  ["segment of segments", 'inSegment("reader") and inSegment("watcher")', [], []],
  [
    "an event and an audience of attributes",
    `inSegment("reader") and ${chain(`A: ${view} WHEN(today)`)}`,
    [],
    [],
  ],
  [
    "an event and an audience of such an audience",
    `inSegment("of-reader") and ${chain(`A: ${view} WHEN(today)`)}`,
    [],
    [],
  ],
  [
    "an event and an audience of events",
    `inSegment("watcher") and ${chain(`A: ${view} WHEN(today)`)}`,
    ["event-with-audience"],
    ["event-with-audience"],
  ],
  [
    "an event and an audience of such an audience",
    `inSegment("of-watcher") and ${chain(`A: ${view} WHEN(today)`)}`,
    ["event-with-audience"],
    ["event-with-audience"],
  ],
  ["an audience of Audience Manager", 'inSegment("1", "AAM")', ["foreign-audience"], ["foreign-audience"]],
  [
    "an audience of Audience Manager, in the older form",
    'segmentMembership.get("AAM").get("1").status = "realized"',
    ["foreign-audience"],
    ["foreign-audience"],
  ],
  [
    "any audience of Audience Manager",
    'segmentMembership["AAM"].isNotNull()',
    ["foreign-audience"],
    ["foreign-audience"],
  ],
  [
    "an audience in the older form",
    'segmentMembership.get("ups").get("watcher").status = "realized"',
    [],
    [],
  ],
  [
    "an event and an audience of attributes in the older form",
    `segmentMembership.get("ups").get("reader").status in ["realized", "existing"] and ${chain(`A: ${view} WHEN(today)`)}`,
    [],
    [],
  ],
  [
    "an event and an audience of events in the older form",
    `segmentMembership.ups.watcher.status = "realized" and ${chain(`A: ${view} WHEN(today)`)}`,
    ["event-with-audience"],
    ["event-with-audience"],
  ],
  ["an event of yesterday", chain(`A: ${view} WHEN(yesterday)`), ["window-too-long"], ["window-too-long"]],
  ["an event of this hour", chain(`A: ${view} WHEN(this hour)`), [], []],
  ["an event before today", chain(`A: ${view} WHEN(before today)`), ["window-missing"], ["window-missing"]],
  ["an event within one day", chain(`A: ${view} WHEN(<= 1 day before now)`), [], []],
  [
    "a birthday without its year",
    "person.birthDate.getMonth() = currentMonth()",
    ["ignores-year"],
    ["ignores-year"],
  ],
  ["a day of the month", "currentDayOfMonth() = 1", ["ignores-year"], ["ignores-year"]],
];

describe("eligibility by the documented rules", () => {
  it.each(RULES)("%s", (_what, pql, streaming, edge) => {
    const { valid, issues, eligibility } = checkPql(pql, { audiences: AUDIENCES });
    expect([valid, issues]).toEqual([true, []]);
    const codes = (verdict: typeof eligibility.batch) => verdict.reasons.map(({ code }) => code);
    expect(eligibility.batch).toEqual({ eligible: true, reasons: [] });
    expect(codes(eligibility.streaming)).toEqual(streaming);
    expect(codes(eligibility.edge)).toEqual(edge);
    expect([eligibility.streaming.eligible, eligibility.edge.eligible]).toEqual([
      streaming.length === 0,
      edge.length === 0,
    ]);
    for (const { message } of [...eligibility.streaming.reasons, ...eligibility.edge.reasons])
      expect(message.length).toBeGreaterThan(20);
  });

  it.each(RULES)("by the wider rule: %s", (_what, pql) => {
    const { eligibility } = checkPql(pql, { audiences: AUDIENCES, wide: true });
    const foreign = pql.includes('"AAM"');
    expect([eligibility.batch.eligible, eligibility.streaming.eligible, eligibility.edge.eligible]).toEqual([
      true,
      !foreign,
      !foreign,
    ]);
  });

  it("says no to all for a definition with errors", () => {
    const { valid, eligibility } = checkPql("person.name.nope()");
    expect(valid).toBe(false);
    expect(Object.values(eligibility).map((verdict: { eligible: boolean }) => verdict.eligible)).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe("the check against a schema", () => {
  const schema = {
    type: "object",
    properties: {
      person: {
        type: "object",
        properties: {
          name: { type: "object", properties: { firstName: { type: "string" } } },
          age: { type: "integer" },
        },
      },
      tags: { type: "array", items: { type: "string" } },
      xEvent: {
        type: "array",
        items: {
          type: "object",
          properties: { eventType: { type: "string" }, timestamp: { type: "string", format: "date-time" } },
        },
      },
    },
  } as const;

  it.each([
    ['person.name.firstNam = "Ada"', "pql.field", /firstName/],
    ['persn.name.firstName = "Ada"', "pql.field", /person/],
    ['person.age = "forty"', "pql.type", /./],
    ["person.name.firstName > 5", "pql.type", /./],
    ['person.age.startsWith("4")', "pql.type", /./],
    ["tags.sum() > 1", "pql.type", /./],
    ['xEvent.exists(eventTyp = "view")', "pql.field", /eventType/],
    ['inSegment("nobody")', "pql.audience", /./],
  ])("%s is refused with %s", (pql, code, message) => {
    const { valid, issues } = checkPql(pql, { schema, audiences: AUDIENCES });
    expect(valid).toBe(false);
    expect(issues.map((issue) => issue.code)).toContain(code);
    const found = issues.find((issue) => issue.code === code);
    expect(found?.message).toMatch(message);
    expect([found?.line, typeof found?.column]).toEqual([1, "number"]);
  });

  it.each([
    'person.name.firstName = "Ada"',
    "person.age >= 18",
    'tags.includes("vip")',
    'xEvent.exists(eventType = "view")',
    'inSegment("reader")',
  ])("%s is fine", (pql) => {
    expect(checkPql(pql, { schema, audiences: AUDIENCES })).toMatchObject({ valid: true, issues: [] });
  });
});
