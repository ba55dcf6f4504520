import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as api from "./index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("lists every code with its meaning", () => {
  const rows = [...readme.matchAll(/^\| `(campaign\.[^`]+)` \| (.+?) \| (yes|no) \|$/gm)].map(
    ([, code, meaning, retryable]) => [code, { meaning, retryable: retryable === "yes" }],
  );
  expect(Object.fromEntries(rows)).toEqual(api.CAMPAIGN_CODES);
});

it("every code is given somewhere, and no other; guardrails have names of their own", () => {
  const folder = new URL(".", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (file) => /^(?!.*\.test\.ts$).*\.ts$/.test(file) && !/errors|guardrails|latency|conformance/.test(file),
  );
  const text = files.map((file) => readFileSync(new URL(file, folder), "utf8")).join("\n");
  const given = new Set([...text.matchAll(/"(campaign\.[A-Za-z.]+)"/g)].map(([, code]) => code ?? ""));
  expect([...given].sort()).toEqual(Object.keys(api.CAMPAIGN_CODES).sort());
});

it("the example runs and gives what its comments say", () => {
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? "";
  const body = example
    .replace(/import \{([^}]+)\} from "[^"]+";/, "const {$1} = api;")
    .replaceAll(" as const", "");
  const said: string[] = [];
  const output = { log: (...values: readonly unknown[]) => said.push(values.join(" ")) };
  const run = Object.getPrototypeOf(() => undefined).constructor("api", "console", body);
  run(api, output);
  expect(said).toEqual([...example.matchAll(/\/\/ (.+)$/gm)].map(([, comment]) => comment));
});
