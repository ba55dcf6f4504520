import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { withTables } from "../readme-table.ts";

it("the tables of the README are those of the data (else run readme-table.ts)", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(readme).toBe(withTables(readme));
  expect(readme.match(/^\| `[a-z-]+\.[a-z0-9-]+` \|/gm)?.length).toBeGreaterThan(140);
});
