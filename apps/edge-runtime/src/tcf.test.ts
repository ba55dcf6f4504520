import { describe, expect, it } from "vitest";
import { parseTcf } from "./tcf.ts";

/** Writes the core segment of a string: version 2, the purposes, then vendors as a bit field or as ranges. */
function write(
  purposes: readonly number[],
  vendors: { readonly highest: number } & (
    | { readonly only: readonly number[] }
    | { readonly ranges: readonly (readonly [from: number, to: number])[] }
  ),
): string {
  const number = (value: number, width: number): string => value.toString(2).padStart(width, "0");
  const has = (list: readonly number[], count: number): string =>
    Array.from({ length: count }, (_, at) => (list.includes(at + 1) ? "1" : "0")).join("");
  const head = number(2, 6).padEnd(152, "0") + has(purposes, 24);
  const rest =
    "only" in vendors
      ? `0${has(vendors.only, vendors.highest)}`
      : `1${number(vendors.ranges.length, 12)}${vendors.ranges
          .map(([from, to]) =>
            from === to ? `0${number(from, 16)}` : `1${number(from, 16)}${number(to, 16)}`,
          )
          .join("")}`;
  const bits = head.padEnd(213, "0") + number(vendors.highest, 16) + rest;
  const bytes = (bits.padEnd(Math.ceil(bits.length / 8) * 8, "0").match(/.{8}/g) ?? []).map((byte) =>
    Number.parseInt(byte, 2),
  );
  return Buffer.from(bytes).toString("base64url");
}

describe("a TCF string", () => {
  it.each([
    ["a bit field", write([1, 3], { highest: 700, only: [2, 699] })],
    [
      "ranges",
      write([1, 3], {
        highest: 700,
        ranges: [
          [2, 2],
          [699, 699],
        ],
      }),
    ],
  ])("says its purposes and vendors in %s", (_, text) => {
    const read = parseTcf(`${text}.anything`);
    expect([...(read?.purposes ?? [])]).toEqual([1, 3]);
    expect([0, 1, 2, 3, 698, 699, 700, 701].filter((vendor) => read?.consentsTo(vendor))).toEqual([2, 699]);
  });

  it("reads ranges with their ends, and no vendor above the highest", () => {
    const read = parseTcf(
      write([1], {
        highest: 50,
        ranges: [
          [10, 20],
          [45, 60],
        ],
      }),
    );
    expect([9, 10, 20, 21, 44, 45, 50, 51, 60].filter((vendor) => read?.consentsTo(vendor))).toEqual([
      10, 20, 45, 50,
    ]);
  });

  it("a string that names every vendor over and over is answered without listing them", () => {
    const ranges = Array.from({ length: 700 }, () => [1, 65_535] as const);
    const text = write([1], { highest: 65_535, ranges });
    for (let read = 0; read < 500; read++) expect(parseTcf(text)?.consentsTo(65_535)).toBe(true);
  });

  it.each([
    "",
    "nonsense",
    "AAAA",
    "C",
    write([1], { highest: 8, only: [1] }).replace(/^C/, "B"),
    "C".repeat(5000),
  ])("%j is none", (text) => {
    expect(parseTcf(text)).toBeUndefined();
  });
});
