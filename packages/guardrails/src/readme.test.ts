import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { withTables } from "../readme-table.ts";
import { GUARDRAIL_ERRORS } from "./index.ts";

it("the tables of the README are those of the data (else run readme-table.ts)", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(readme).toBe(withTables(readme));
  expect(readme.match(/^\| `[a-z-]+\.[a-z0-9-]+` \|/gm)?.length).toBeGreaterThan(140);
});

it("every code of the table is given somewhere, and every code given is in the table", () => {
  const folder = new URL(".", import.meta.url);
  const sources = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const given = new Set<string>();
  for (const file of sources.filter((file) => file !== "errors.ts")) {
    const text = readFileSync(new URL(file, folder), "utf8");
    for (const [, code = ""] of text.matchAll(/code: "([a-z.]+)"/g)) given.add(code);
  }
  expect([...given].toSorted()).toEqual(Object.keys(GUARDRAIL_ERRORS).toSorted());
});
