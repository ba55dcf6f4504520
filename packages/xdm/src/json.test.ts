import { expect, test } from "vitest";
import { parseJson } from "./json.ts";

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

test.each([
  ["text", "a", "a"],
  ["a list with nothing in it", [], []],
  ["fields that are undefined", { a: undefined, b: { c: [1, null, true] } }, { b: { c: [1, null, true] } }],
  ["64 levels", nested(64), nested(64)],
])("copies %s", (_, input, value) => {
  const copied = parseJson(input);
  expect(copied).toEqual({ value });
  if (typeof input === "object" && "value" in copied) expect(copied.value).not.toBe(input);
});

const cycle: Record<string, unknown> = { name: "a" };
cycle["self"] = cycle;

test.each([
  ["a function", { a: [1, { b: () => 1 }] }, ["a", 1, "b"]],
  ["no number", { a: 1, b: [Number.NaN] }, ["b", 0]],
  ["a hole in a list", { a: [1, undefined] }, ["a", 1]],
  ["a way to the prototype", JSON.parse('{"a":{"__proto__":{"x":1}}}'), ["a", "__proto__"]],
  ["a constructor", { a: { constructor: 1 } }, ["a", "constructor"]],
  ["nothing at all", undefined, []],
  ["a symbol", Symbol("a"), []],
])("refuses %s and says where it lies", (_, input, badPath) => {
  expect(parseJson(input)).toEqual({ badPath });
});

test("refuses cycles and what is too deep", () => {
  for (const input of [cycle, nested(66), nested(5000)]) {
    const refused = parseJson(input);
    expect(refused).toHaveProperty("badPath");
    if ("badPath" in refused) expect(refused.badPath.length).toBeGreaterThan(60);
  }
});
