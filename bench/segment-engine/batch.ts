//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/batch.ts [--json] [--quick] [--persons=1000000]
// All persons of a store decided for 200 audiences by the projection on two threads, beside DuckDB over the same data in its
// own format, on two threads. The data are made by the first run and kept in the folder for temporary files.
import { statSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import { DEFAULT_MERGE_POLICY, type ProjectionRequest } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import type { AudienceDefinition } from "@tessera/xdm";
import { batchData } from "./batch-data.ts";
import { statementsOf } from "./batch-sql.ts";
import { bars } from "./chart.ts";
import { definitions } from "./forms.ts";
import { circumstances, keep, median, personsAsked, report, ROUNDS } from "./measure.ts";
import { type Audience, audiences, NOW } from "./workload.ts";

const THREADS = 2;
const MEMORY_MIB = 4_096;
const PERSONS = personsAsked(50_000, 10_000);
const all = audiences(200);
const workloads = [
  { name: "200 audiences", list: all },
  { name: "150 on attributes", list: all.filter(({ events }) => !events) },
];
const about = {
  ...circumstances(["@duckdb/node-api"]),
  persons: PERSONS.toLocaleString("en-US"),
  threads: String(THREADS),
  "memory for columns, MiB": String(MEMORY_MIB),
};

const seconds = (from: number): number => (performance.now() - from) / 1_000;
const requestOf = (list: readonly AudienceDefinition[]): ProjectionRequest => ({
  definitions: list,
  audienceIds: list.map(({ id }) => id),
  policy: DEFAULT_MERGE_POLICY,
  now: NOW,
});

interface Taken {
  readonly opened: number;
  readonly again: number;
  readonly counts: readonly number[];
}

/** Opened anew and asked, then asked again with what is in memory; of the second time only the deciding. */
async function projected(
  path: string,
  list: readonly Audience[],
): Promise<Taken & { readonly checked: number }> {
  const request = requestOf(definitions(list));
  const from = performance.now();
  const store = openSqliteStore({ path });
  const projection = store.openProjection({ threads: THREADS, memory: MEMORY_MIB });
  const { counts } = await projection.count(request);
  const opened = seconds(from);
  const second = performance.now();
  let refreshed = second;
  const again = await projection.count({ ...request, onRefresh: () => (refreshed = performance.now()) });
  const decided = seconds(refreshed);
  await projection.close();
  await store.close();
  if (again.counts.join() !== counts.join()) throw new Error("Expected the same counts again.");
  return { opened, again: decided, checked: (refreshed - second) / 1_000, counts };
}

async function duckDb(path: string, list: readonly Audience[]): Promise<Taken> {
  const statements = statementsOf(list);
  const from = performance.now();
  const instance = await DuckDBInstance.create(path, { threads: String(THREADS), access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const decide = async (): Promise<void> => {
    for (const statement of statements) await connection.run(statement);
  };
  await decide();
  const opened = seconds(from);
  const second = performance.now();
  await decide();
  const again = seconds(second);
  const sums = list.map((_, index) => `count(*) FILTER (WHERE r${index})`).join(", ");
  const reader = await connection.runAndReadAll(`SELECT ${sums} FROM result`);
  const counts = (reader.getRows()[0] ?? []).map(Number);
  connection.closeSync();
  instance.closeSync();
  return { opened, again, counts };
}

const data = await batchData(PERSONS);
const filling = performance.now();
const { opened: filled } = await projected(data.store, all);
report(
  "Filling the projection from the store, the first time only",
  [
    {
      s: Number(filled.toPrecision(3)),
      "persons/s": Math.round((PERSONS * 1_000) / (performance.now() - filling)),
    },
  ],
  about,
);
const groups: { heading: string; rows: (readonly [string, number])[] }[] = [];
for (const { name, list } of workloads) {
  const own: Awaited<ReturnType<typeof projected>>[] = [];
  const other: Taken[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    own.push(await projected(data.store, list));
    other.push(await duckDb(data.duckdb, list));
    const differing = list.filter((_, index) => own[round]?.counts[index] !== other[round]?.counts[index]);
    if (differing.length > 0)
      throw new Error(
        `DuckDB and the projection disagree on ${name}: ${differing.map(({ id }) => id).join()}.`,
      );
  }
  const of = (taken: readonly Taken[], key: "opened" | "again"): number =>
    Number(median(taken.map((one) => one[key])).toPrecision(3));
  const range = (taken: readonly Taken[]): string => {
    const times = taken.map(({ again }) => again).sort((a, b) => a - b);
    return `${times[0]?.toPrecision(2)}..${times.at(-1)?.toPrecision(2)}`;
  };
  const line = (engine: string, taken: readonly Taken[]): Readonly<Record<string, unknown>> => ({
    engine,
    "opened and decided, s": of(taken, "opened"),
    "decided again, s": of(taken, "again"),
    "range, s": range(taken),
    "persons/s again": Math.round(PERSONS / of(taken, "again")),
    "x DuckDB opened": Number((of(other, "opened") / of(taken, "opened")).toFixed(1)),
    "x DuckDB again": Number((of(other, "again") / of(taken, "again")).toFixed(1)),
  });
  report(name, [line("DuckDB, its own tables", other), line("Tessera, projection", own)], {
    ...about,
    "checking versions of all persons, s": median(own.map(({ checked }) => checked)).toPrecision(2),
  });
  groups.push({
    heading: `${name}: seconds, opened and decided (less is better)`,
    rows: [
      ["DuckDB", of(other, "opened")],
      ["Tessera", of(own, "opened")],
    ],
  });
  groups.push({
    heading: `${name}: seconds, decided again`,
    rows: [
      ["DuckDB", of(other, "again")],
      ["Tessera", of(own, "again")],
    ],
  });
}
const fresh = { ...audiences(200, 99)[120], id: "fresh" } as Audience;
const backfills: number[] = [];
let found = 0;
const store = openSqliteStore({ path: data.store });
const projection = store.openProjection({ threads: THREADS, memory: MEMORY_MIB });
await projection.count(requestOf(definitions(all)));
for (let round = 0; round < ROUNDS; round++) {
  const from = performance.now();
  const { counts } = await projection.count({
    ...requestOf(definitions([...all, fresh])),
    audienceIds: ["fresh"],
  });
  backfills.push(seconds(from));
  found = counts[0] ?? 0;
}
const rss = process.memoryUsage.rss();
await projection.close();
await store.close();
const backfill = Number(median(backfills).toPrecision(3));
report(
  "A new audience over everyone, exact count",
  [
    {
      members: found,
      s: backfill,
      range: `${Math.min(...backfills).toPrecision(2)}..${Math.max(...backfills).toPrecision(2)}`,
    },
  ],
  about,
);
const columns = Array.from(
  { length: THREADS },
  (_, shard) => statSync(`${data.store}.columns-${shard}`).size,
);
report(
  "Memory",
  [
    {
      "whole process, MiB": Math.round(rss / 2 ** 20),
      "columns on disk, bytes a person": Math.round(columns.reduce((sum, size) => sum + size, 0) / PERSONS),
      "store, bytes a person": Math.round(statSync(data.store).size / PERSONS),
    },
  ],
  about,
);
groups.push({ heading: "a new audience, exact count: seconds", rows: [["Tessera", backfill]] });
keep("segment-engine-batch.svg", bars(`${about.persons} persons of a store, two threads`, groups, about));
