import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { DestinationDefinition } from "./definition.ts";
import { destinationCases } from "./conformance/index.ts";

const TEMPLATE = fileURLToPath(new URL("../template/", import.meta.url));
const WORDS = { __slug__: "acme-ads", __camel__: "acmeAds", __Pascal__: "AcmeAds", __Title__: "Acme Ads" };

function rendered(): ReadonlyMap<string, string> {
  const fill = (text: string): string =>
    Object.entries(WORDS).reduce((filled, [word, value]) => filled.replaceAll(word, value), text);
  const files = readdirSync(TEMPLATE, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [fill(path.slice(TEMPLATE.length)).replace(/\.tmpl$/, ""), fill(readFileSync(path, "utf8"))];
    }),
  );
}

describe("the template of a new destination", () => {
  it("leaves no placeholder behind, and its JSON is JSON", () => {
    const files = rendered();
    expect([...files.keys()].sort()).toEqual([
      "README.md",
      "package.json",
      "src/acme-ads.test.ts",
      "src/acme-ads.ts",
      "src/index.ts",
      "tsconfig.build.json",
      "tsconfig.json",
      "turbo.json",
    ]);
    for (const [name, text] of files) {
      expect(text).not.toMatch(/__[A-Za-z]+__/);
      if (name.endsWith(".json")) expect(() => JSON.parse(text)).not.toThrow();
    }
  });

  it("makes a definition that passes the conformance cases", async () => {
    const folder = mkdtempSync(fileURLToPath(new URL("../test/rendered-", import.meta.url)));
    try {
      for (const [name, text] of rendered()) {
        if (!name.startsWith("src/") || name.endsWith(".test.ts")) continue;
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      const module = (await import(/* @vite-ignore */ join(folder, "src/index.ts"))) as {
        acmeAds: DestinationDefinition<unknown>;
      };
      const at = "2026-01-31T12:00:00.000Z";
      const cases = destinationCases(module.acmeAds, {
        settings: [{ url: "https://api.example/v1", token: { secret: "t" } }],
        invalidSettings: [{ input: { url: "https://api.example/v1", token: "plain" }, path: ["token"] }],
        batches: [
          {
            kind: "profiles",
            destinationId: "d1",
            dataflowId: "f1",
            audiences: [],
            mapping: [],
            items: [
              {
                id: "i1",
                personId: "p1",
                trigger: "membership",
                at,
                identities: [{ namespace: "CRMID", id: "42", target: "customer" }],
                attributes: { tier: "gold" },
                changes: [{ audienceId: "gold", namespace: "ups", status: "exited", at }],
                memberships: {},
              },
            ],
          },
        ],
        context: { now: at, destinationId: "d1", destinationName: "Acme", orgId: "o", sandbox: "s" },
      });
      for (const { run } of cases) run();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
