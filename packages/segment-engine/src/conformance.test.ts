import { readdirSync, readFileSync } from "node:fs";
import { isObject } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { evaluatePql, jsonToPql, parsePql, pqlToJson, printPql } from "./index.ts";

interface Case {
  readonly id: string;
  readonly pql: string;
  readonly now: string;
  readonly profile: string;
  readonly expect: boolean;
  readonly source: string;
}

const folder = new URL("../conformance/", import.meta.url);
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, folder), "utf8"));
const profiles = read("profiles.json") as Record<string, object>;
/** Cases that are known not to hold yet; a case that begins to hold leaves the list. */
const ratchet = new Set(read("ratchet.json") as string[]);
const families = readdirSync(new URL("cases/", folder)).map(
  (file) => [file.replace(".json", ""), read(`cases/${file}`) as readonly Case[]] as const,
);

const answer = ({ pql, profile, now }: Case, text = pql): unknown => {
  const result = evaluatePql(text, profiles[profile], { now });
  return result.ok ? result.value : result.error.map(({ message }) => message);
};

describe.each(families)("%s", (_family, cases) => {
  it.each(cases)("$id: $pql", (given) => {
    if (ratchet.has(given.id)) expect(answer(given)).not.toBe(given.expect);
    else expect(answer(given)).toBe(given.expect);
  });

  it.each(cases)("$id means the same printed, and as JSON", (given) => {
    const parsed = parsePql(given.pql);
    if (!parsed.ok) throw new Error(parsed.error[0]?.message);
    const printed = printPql(parsed.value);
    expect(answer(given, printed), printed).toBe(answer(given));
    const json = pqlToJson(parsed.value);
    if (!json.ok) throw new Error(json.error[0]?.message);
    expect(jsonToPql(JSON.parse(JSON.stringify(json.value)))).toEqual({ ok: true, value: printed });
  });
});

it("has cases of every kind, each with its own id, and nothing left to mend", () => {
  const all = families.flatMap(([, cases]) => cases);
  expect(all.length).toBeGreaterThanOrEqual(400);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  expect(all.every((one) => isObject(profiles[one.profile]) && one.source !== "")).toBe(true);
  expect([...ratchet]).toEqual([]);
});
