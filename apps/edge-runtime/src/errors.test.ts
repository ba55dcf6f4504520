import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EDGE_ERRORS } from "./errors.ts";

it("the readme lists every error with its status, and no other", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const listed: Record<string, number> = {};
  for (const [, codes = "", statuses = ""] of readme.matchAll(
    /^\| EXEG-([\d, ]+) \| ([\d, ]+?)(?: warning)? \|/gm,
  )) {
    const status = statuses.split(", ").map(Number);
    codes.split(", ").forEach((code, at) => (listed[`EXEG-${code}`] = status[at] ?? status[0] ?? 0));
  }
  const defined = Object.entries(EDGE_ERRORS).map(([code, { status }]) => [code, status] as const);
  expect(listed).toEqual(Object.fromEntries(defined));
});
