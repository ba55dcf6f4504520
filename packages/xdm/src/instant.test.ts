import { expect, test } from "vitest";
import { formatInstant } from "./instant.ts";

test("formats every moment as the platform does, whatever was asked for before", () => {
  const moments = [
    0, 999, 1000, 1001, -1, -1000, -1001, 1.5, 1_789_000_000_007, 1_789_000_000_070, 1_789_000_000_700,
  ];
  const edges = [253_402_300_799_999, 253_402_300_800_000, -62_167_219_200_001, 8.64e15];
  const all = [...moments, ...edges];
  for (const first of all) {
    for (const second of all) {
      expect(formatInstant(first)).toBe(new Date(first).toISOString());
      expect(formatInstant(second)).toBe(new Date(second).toISOString());
    }
  }
  expect(() => formatInstant(Number.NaN)).toThrow(RangeError);
});
