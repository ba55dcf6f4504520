import { expect, it } from "vitest";
import { Dictionary } from "./dictionary.ts";

it("made of the values of another it gives the same codes, and new ones after them", () => {
  const values = ["a", 0, true, null, ["a"], { b: 1, a: 2 }, "b"];
  const first = new Dictionary();
  const codes = values.map((value) => first.code(value));
  const second = new Dictionary(first.values);
  expect(second.size).toBe(first.size);
  expect(codes.map((code) => second.value(code))).toEqual(values);
  expect(second.code(undefined)).toBe(0);
  expect(second.code("c")).toBe(first.size);
  expect(values.map((value) => second.code(value))).toEqual(codes);
  expect(second.code({ a: 2, b: 1 })).toBe(codes[5]);
  expect(second.valuesFrom(first.size)).toEqual(["c"]);
});
