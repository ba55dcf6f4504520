// node --expose-gc --conditions=@tessera/source bench/hub/lookup.ts [--persons 1000000] [--audiences 20] [--json]
// Persons taken in through the whole flow; then a fresh process looks them up by any identity.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createHub } from "@tessera/hub";
import { openSqliteStore } from "@tessera/store-sqlite";
import { type Figure, mustEqual, percentile, print } from "../stores/measure.ts";
import { audienceQueries, random, recordOf } from "./workload.ts";

const { values } = parseArgs({
  options: {
    persons: { type: "string", default: "1000000" },
    audiences: { type: "string", default: "20" },
    folder: { type: "string", default: tmpdir() },
    reopen: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const START = Date.parse("2026-02-01T00:00:00Z");
const MIB = 2 ** 20;
const BATCH = 2000;
const LOOKUPS = 20_000;
const TOGETHER = 50;
const persons = Number(values.persons);

if (values.reopen === undefined) await takeIn();
else await lookUp(values.reopen);

async function takeIn(): Promise<void> {
  const folder = mkdtempSync(join(values.folder, "tessera-bench-lookup-"));
  try {
    const path = join(folder, "store.db");
    const store = openSqliteStore({ path });
    let now = START;
    let ids = 0;
    const hub = await createHub({ store, clock: () => now, newId: () => `id${(ids += 1)}` });
    const every = Math.max(1, Math.floor(100 / Number(values.audiences)));
    const queries = audienceQueries().filter((_, index) => index % every === 0);
    for (const [index, value] of queries.slice(0, Number(values.audiences)).entries()) {
      const expression = { type: "PQL", format: "pql/text", value } as const;
      const made = await hub.createAudience({ name: `a${index}`, expression, evaluation: "streaming" });
      if (!made.ok) throw new Error(JSON.stringify(made.error));
    }
    const from = performance.now();
    for (let at = 0; at < persons; at += BATCH) {
      now += 10;
      const size = Math.min(BATCH, persons - at);
      await hub.ingestRecords(
        "crm",
        Array.from({ length: size }, (_, index) => recordOf(at + index)),
      );
    }
    const took = performance.now() - from;
    mustEqual("persons", (await store.totals()).persons, persons);
    const members = Object.values(await store.counters()).reduce((sum, count) => sum + count, 0);
    const { bytes } = store.stats();
    await store.close();
    const figures: Figure[] = [
      { what: "records, whole flow", value: (persons / took) * 1000, unit: "persons/s" },
      { what: "memberships of a person, on average", value: members / persons, unit: "" },
      { what: "disk", value: bytes / persons, unit: "bytes/person" },
      { what: "disk, in all", value: bytes / MIB, unit: "MiB" },
    ];
    print(`${persons.toLocaleString("en-US")} persons, ${values.audiences} audiences`, figures);
    const own = ["--expose-gc", "--conditions=@tessera/source", fileURLToPath(import.meta.url)];
    const args = [...own, "--persons", String(persons), "--reopen", path, ...(values.json ? ["--json"] : [])];
    if (spawnSync(process.execPath, args, { stdio: "inherit" }).status !== 0)
      throw new Error("The second process failed.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function lookUp(path: string): Promise<void> {
  const store = openSqliteStore({ path });
  const hub = await createHub({ store, clock: () => START, newId: () => "unused" });
  const figures: Figure[] = [memory("memory of the process, hub open and idle")];
  const next = random(3);
  const identity = (): { readonly namespace: string; readonly id: string } => {
    const number = Math.floor(next() * persons);
    return next() < 0.5
      ? { namespace: "CRMID", id: `c${number}` }
      : { namespace: "Email", id: `c${number}@shop.example` };
  };
  const single: number[] = [];
  for (let turn = 0; turn < LOOKUPS; turn += 1) {
    const asked = identity();
    const from = performance.now();
    const profile = await hub.profile(asked);
    single.push((performance.now() - from) * 1000);
    if (!profile?.identities.some(({ id }) => id === asked.id)) throw new Error("the wrong person");
  }
  const many: number[] = [];
  for (let turn = 0; turn < LOOKUPS / TOGETHER; turn += 1) {
    const asked = Array.from({ length: TOGETHER }, identity);
    const from = performance.now();
    const found = await hub.readMany(asked);
    many.push((performance.now() - from) * 1000);
    if (found.includes(undefined)) throw new Error("nobody");
  }
  figures.push(
    { what: "lookup of a merged profile by any identity, p50", value: percentile(single, 0.5), unit: "µs" },
    { what: "  p99", value: percentile(single, 0.99), unit: "µs" },
    { what: "  p99.9", value: percentile(single, 0.999), unit: "µs" },
    { what: `${TOGETHER} profiles at once, p50`, value: percentile(many, 0.5), unit: "µs" },
    { what: "  p99", value: percentile(many, 0.99), unit: "µs" },
    memory(`memory of the process after ${LOOKUPS * 2} lookups`),
  );
  print(`${persons.toLocaleString("en-US")} persons, opened by a fresh process`, figures);
  await store.close();
}

function memory(what: string): Figure {
  global.gc?.();
  return { what, value: process.memoryUsage().rss / MIB, unit: "MiB" };
}
