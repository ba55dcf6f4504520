import { parse } from "csv-parse/sync";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCsvWriter, DEFAULT_CSV, readCsv, readCsvRecords } from "../index.ts";

const value = fc.oneof(
  fc.constant(null),
  fc.string({ unit: fc.constantFrom("a", '"', "'", "\\", ",", ";", "\n", "\r", "é", "😀", " ") }),
);
const rows = fc.array(fc.array(value, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 4 });

describe("readCsv", () => {
  it("reads what the writer writes, in any dialect, however it is cut", () => {
    const dialect = fc.record({
      delimiter: fc.constantFrom(",", ";"),
      quote: fc.constantFrom('"', "'"),
      backslash: fc.boolean(),
    });
    fc.assert(
      fc.property(
        rows,
        dialect,
        fc.integer({ min: 1, max: 7 }),
        (given, { delimiter, quote, backslash }, cut) => {
          const escape = backslash ? "\\" : quote;
          const write = createCsvWriter({
            ...DEFAULT_CSV,
            delimiter,
            quote,
            escape,
            charToEscapeQuoteEscaping: escape,
          });
          const text = given.map(write).join("");
          const pieces = text.match(new RegExp(`[^]{1,${cut}}`, "g")) ?? [];
          expect([...readCsv(pieces, { delimiter, quote, escape })]).toEqual(given);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("agrees with csv-parse on well-formed texts", () => {
    fc.assert(
      fc.property(rows, (given) => {
        const text = given.map(createCsvWriter(DEFAULT_CSV)).join("");
        const wanted = parse(text, { record_delimiter: "\n", relax_column_count: true }) as string[][];
        expect([...readCsv([text])].map((row) => row.map((field) => field ?? ""))).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, string, readonly (readonly (string | null)[])[]]>([
    [
      "no last line end",
      "a,b\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "line ends of Windows and an empty line",
      "a,b\r\n\r\nc,\r\n",
      [
        ["a", "b"],
        ["c", null],
      ],
    ],
    ["a byte that begins a quote in the middle is a character", 'a"b,c\n', [['a"b', "c"]]],
    ["a quoted value without its end", '"a,b\nc', [["a,b\nc"]]],
    ["an empty text and nothing", '"",\n', [["", null]]],
    ["nothing", "", []],
  ])("%s", (_, text, wanted) => expect([...readCsv([text])]).toEqual(wanted));

  it("gives records under the names of the first row; absent where nothing stands", () => {
    expect([...readCsvRecords(['a, b\n1,\n"",3,4\n'])]).toEqual([{ a: "1" }, { a: "", b: "3" }]);
  });
});
