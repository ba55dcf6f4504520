import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore, SQLITE_STORE_ERRORS, SqliteStoreError } from "./index.ts";
import { migrate, MIGRATIONS } from "./schema.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-schema-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const versionOf = (database: DatabaseSync): unknown =>
  database.prepare("PRAGMA user_version").get()?.["user_version"];

function codeOf(open: () => unknown): string | undefined {
  try {
    open();
    return undefined;
  } catch (thrown) {
    return thrown instanceof SqliteStoreError ? thrown.code : String(thrown);
  }
}

test("a file goes forward one version at a time, and not twice", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database, ["CREATE TABLE a(x)"]);
  expect(versionOf(database)).toBe(1);
  const three = [
    "no longer run",
    "CREATE TABLE b(x); INSERT INTO a VALUES (1)",
    "INSERT INTO b SELECT x FROM a",
  ];
  migrate(database, three);
  migrate(database, three);
  expect(versionOf(database)).toBe(3);
  expect(database.prepare("SELECT count(*) AS n FROM b").get()?.["n"]).toBe(1);
});

test("a step that fails leaves the version before it, whole", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database, ["CREATE TABLE a(x)"]);
  expect(() => migrate(database, ["", "CREATE TABLE b(x); INSERT INTO missing VALUES (1)"])).toThrow(
    /missing/,
  );
  expect(versionOf(database)).toBe(1);
  expect(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"]).toBe(1);
});

test("a file of an earlier version goes forward with all it held", async () => {
  const path = join(folder, "earlier.db");
  const database = new DatabaseSync(path);
  migrate(database, MIGRATIONS.slice(0, 1));
  database.exec(`
    INSERT INTO name(id, name) VALUES (1, 'web');
    INSERT INTO identity(id, key) VALUES (1, 'CRMID:ada');
    INSERT INTO event(eid, dataset, owner, at, ingested, body) VALUES ('e1', 1, 1, 5, 6, '{"_id":"e1"}');
    INSERT INTO quarantine VALUES ('q1', 'web', 'event', 'c', 'm', 7, '{"a":1}');`);
  database.close();
  const store = openSqliteStore({ path });
  expect(await store.events(["CRMID:ada" as never])).toMatchObject([
    { id: "e1", at: 5, body: { _id: "e1" } },
  ]);
  expect((await store.load([], ["e1"])).knownEvents.has("e1")).toBe(true);
  expect(await store.quarantined(9)).toEqual([
    { id: "q1", datasetId: "web", kind: "event", code: "c", message: "m", at: 7, body: { a: 1 } },
  ]);
  await store.close();
});

test("a file of a newer version is refused and stays as it is", async () => {
  const path = join(folder, "newer.db");
  await openSqliteStore({ path }).close();
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  expect(codeOf(() => openSqliteStore({ path }))).toBe("sqlite.newer");
  expect(versionOf(database)).toBe(MIGRATIONS.length + 1);
  database.close();
});

test("what is no store is refused", () => {
  const other = join(folder, "other.db");
  const database = new DatabaseSync(other);
  database.exec("CREATE TABLE theirs(x)");
  database.close();
  expect(codeOf(() => openSqliteStore({ path: other }))).toBe("sqlite.foreign");
  const text = join(folder, "text.db");
  writeFileSync(text, "not a database, only some text that is long enough to be read as a header".repeat(20));
  expect(codeOf(() => openSqliteStore({ path: text }))).toBe("sqlite.open");
  expect(codeOf(() => openSqliteStore({ path: join(folder, "no", "folder.db") }))).toBe("sqlite.open");
});

test("a closed store says so", async () => {
  const store = openSqliteStore({ path: join(folder, "closed.db") });
  await store.close();
  await store.close();
  await expect(store.counters()).rejects.toMatchObject({ code: "sqlite.closed", retryable: false });
});

test("the README lists every error code with its meaning", async () => {
  const { readFileSync } = await import("node:fs");
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  for (const [code, { meaning, retryable }] of Object.entries(SQLITE_STORE_ERRORS)) {
    expect(readme).toContain(`| \`${code}\` | ${meaning} | ${retryable ? "yes" : "no"} |`);
  }
});
