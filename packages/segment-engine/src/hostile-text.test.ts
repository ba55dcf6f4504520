import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definition } from "../test/definitions.ts";
import { checkPql, evaluatePql, jsonToPql, parsePql, pqlToJson, printPql } from "./index.ts";

const NOW = "2026-03-10T12:00:00Z";

/** Pieces of the language, put together without sense. */
const pieces = fc.constantFrom(
  ..."( ) [ ] , . ^ ^^ $1 = != < <= > >= + - * / % ! : => \" 'x' 1 1.5 -".split(" "),
  ..."and or not if let in notIn exists forall select from where CHAIN WHAT WHEN COUNT xEvent timestamp occurs".split(
    " ",
  ),
  ..."now today this last next month days hours before after between date(2026,1,1) inSegment filter map sum".split(
    " ",
  ),
  ...'person.name eventType "text" "\\\\" \u0000 \u{1F600} é ＝'.split(" "),
);
const anything = fc.oneof(
  fc.string({ maxLength: 200, unit: "binary" }),
  fc.array(pieces, { maxLength: 40 }).map((list) => list.join(" ")),
  fc.array(pieces, { maxLength: 40 }).map((list) => list.join("")),
  fc
    .tuple(definition, fc.nat(400), fc.nat(3), fc.string({ maxLength: 3 }))
    .map(
      ([{ text }, at, cut, put]) =>
        text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut),
    ),
);

describe("any text", () => {
  it("is read or refused with issues that say where, and never throws", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parsePql(text);
        if (parsed.ok) {
          expect(parsePql(printPql(parsed.value))).toEqual(parsed);
          expect(typeof evaluatePql(text, { xEvent: [] }, { now: NOW }).ok).toBe("boolean");
        } else {
          expect(parsed.error.length).toBeGreaterThan(0);
          for (const { code, message, line, column } of parsed.error) {
            expect(code).toMatch(/^pql\./);
            expect(message.length).toBeGreaterThan(10);
            expect(line).toBeGreaterThanOrEqual(1);
            expect(column).toBeGreaterThanOrEqual(1);
          }
        }
        expect(checkPql(text, {}).valid).toBe(parsed.ok && checkPql(text, {}).issues.length === 0);
        expect(typeof pqlToJson(text).ok).toBe("boolean");
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("any JSON", () => {
  it("is read or refused, and never throws", () => {
    const node = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.jsonValue(),
        fc.record(
          {
            nodeType: fc.constantFrom(
              "fnApply",
              "literal",
              "fieldLookup",
              "parameterReference",
              "quantification",
              "nope",
            ),
            fnName: fc.constantFrom("and", "=", "chain", "inSegment", "notIn", "__proto__", "constructor"),
            params: fc.array(tie("node"), { maxLength: 3 }),
            literalType: fc.constantFrom("String", "Number", "List", "XDMObject"),
            value: tie("node"),
            fieldName: fc.constantFrom("a", "__proto__", "constructor", ""),
            object: tie("node"),
            position: fc.integer(),
          },
          { requiredKeys: ["nodeType"] },
        ),
      ),
    })).node;
    fc.assert(
      fc.property(node, (json) => {
        const read = jsonToPql(json);
        if (read.ok) expect(parsePql(read.value).ok, read.value).toBe(true);
        else expect(read.error.length).toBeGreaterThan(0);
      }),
      { numRuns: 3_000 },
    );
  });
});

const times = (count: number, text: string): string => text.repeat(count);

/** Texts made to exhaust a reader: each must be answered at once, whatever the answer. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ["100,000 opening brackets", times(100_000, "(")],
  ["100,000 nested brackets", `${times(100_000, "(")}true${times(100_000, ")")}`],
  ["100,000 times not", `${times(100_000, "not(")}true${times(100_000, ")")}`],
  ["100,000 exclamation marks", `${times(100_000, "!")}true`],
  ["100,000 minus signs", `${times(100_000, "-")}1 = 1`],
  ["50,000 nested lists", `1 in ${times(50_000, "[")}1${times(50_000, "]")}`],
  ["20,000 fields deep", `a${times(20_000, ".a")} = 1`],
  ["20,000 nested filters", `${times(20_000, "a[")}b${times(20_000, "]")}`],
  ["a list of 100,000", `x in [${times(100_000, "1,")}1]`],
  ["50,000 times and", `true${times(50_000, " and true")}`],
  ["50,000 times plus", `1${times(50_000, " + 1")} = 2`],
  ["20,000 nested if", `${times(20_000, "if(true, ")}true${times(20_000, ", false)")}`],
  ["20,000 nested let", `${times(20_000, "let A = (1) in (")}true${times(20_000, ")")}`],
  ["20,000 nested exists", `${times(20_000, "exists X from a where (")}true${times(20_000, ")")}`],
  ["5,000 steps", `CHAIN(xEvent, timestamp, [${times(5_000, "A: WHAT(true), ")}B: WHAT(true)])`],
  ["a text of 1,000,000 letters", `x = "${times(1_000_000, "a")}"`],
  ["a number of 100,000 digits", `x = ${times(100_000, "9")}`],
  ["a name of 100,000 letters", `${times(100_000, "a")} = 1`],
  ["a string left open", `x = "${times(100_000, "\\\\")}`],
  ["200,000 carets", `${times(200_000, "^")}.a = 1`],
];

describe("hostile text", () => {
  it.each(HOSTILE)(
    "%s",
    (_what, text) => {
      const parsed = parsePql(text);
      expect(typeof parsed.ok).toBe("boolean");
      const answer = evaluatePql(text, { x: "a", xEvent: [] }, { now: NOW });
      expect(answer.ok || answer.error.length > 0).toBe(true);
      expect(answer.ok || answer.error.length < 1_000).toBe(true);
      if (parsed.ok) expect(parsePql(printPql(parsed.value)).ok).toBe(true);
      expect(typeof checkPql(text, {}).valid).toBe("boolean");
    },
    20_000,
  );

  it.each([
    "(a+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    "([a-zA-Z]+)*$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(.*a){20}",
    "(x+x+)+y",
  ])(
    "matches %s in linear time, or refuses it",
    (pattern) => {
      const profile = { x: `${times(50_000, "a")}!` };
      const answer = evaluatePql(`x.matches("${pattern}")`, profile, { now: NOW });
      expect(answer.ok || answer.error.every(({ code }) => code.startsWith("pql."))).toBe(true);
    },
    20_000,
  );

  it("says all that is wrong with a text at once", () => {
    const check = checkPql(`person.name.nope() = 1 and homeAddress.city.alsoNope() and x.startsWith()`, {});
    expect(check.valid).toBe(false);
    expect(check.issues.map(({ code, line }) => [code, line])).toEqual([
      ["pql.function", 1],
      ["pql.function", 1],
      ["pql.arity", 1],
    ]);
  });
});
