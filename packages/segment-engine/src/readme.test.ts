import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as api from "./index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("lists every code with its meaning", () => {
  const rows = [...readme.matchAll(/^\| `([a-z]+\.[a-z]+)` \| (.+) \|$/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ]);
  expect(Object.fromEntries(rows)).toEqual(api.SEGMENT_ERRORS);
});

it("the example runs and gives what its comments say", async () => {
  const example = /```ts\n([\s\S]+?)```/.exec(readme)?.[1] ?? "";
  const body = example.replace(/import \{([^}]+)\} from "[^"]+";/, "const {$1} = api;");
  const run = Object.getPrototypeOf(async () => undefined).constructor(
    "api",
    `${body}\nreturn { value: evaluatePql(pql, profile, { now: "2026-03-10T12:00:00Z" }), check: checkPql(pql), plan, person, now, why };`,
  );
  const { value, check, plan, person, now, why } = await run(api);
  expect(value).toEqual({ ok: true, value: true });
  expect(check.eligibility.edge.eligible).toBe(true);
  expect(plan.value.evaluate(person, now)).toEqual({
    members: new Set(["checkout"]),
    nextChangeAt: Date.parse("2026-03-11T09:00:00.001Z"),
  });
  expect(api.explainText(why.value)).toContain('yes  homeAddress.country.equals("us", false)');
});
