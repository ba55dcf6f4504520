import { mkdtempSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Checkpointer } from "./checkpointer.ts";
import { openDatabase } from "./open-database.ts";

let folder: string;
let path: string;
let database: DatabaseSync;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tessera-checkpoint-"));
  path = join(folder, "store.db");
  database = openDatabase({ path });
});
afterEach(() => {
  if (database.isOpen) database.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(rows: number, from = 0): void {
  const insert = database.prepare("INSERT INTO identity(key, person) VALUES (?, NULL)");
  database.exec("BEGIN IMMEDIATE");
  for (let row = 0; row < rows; row += 1) insert.run(`Email:person${from + row}@example.com`);
  database.exec("COMMIT");
}

test("the log goes into the file on the thread, and no earlier than was asked", async () => {
  const checkpointer = new Checkpointer(database, path, 1000);
  const before = statSync(path).size;
  write(500);
  checkpointer.committed();
  await checkpointer.idle();
  expect(statSync(path).size).toBe(before);
  write(5000, 500);
  checkpointer.committed();
  await checkpointer.idle();
  expect(statSync(path).size).toBeGreaterThan(before + 5000 * 20);
  await checkpointer.close();
});

test("the writer does not take a checkpoint for somebody else's commit", async () => {
  const checkpointer = new Checkpointer(database, path, 100);
  const version = (): unknown => database.prepare("PRAGMA data_version").get()?.["data_version"];
  const before = version();
  for (let turn = 0; turn < 5; turn += 1) {
    write(500, turn * 500);
    checkpointer.committed();
    await checkpointer.idle();
    expect(version()).toBe(before);
  }
  await checkpointer.close();
});

test("commits go on while the log goes in, and nothing of them is lost", async () => {
  const checkpointer = new Checkpointer(database, path, 1000);
  for (let turn = 0; turn < 40; turn += 1) {
    write(1000, turn * 1000);
    checkpointer.committed();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await checkpointer.close();
  database.close();
  const again = new DatabaseSync(path);
  expect(again.prepare("SELECT count(*) AS n FROM identity").get()?.["n"]).toBe(40_000);
  expect(again.prepare("PRAGMA integrity_check").get()?.["integrity_check"]).toBe("ok");
  again.close();
});

test("a log that cannot be brought in is left to the writer", async () => {
  const checkpointer = new Checkpointer(database, join(folder, "nowhere", "store.db"), 100);
  write(500);
  checkpointer.committed();
  await checkpointer.idle();
  write(500, 500);
  checkpointer.committed();
  await checkpointer.close();
  expect(database.prepare("SELECT count(*) AS n FROM identity").get()?.["n"]).toBe(1000);
});
