// node --conditions=@tessera/source bench/stores/sqlite.ts [--persons 1000000] [--json]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openSqliteStore } from "@tessera/store-sqlite";
import { type Figure, print } from "./measure.ts";
import { commitEvents, importPersons, lookups } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    persons: { type: "string", default: "1000000" },
    folder: { type: "string", default: tmpdir() },
    reopen: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const MIB = 2 ** 20;
const REST_MS = 20_000;
const persons = Number(values.persons);

if (values.reopen === undefined) {
  const folder = mkdtempSync(join(values.folder, "tessera-bench-"));
  try {
    await small(folder);
    await large(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  await reopened(values.reopen);
}

/** 50,000 persons: the file fits the page cache. */
async function small(folder: string): Promise<void> {
  const store = openSqliteStore({ path: join(folder, "small.db") });
  await importPersons(store, 50_000);
  const figures: Figure[] = [];
  for (let round = 0; round < 5; round += 1) {
    const load = { persons: 50_000, events: 1000, batches: 60, touched: 700, firstSerial: round * 60_000 };
    figures.push(...(await commitEvents(store, load)));
  }
  print("SQLite, 50,000 persons, flushed at each commit (median of 5 rounds)", medians(figures));
  await store.close();
}

/** A million persons: the file is larger than the memory the store may take. */
async function large(folder: string): Promise<void> {
  const path = join(folder, "large.db");
  const store = openSqliteStore({ path });
  const figures = await importPersons(store, persons);
  const { bytes } = store.stats();
  figures.push({ what: "disk", value: bytes / persons, unit: "bytes/person" });
  figures.push({ what: "disk, in all", value: bytes / MIB, unit: "MiB" });
  await store.close();
  print(`SQLite, ${persons.toLocaleString("en-US")} persons, flushed at each commit`, figures);
  // A process of its own: its memory is that of a store at work, not of the import.
  const own = ["--expose-gc", "--conditions=@tessera/source", fileURLToPath(import.meta.url)];
  const args = [...own, "--persons", String(persons), "--reopen", path, ...(values.json ? ["--json"] : [])];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) throw new Error("The second process failed.");
}

/** The file of `large` in a fresh process. */
async function reopened(path: string): Promise<void> {
  const store = openSqliteStore({ path });
  const figures: Figure[] = [memory("memory of the process, store open and idle")];
  figures.push(...(await lookups(store, persons, 50_000)));
  figures.push(memory("memory of the process after 50,000 lookups"));
  const load = { persons, events: 1000, batches: 100, touched: 700, firstSerial: 0 };
  figures.push(...(await commitEvents(store, load)));
  figures.push(memory("memory of the process after 100,000 events"));
  // The engine gives memory back only when it is at rest.
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  figures.push(memory(`  after ${REST_MS / 1000} s of rest`));
  print(`SQLite, ${persons.toLocaleString("en-US")} persons, opened by a fresh process`, figures);
  await store.close();
}

function memory(what: string): Figure {
  global.gc?.();
  return { what, value: process.memoryUsage().rss / MIB, unit: "MiB" };
}

function medians(figures: readonly Figure[]): Figure[] {
  const names = [...new Set(figures.map(({ what }) => what))];
  return names.map((what) => {
    const same = figures.filter((figure) => figure.what === what).sort((a, b) => a.value - b.value);
    return same[Math.floor(same.length / 2)] ?? { what, value: Number.NaN, unit: "" };
  });
}
