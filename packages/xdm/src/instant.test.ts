import { expect, test } from "vitest";
import { formatInstant, parseInstant } from "./instant.ts";

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

test.each([
  ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
  ["2026-01-28T23:59:59.999Z", "2026-01-28T23:59:59.999Z"],
  ["2024-02-29T00:00:00.5Z", "2024-02-29T00:00:00.500Z"],
  ["2026-01-15T12:00:00+02:00", "2026-01-15T10:00:00.000Z"],
  ["2026-01-15", "2026-01-15T00:00:00.000Z"],
  ["2026-01-15 12:00:00 UTC", "2026-01-15T12:00:00.000Z"],
  ["0050-01-15T12:00:00.000Z", "0050-01-15T12:00:00.000Z"],
  ["9999-12-28T23:59:59.999Z", "9999-12-28T23:59:59.999Z"],
])("reads %s", (text, moment) => {
  expect(parseInstant(text)).toEqual({ ok: true, value: Date.parse(moment) });
});

test("reads the days that there are, and no others", () => {
  for (const year of [2024, 2026])
    for (let month = 1; month <= 12; month++)
      for (let day = 0; day <= 32; day++) {
        const text = `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}T23:59:59.999Z`;
        const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
        const read = parseInstant(text);
        expect([text, read.ok && read.value]).toEqual([
          text,
          day >= 1 && day <= days && Date.UTC(year, month - 1, day, 23, 59, 59, 999),
        ]);
      }
});

test.each([
  "2026-13-15T12:00:00.000Z",
  "2026-00-15T12:00:00.000Z",
  "2026-02-29T12:00:00.000Z",
  "2026-01-00T12:00:00.000Z",
  "2026-01-15T24:00:00.000Z",
  "2026-01-15T12:60:00.000Z",
  "2026-01-15T12:00:60.000Z",
  "2026-01-15T12:00:00,000Zx",
  "2026-01-15T12:00:00.0a0Z",
  "2026_01-15T12:00:00.000Z",
  "202a-01-15T12:00:00.000Z",
])("refuses %s", (text) => {
  expect(parseInstant(text)).toMatchObject({ ok: false, error: { code: "time.invalid" } });
});
