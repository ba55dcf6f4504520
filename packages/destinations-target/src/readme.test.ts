import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as api from "./index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("lists every code with its meaning", () => {
  const rows = [...readme.matchAll(/^\| `([a-z]+\.[a-z-]+)` \| (.+?) \| (yes|no) \|$/gm)].map(
    ([, code, meaning, retried]) => [code, { meaning, retryable: retried === "yes" }],
  );
  expect(Object.fromEntries(rows)).toEqual(api.TARGET_ERRORS);
});

it("has every code that the sources give", () => {
  const folder = new URL(".", import.meta.url);
  const files = readdirSync(folder).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "errors.ts",
  );
  const text = files.map((file) => readFileSync(new URL(file, folder), "utf8")).join("\n");
  const given = [
    ...text.matchAll(
      /code:? (?:=[^"]*)?"((?:target|activity)\.[a-z-]+)"|settingsIssue\(\s*"([a-z.-]+)"|wrong\(\s*"([a-z-]+)"/g,
    ),
  ].map(([, code, issue, rule]) => code ?? issue ?? `target.${rule}`);
  expect(given.length).toBeGreaterThan(10);
  for (const code of given) expect(Object.keys(api.TARGET_ERRORS)).toContain(code);
});

it("the example runs and gives what its comments say", async () => {
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? "";
  const body = example
    .replace(/import \{([^}]+)\} from "[^"]+";/, "const {$1} = api;")
    .replaceAll(" as const", "");
  const run = Object.getPrototypeOf(async () => undefined).constructor(
    "api",
    `${body}\nreturn { answer, decisions };`,
  );
  const { answer, decisions } = await run(api);
  expect(answer.body.execute.mboxes[0].options[0].content).toBe("Hi Ada");
  expect(api.toPropositions(decisions)[0]).toMatchObject({ scope: "hero" });
});
