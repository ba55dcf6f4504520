import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createItemSplitter, type SplitItem } from "./item-splitter.ts";

function split(text: string, size: number, max = 1_000): readonly SplitItem[] {
  const splitter = createItemSplitter(max);
  const bytes = Buffer.from(text);
  const items: SplitItem[] = [];
  for (let at = 0; at < bytes.length; at += size) items.push(...splitter.push(bytes.subarray(at, at + size)));
  return [...items, ...splitter.end()];
}

const read = (items: readonly SplitItem[]): readonly unknown[] =>
  items.map((item) => (item.kind === "value" ? item.value : item.code));

const CASES: readonly [name: string, text: string, expected: readonly unknown[]][] = [
  ["an empty body", "", []],
  ["blank lines", "\n \r\n\n", []],
  ["an empty list", " [ ] ", []],
  ["a list", '[{"a":1},{"b":"],}"}, 3]', [{ a: 1 }, { b: "],}" }, 3]],
  ["a list with a bad item", '[{"a":1},{"b":nope},{"c":1}]', [{ a: 1 }, "json.syntax", { c: 1 }]],
  ["a list with a comma too many", '[{"a":1},]', [{ a: 1 }, "json.syntax"]],
  ["a list that does not end", '[{"a":1},{"b":', [{ a: 1 }, "json.unfinished"]],
  ["text after a list", '[{"a":1}] x', [{ a: 1 }, "json.trailing"]],
  ["escapes in strings", '[{"a":"\\"]"},{"b":"\\\\"}]', [{ a: '"]' }, { b: "\\" }]],
  ["NDJSON without a last line end", '{"a":1}\n{"b":2}', [{ a: 1 }, { b: 2 }]],
  ["NDJSON with CRLF", '{"a":1}\r\n{"b":2}\r\n', [{ a: 1 }, { b: 2 }]],
  ["a bad first line", '{"a":\n{"b":2}\n', ["json.syntax", { b: 2 }]],
  ["a bad later line", '{"a":1}\nnot json\n{"b":2}\n', [{ a: 1 }, "json.syntax", { b: 2 }]],
  ["one object over several lines", '{\n  "a": {\n    "b": [1,\n2]\n}\n}\n', [{ a: { b: [1, 2] } }]],
  ["two objects over several lines", '{\n"a": 1\n}\n{\n"b": "}"\n}', [{ a: 1 }, { b: "}" }]],
  ["a byte order mark", '\uFEFF[{"a":1}]', [{ a: 1 }]],
  ["text that is no JSON", "hello\nworld", ["json.syntax", "json.syntax"]],
];

describe("createItemSplitter", () => {
  it.each(CASES)("reads %s whatever the chunk size", (_name, text, expected) => {
    for (const size of [1, 2, 3, 7, 1_000]) expect(read(split(text, size))).toEqual(expected);
  });

  it("numbers the lines of NDJSON, blank ones included", () => {
    expect(split('{"a":1}\n\nbad\n{"b":2}', 5)).toMatchObject([
      { kind: "value", line: 1 },
      { kind: "fault", line: 3, code: "json.syntax" },
      { kind: "value", line: 4 },
    ]);
  });

  it.each([
    ["lines", `{"a":1}\n{"x":"${"y".repeat(500)}"}\n{"b":2}\n`],
    ["a list", `[{"a":1},{"x":"${"y".repeat(500)}"},{"b":2}]`],
  ])("refuses one item that is too large in %s and goes on", (_name, text) => {
    for (const size of [3, 1_000])
      expect(read(split(text, size, 100))).toEqual([{ a: 1 }, "item.tooLarge", { b: 2 }]);
  });

  it("gives back what was written, as a list and as lines, over any chunk borders", () => {
    const item = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (items, size) => {
        const written = items.map((one) => JSON.stringify(one));
        const expected = written.map((one) => JSON.parse(one) as unknown);
        expect(read(split(`[${written.join(",")}]`, size, 1e6))).toEqual(expected);
        expect(read(split(written.join("\n"), size, 1e6))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});
