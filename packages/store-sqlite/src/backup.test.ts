import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HubCommit, PersonState } from "@tessera/profile-store";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore, restoreSqliteStore } from "./index.ts";
import { MIGRATIONS } from "./schema.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-backup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function commitOf(number: number): HubCommit {
  const person: PersonState = {
    personId: `p${number}`,
    version: 1,
    identities: [`A:${number}`],
    graph: { number },
    fragments: [{ datasetId: "crm", owner: `A:${number}`, body: { number }, at: 1 }],
    memberships: [],
    eventCount: 0,
    evaluatedAt: 0,
  };
  return {
    persons: [{ kind: "put", person, fragmentsChanged: true }],
    events: [],
    records: [],
    memberships: [],
    outbox: [],
    quarantine: [],
    documents: [{ kind: "k", id: `${number}`, expectedVersion: 0, body: { text: "x".repeat(1500) } }],
    counters: { persons: 1 },
  };
}

test("a backup made while the store is written to is a whole store of one moment", async () => {
  const store = openSqliteStore({ path: join(folder, "live.db") });
  for (let number = 0; number < 2000; number += 1) void store.commit(commitOf(number));
  await store.commit(commitOf(2000));
  const backup = join(folder, "backup.db");
  const seen: number[] = [];
  const copying = store.backupTo(backup, (copied, all) => seen.push(copied / all));
  for (let number = 3000; number < 3100; number += 1) {
    expect(await store.commit(commitOf(number))).toEqual({ ok: true });
  }
  await copying;
  expect(seen.every((share) => share >= 0 && share <= 1)).toBe(true);
  expect(existsSync(`${backup}.partial`)).toBe(false);

  const restored = join(folder, "restored.db");
  await restoreSqliteStore(backup, restored);
  const copy = openSqliteStore({ path: restored });
  const { persons, identities } = await copy.totals();
  expect(persons).toBeGreaterThanOrEqual(2001);
  expect(persons).toBeLessThanOrEqual(2101);
  expect(identities).toBe(persons);
  expect(await copy.counters()).toEqual({ persons });
  expect(await copy.documents("k")).toHaveLength(persons);
  const copied = await copy.scan("", 5000);
  expect(copied).toEqual((await store.scan("", 5000)).filter(isAmong(copied)));
  expect(await copy.commit(commitOf(9999))).toEqual({ ok: true });
  await copy.close();
  await store.close();
});

test("a restore refuses to overwrite, and a damaged backup; the file stays as it was", async () => {
  const path = join(folder, "kept.db");
  const store = openSqliteStore({ path });
  await store.commit(commitOf(1));
  const backup = join(folder, "kept-backup.db");
  await store.backupTo(backup);
  await store.commit(commitOf(2));
  await store.close();
  await expect(restoreSqliteStore(backup, path)).rejects.toMatchObject({ code: "sqlite.exists" });
  await expect(restoreSqliteStore(join(folder, "none.db"), path)).rejects.toMatchObject({
    code: "sqlite.open",
  });
  const damaged = join(folder, "damaged.db");
  writeFileSync(damaged, "x".repeat(5000));
  await expect(restoreSqliteStore(damaged, path, { replace: true })).rejects.toMatchObject({
    code: "sqlite.open",
  });
  const kept = openSqliteStore({ path });
  expect((await kept.totals()).persons).toBe(2);
  await kept.close();
  await restoreSqliteStore(backup, path, { replace: true });
  // The backup stays as it is, and nothing is left beside it.
  for (const end of ["-wal", "-shm"]) expect(existsSync(`${backup}${end}`)).toBe(false);
  const back = openSqliteStore({ path });
  expect((await back.totals()).persons).toBe(1);
  expect(back.stats()).toMatchObject({ schemaVersion: MIGRATIONS.length });
  expect(back.stats().bytes).toBeGreaterThan(0);
  await back.close();
});

test("neither a backup nor a restore takes the place of a store that is open", async () => {
  const path = join(folder, "busy.db");
  const store = openSqliteStore({ path });
  await store.commit(commitOf(1));
  const backup = join(folder, "busy-backup.db");
  await store.backupTo(backup);
  await expect(store.backupTo(path)).rejects.toMatchObject({ code: "sqlite.exists" });
  await expect(restoreSqliteStore(backup, path, { replace: true })).rejects.toMatchObject({
    code: "sqlite.exists",
  });
  await expect(store.backupTo(join(folder, "nowhere", "a.db"))).rejects.toMatchObject({
    code: "sqlite.open",
  });
  expect(await store.commit(commitOf(2))).toEqual({ ok: true });
  await store.backupTo(backup);
  await store.close();
  const kept = openSqliteStore({ path });
  expect((await kept.totals()).persons).toBe(2);
  await kept.close();
  const copy = openSqliteStore({ path: backup });
  expect((await copy.totals()).persons).toBe(2);
  await copy.close();
});

test("a copy of a store that was not closed is restored with what its log holds", async () => {
  const path = join(folder, "open.db");
  const store = openSqliteStore({ path });
  for (const number of [1, 2, 3]) await store.commit(commitOf(number));
  const taken = join(folder, "taken.db");
  for (const end of ["", "-wal"]) copyFileSync(`${path}${end}`, `${taken}${end}`);
  const back = join(folder, "taken-back.db");
  await restoreSqliteStore(taken, back);
  const restored = openSqliteStore({ path: back });
  expect((await restored.totals()).persons).toBe(3);
  await restored.close();
  await store.close();
});

test("the backup command copies a store and restores it, and says what it needs", async () => {
  const path = join(folder, "command.db");
  const store = openSqliteStore({ path });
  await store.commit(commitOf(1));
  const command = (...args: readonly string[]): { readonly status: number | null; readonly said: string } => {
    const script = fileURLToPath(new URL("./backup-command.ts", import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--conditions=@tessera/source", script, ...args],
      { encoding: "utf8", env: { ...process.env, TESSERA_STORE: `sqlite:${path}` } },
    );
    return { status, said: stdout + stderr };
  };
  const file = join(folder, "command-backup.db");
  expect(command(file)).toMatchObject({ status: 0, said: expect.stringContaining("1 persons") as string });
  expect(command()).toMatchObject({ status: 2 });
  expect(command(file, "--colour")).toMatchObject({ status: 1 });
  expect(command(file, "--restore")).toMatchObject({
    status: 1,
    said: expect.stringContaining("overwrite") as string,
  });
  const copy = join(folder, "command-copy.db");
  expect(command(file, "--restore", "--store", copy)).toMatchObject({ status: 0 });
  expect(command(file, "--store", join(folder, "nowhere.db"))).toMatchObject({ status: 1 });
  await store.close();
  const restored = openSqliteStore({ path: copy });
  expect((await restored.totals()).persons).toBe(1);
  await restored.close();
});

function isAmong(copied: readonly PersonState[]): (person: PersonState) => boolean {
  const ids = new Set(copied.map((person) => person.personId));
  return (person) => ids.has(person.personId);
}
