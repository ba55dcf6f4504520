import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CsvOptions, type CsvValue, csvWriter, DEFAULT_CSV, parseCsvOptions } from "./csv.ts";

const cases: readonly (readonly [string, Partial<CsvOptions>, readonly CsvValue[], string])[] = [
  ["plain values", {}, ["a", 1, true], "a,1,true\n"],
  ["nothing and emptiness differ", {}, ["", null, undefined], '"",,\n'],
  ["NULL by name", { nullValue: "NULL" }, [null, "NULL"], 'NULL,"NULL"\n'],
  ["quotes are doubled", {}, ['say "hi"'], '"say ""hi"""\n'],
  ["delimiter and line ends are quoted", {}, ["a,b", "a\nb", "a\rb"], '"a,b","a\nb","a\rb"\n'],
  ["another delimiter", { delimiter: "|" }, ["a,b", "a|b"], 'a,b|"a|b"\n'],
  ["a backslash escapes", { escape: "\\" }, ['a"\\'], '"a\\"\\\\"\n'],
  ["an escape of its own", { escape: "\\", escapeEscape: "^" }, ['\\"'], '"^\\\\""\n'],
  ["blanks are dropped", {}, ["  a "], "a\n"],
  ["blanks are kept", { trimLeading: false, trimTrailing: false }, ["  a "], "  a \n"],
  ["no quotes at all", { quote: "" }, ["a,b"], "a,b\n"],
  ["lines ended otherwise", { lineSeparator: ";" }, ["a;b"], '"a;b";'],
];

describe("csvWriter", () => {
  for (const [name, options, values, line] of cases) {
    it(name, () => expect(csvWriter({ ...DEFAULT_CSV, ...options })(values)).toBe(line));
  }

  it("law: a reader of the default dialect gets the values back", () => {
    const text = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", "é", " ", "\\") });
    const options = { ...DEFAULT_CSV, trimLeading: false, trimTrailing: false };
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), (values) => {
        expect(readLine(csvWriter(options)(values))).toEqual(values);
      }),
    );
  });

  it("refuses characters with two meanings and wrong options, all at once", () => {
    expect(parseCsvOptions({ delimiter: '"' }).ok).toBe(false);
    const refused = parseCsvOptions({ delimiter: ",,", compression: "zip", header: "yes", extra: 1 });
    expect(refused.ok ? [] : refused.error.map((i) => i.path?.join("."))).toEqual([
      "delimiter",
      "compression",
      "header",
      "extra",
    ]);
    expect(parseCsvOptions({})).toEqual({ ok: true, value: DEFAULT_CSV });
  });
});

/** A reader written by the rules of RFC 4180 alone. */
function readLine(line: string): readonly string[] {
  const values: string[] = [];
  let value = "";
  let inside = false;
  for (let i = 0; i < line.length - 1; i += 1) {
    const c = line[i];
    if (inside && c === '"' && line[i + 1] === '"') {
      value += '"';
      i += 1;
    } else if (c === '"') inside = !inside;
    else if (c === "," && !inside) {
      values.push(value);
      value = "";
    } else value += c;
  }
  return [...values, value];
}
