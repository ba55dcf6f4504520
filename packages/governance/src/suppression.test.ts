import { expect, it } from "vitest";
import { suppressionEntry, suppressionHash, SuppressionList } from "./index.ts";

const SALT = "a-salt-of-enough-characters";
const jane = { namespace: "Email", id: "jane@example.test" };
const at = "2026-01-10T00:00:00Z";
const time = (text: string): number => Date.parse(text);

it("an entry holds a hash and no value; another salt gives another hash", () => {
  const entry = suppressionEntry(jane, { salt: SALT, at });
  expect(entry.hash).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.stringify(entry)).not.toContain("jane");
  expect(suppressionHash(jane, "another-salt-of-some-length")).not.toBe(entry.hash);
  expect(suppressionHash({ ...jane, namespace: "CRMID" }, SALT)).not.toBe(entry.hash);
});

it.each([
  ["a replay from before the deletion", jane, "2026-01-09T00:00:00Z", true],
  ["data of the very moment", jane, at, true],
  ["a new visit after it", jane, "2026-01-10T00:00:01Z", false],
  ["another identity", { ...jane, id: "john@example.test" }, "2026-01-09T00:00:00Z", false],
])("%s", (_, identity, when, expected) => {
  const list = new SuppressionList([suppressionEntry(jane, { salt: SALT, at })], SALT);
  expect(list.isSuppressed(identity, time(when))).toBe(expected);
});

it("always keeps out later data as well, whatever is added", () => {
  const always = new SuppressionList([suppressionEntry(jane, { salt: SALT, at, scope: "always" })], SALT);
  const list = always.with(suppressionEntry(jane, { salt: SALT, at }));
  expect(list.isSuppressed(jane, time("2030-01-01"))).toBe(true);
});

it("a second deletion moves the moment on, an older entry does not move it back", () => {
  const later = "2026-03-01T00:00:00Z";
  const empty = new SuppressionList([], SALT);
  const list = empty
    .with(suppressionEntry(jane, { salt: SALT, at: later }))
    .with(suppressionEntry(jane, { salt: SALT, at }));
  expect(list.isSuppressed(jane, time(later))).toBe(true);
  expect(list.isSuppressed(jane, time("2026-03-02"))).toBe(false);
  expect([list.size, empty.size, empty.isSuppressed(jane, 0)]).toEqual([1, 0, false]);
});

it("an entry whose time cannot be read keeps everything out", () => {
  const list = new SuppressionList([{ ...suppressionEntry(jane, { salt: SALT, at }), until: "?" }], SALT);
  expect(list.isSuppressed(jane, time("2099-01-01"))).toBe(true);
});
