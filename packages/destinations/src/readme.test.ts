import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as api from "./index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("lists every code with its meaning", () => {
  const rows = [...readme.matchAll(/^\| `([a-z]+\.[a-z-]+)` \| (.+?) \| (yes|no) \|$/gm)].map(
    ([, code, meaning, retried]) => [code, { meaning, retryable: retried === "yes" }],
  );
  expect(Object.fromEntries(rows)).toEqual(api.DESTINATION_ERRORS);
});

it("has every code that the sources give, and no other", () => {
  const folder = new URL(".", import.meta.url);
  const files = readdirSync(folder).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "errors.ts",
  );
  const text = files.map((file) => readFileSync(new URL(file, folder), "utf8")).join("\n");
  const families =
    "batch|dataflow|mapping|schedule|attempts|plan|outcome|interpret|results|row|response|settings";
  const given = new Set(
    [...text.matchAll(new RegExp(`"((?:${families})\\.[a-z-]+)"`, "g"))].map(([, code]) => code ?? ""),
  );
  for (const [, rule] of text.matchAll(/report\("([a-z]+)"/g)) given.add(`settings.${rule}`);
  for (const reason of ["timeout", "network", "credential", "storage"]) given.add(`transport.${reason}`);
  expect([...given].sort()).toEqual(Object.keys(api.DESTINATION_ERRORS).sort());
});

it("the example runs and gives what its comments say", async () => {
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? "";
  const body = example
    .replace(/import \{([^}]+)\} from "[^"]+";/, "const {$1} = api;")
    .replaceAll(" as const", "")
    .replace("await engine.deliverOnce", "const round = await engine.deliverOnce")
    .replace("await outbox.deliveries", "const log = await outbox.deliveries");
  const run = Object.getPrototypeOf(async () => undefined).constructor(
    "api",
    `${body}\nreturn { round, log };`,
  );
  const { round, log } = await run(api);
  expect(round).toEqual({ kind: "worked", items: 1 });
  expect(log).toMatchObject([{ outcome: "delivered", changes: [{ audienceId: "gold" }] }]);
});
