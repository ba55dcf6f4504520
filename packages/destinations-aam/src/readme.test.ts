import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { AAM_CODES } from "./index.ts";

it("the README lists every code with its meaning", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| `(aam\.[^`]+)` \| (.+?) \| (yes|no) \|$/gm)].map(
    ([, code, meaning, retryable]) => [code, { meaning, retryable: retryable === "yes" }],
  );
  expect(Object.fromEntries(rows)).toEqual(AAM_CODES);
});

it("every code the sources give is listed", () => {
  const sources = [
    "plan.ts",
    "interpret.ts",
    "files/inbound-line.ts",
    "files/id-sync-file.ts",
    "rules/rule-text.ts",
    "rules/compile-rules.ts",
    "edge/edge-config.ts",
  ];
  const given = sources.flatMap((file) =>
    [...readFileSync(new URL(file, import.meta.url), "utf8").matchAll(/"(aam\.[A-Za-z.]+)"/g)].map(
      ([, code]) => code,
    ),
  );
  expect(given.length).toBeGreaterThan(10);
  for (const code of given) expect(Object.keys(AAM_CODES)).toContain(code);
});
