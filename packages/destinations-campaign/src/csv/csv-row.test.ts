import { parse } from "csv-parse/sync";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCsvWriter, type CsvOptions, DEFAULT_CSV, isFormula } from "../index.ts";

/** An independent strict reader for the default dialect: RFC 4180 by the letter, a state machine of its own. */
function readStrict(text: string, { delimiter = ",", quote = '"', end = "\n" } = {}): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === quote) {
      let value = "";
      at += 1;
      for (;;) {
        if (at >= text.length) throw new Error("a quoted value without its end");
        if (text[at] !== quote) value += text[at++];
        else if (text[at + 1] === quote) {
          value += quote;
          at += 2;
        } else break;
      }
      at += 1;
      row.push(value);
    } else {
      let value = "";
      while (at < text.length && text[at] !== delimiter && text[at] !== end) {
        if (text[at] === quote) throw new Error("a quote inside a bare value");
        value += text[at++];
      }
      row.push(value === "" ? null : value);
    }
    if (at >= text.length) throw new Error("a row without its end");
    if (text[at] === end) {
      rows.push(row);
      row = [];
    } else if (text[at] !== delimiter) throw new Error("text after a quoted value");
    at += 1;
  }
  return rows;
}

const HOSTILE: readonly (string | null)[] = [
  'say "hi"',
  "a,b",
  "line\nbreak",
  "carriage\rreturn",
  "both\r\n",
  '"',
  '""',
  ",",
  "",
  null,
  " lead",
  "trail ",
  "\t",
  "😀",
  "ünï©ödé",
  "a\\",
  "\\",
  '\\"',
  "NULL",
  "null",
  "=1+1",
  "\u0000",
  "\u2028",
  "x".repeat(1_000_000),
  `${'"'.repeat(1000)},`,
];

describe("rows of the default dialect", () => {
  it("come back whole from a strict reader and from csv-parse, hostile values and a megabyte field included", () => {
    const text = createCsvWriter(DEFAULT_CSV)(HOSTILE) + createCsvWriter(DEFAULT_CSV)([...HOSTILE].reverse());
    expect(readStrict(text)).toEqual([HOSTILE, [...HOSTILE].reverse()]);
    const [row] = parse(text, { record_delimiter: "\n" }) as string[][];
    expect(row).toEqual(HOSTILE.map((value) => value ?? ""));
  });

  it("come back whole for any values", () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.string({ unit: "binary" }),
      fc.constantFrom(...HOSTILE.slice(0, 20)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 5 }),
        (rows) => {
          const write = createCsvWriter(DEFAULT_CSV);
          expect(readStrict(rows.map(write).join(""))).toEqual(rows);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("every option", () => {
  const cases: readonly [string, Partial<CsvOptions>, (string | null)[], string][] = [
    ["delimiter", { delimiter: ";" }, ["a;b", "c,d"], '"a;b";c,d\n'],
    ["delimiter tab", { delimiter: "\t" }, ["a\tb", "c"], '"a\tb"\tc\n'],
    ["quote", { quote: "'", escape: "'" }, ["it's", '"'], "'it''s',\"\n"],
    ["escape", { escape: "\\", charToEscapeQuoteEscaping: "\\" }, ['a"b', "c\\"], '"a\\"b","c\\\\"\n'],
    ["emptyValue quoted", { emptyValue: '""' }, ["", "x"], '"",x\n'],
    ["emptyValue nothing", { emptyValue: "" }, ["", "x"], ",x\n"],
    ["nullValue null", { nullValue: "null" }, [null, "NULL"], 'NULL,"NULL"\n'],
    ["nullValue quoted", { nullValue: '""' }, [null, "x"], '"",x\n'],
    ["lineSeparator", { lineSeparator: "\r" }, ["a", "b\r"], 'a,"b\r"\r'],
    ["ignoreLeadingWhiteSpace", { ignoreLeadingWhiteSpace: true }, ["  a ", "b"], '"a ",b\n'],
    ["ignoreTrailingWhiteSpace", { ignoreTrailingWhiteSpace: true }, [" a  ", "b"], '" a",b\n'],
    ["both", { ignoreLeadingWhiteSpace: true, ignoreTrailingWhiteSpace: true }, [" a ", "   "], 'a,""\n'],
    [
      "formulaGuard",
      { formulaGuard: true },
      ["=1+1", "-5", "@x", "+49 30", "-5.2", "\tx"],
      "'=1+1,-5,'@x,'+49 30,-5.2,'\tx\n",
    ],
  ];
  it.each(cases)("%s", (_, options, values, wanted) => {
    expect(createCsvWriter({ ...DEFAULT_CSV, ...options })(values)).toBe(wanted);
  });

  it("is read back by csv-parse with the same delimiter, quote and escape", () => {
    const dialect = fc.record({
      delimiter: fc.constantFrom(",", ";", "\t", "|"),
      quote: fc.constantFrom('"', "'"),
      escape: fc.constantFrom("same", "\\"),
    });
    const value = fc.string({
      unit: fc.constantFrom("a", '"', "'", "\\", ",", ";", "|", "\t", "\n", "é", " "),
    });
    fc.assert(
      fc.property(
        dialect,
        fc.array(value, { minLength: 2, maxLength: 4 }),
        ({ delimiter, quote, escape }, values) => {
          const own = escape === "same" ? quote : escape;
          const options = { ...DEFAULT_CSV, delimiter, quote, escape: own, charToEscapeQuoteEscaping: own };
          const text = createCsvWriter(options)(values);
          const rows = parse(text, { delimiter, quote, escape: own, record_delimiter: "\n" }) as string[][];
          expect(rows).toEqual([values]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ["=cmd|' /C calc'!A0", true],
    ["+1-800", true],
    ["@SUM(A1)", true],
    ["-2", false],
    ["+3.5", false],
    ["1-2", false],
    ["", false],
  ])("isFormula(%j) is %j", (text, wanted) => expect(isFormula(text)).toBe(wanted));
});
