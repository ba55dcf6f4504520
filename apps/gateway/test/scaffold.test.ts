import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { scaffoldDestination } from "../src/scaffold/scaffold-destination.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const templates = join(ROOT, "packages/destinations/template");
const packages = mkdtempSync(join(ROOT, "apps/gateway/test/.scaffold-"));
afterAll(() => rmSync(packages, { recursive: true, force: true }));

it("makes a package whose types hold, and overwrites none", async () => {
  const made = await scaffoldDestination("acme-ads", undefined, { templates, packages });
  if (!made.ok) throw new Error(made.error.message);
  const { folder, files, next } = made.value;
  expect(files).toEqual([
    "README.md",
    "package.json",
    "src/acme-ads.test.ts",
    "src/acme-ads.ts",
    "src/index.ts",
    "tsconfig.build.json",
    "tsconfig.json",
    "turbo.json",
  ]);
  expect(JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))).toMatchObject({
    name: "@tessera/destinations-acme-ads",
  });
  expect(readFileSync(join(folder, "README.md"), "utf8")).toContain("Acme Ads as a destination.");
  expect(next.join("\n")).toContain("catalogEntry(acmeAds)");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--skipLibCheck"];
  const conditions = ["--customConditions", "@tessera/source", "--allowImportingTsExtensions"];
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, ...options, ...conditions, join(folder, "src/index.ts")], {
    cwd: ROOT,
  });
  expect(await scaffoldDestination("acme-ads", undefined, { templates, packages })).toMatchObject({
    error: { code: "scaffold.exists" },
  });
}, 60_000);

it.each(["", "Acme", "../evil", "acme_ads", "-x", "a--b", "__proto__"])(
  "refuses the name %j",
  async (slug) => {
    const refused = await scaffoldDestination(slug, undefined, { templates, packages });
    expect(refused).toMatchObject({ error: { code: "scaffold.slug" } });
  },
);
