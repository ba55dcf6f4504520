// A million rows to Campaign's CSV files: throughput, memory, a kill in the middle, and DuckDB reading them back.
//   npx node --expose-gc --conditions=@tessera/source bench/destinations-campaign/files.ts [--json] [--rows=1000000]
// Checked: DuckDB reads every row with every value (quotes, line ends, delimiters, emoji) as it was given; a writer that
// is killed (SIGKILL) several times and goes on from its checkpoint leaves the same bytes as one that was not.
import { spawn } from "node:child_process";
import { createHash, hash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import {
  type CsvCheckpoint,
  type CsvFileSpec,
  type CsvValues,
  DEFAULT_CSV,
  writeCsvFiles,
} from "@tessera/destinations-campaign";

const option = (name: string, fallback: string): string =>
  process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback;
const ROWS = Number(option("rows", "1000000"));
const ROUNDS = 5;
const COLUMNS = ["external_id", "firstName", "email", "note", "city", "segmentMembershipStatus"];
const NOTES = [
  'say "hi"',
  "a,b",
  "line\nbreak",
  "carriage\rreturn",
  "😀 ünï",
  "=1+1",
  "",
  null,
  " lead",
  "plain",
];
const spec = (compression: "none" | "gzip"): CsvFileSpec => ({
  base: "Campaign_segmentaud-1_20260201060000",
  columns: COLUMNS,
  csv: { ...DEFAULT_CSV, compression },
  rowsPerFile: Math.ceil(ROWS / 13),
});

/** The n-th row, the same in every process. */
function row(n: number): CsvValues {
  const note = NOTES[n % NOTES.length] ?? null;
  return [
    `crm-${n}`,
    `Name ${n % 977}`,
    `p${n}@example.test`,
    note,
    "Basel",
    n % 5 === 0 ? "exited" : "realized",
  ];
}

function* rows(from: number, to = ROWS): Generator<CsvValues> {
  for (let n = from; n < to; n += 1) yield row(n);
}

/** Writes every file as a store would: under a temporary name, renamed, and then the checkpoint is kept. */
async function writeAll(folder: string, compression: "none" | "gzip"): Promise<void> {
  const kept = join(folder, "checkpoint.json");
  const resume = existsSync(kept) ? (JSON.parse(readFileSync(kept, "utf8")) as CsvCheckpoint) : undefined;
  const sha256 = (): ReturnType<NonNullable<Parameters<typeof writeCsvFiles>[2]>["createHash"] & object> => {
    const running = createHash("sha256");
    return { update: (bytes) => running.update(bytes), digest: () => running.digest("hex") };
  };
  const parts = writeCsvFiles(spec(compression), (skip) => rows(skip), {
    createHash: sha256,
    ...(resume && { resume }),
  });
  for await (const { name, chunks, checkpoint } of parts) {
    const file = openSync(join(folder, `.${name}.partial`), "w");
    for await (const chunk of chunks) writeSync(file, chunk);
    closeSync(file);
    renameSync(join(folder, `.${name}.partial`), join(folder, name));
    writeFileSync(`${kept}.partial`, JSON.stringify(checkpoint()));
    renameSync(`${kept}.partial`, kept);
  }
}

const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith("Campaign_"))
    .sort();

/** The first 60 bits of a row's MD5; a missing value is told from an empty text. */
function fingerprint(values: CsvValues): bigint {
  const text = values.map((value) => (value === null ? "\u0001" : value)).join("\u0002");
  return BigInt(`0x${hash("md5", text).slice(0, 15)}`);
}

/** Throws unless DuckDB reads the rows that were given: as many, and with the same sum of fingerprints. */
async function check(folder: string, extension: string): Promise<void> {
  let wanted = 0n;
  for (const values of rows(0)) wanted += fingerprint(values);
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const fields = COLUMNS.map((column) => `coalesce("${column}", chr(1))`).join(", ");
  const query = `
    select count(*)::varchar as rows,
      sum(('0x' || substr(md5(concat_ws(chr(2), ${fields})), 1, 15))::bigint)::varchar as sum
    from read_csv('${join(folder, `Campaign_*${extension}`)}', delim = ',', quote = '"', escape = '"', header = true,
      all_varchar = true, auto_detect = false, parallel = false, new_line = '\\n', nullstr = '', allow_quoted_nulls = false,
      columns = {${COLUMNS.map((column) => `'${column}': 'VARCHAR'`).join(", ")}})`;
  const [read] = (await connection.runAndReadAll(query)).getRowObjects();
  connection.closeSync();
  if (read?.["rows"] !== String(ROWS) || read["sum"] !== String(wanted))
    throw new Error(`DuckDB reads ${String(read?.["rows"])} rows that are not those that were written`);
}

function digestOf(folder: string): string {
  const all = createHash("sha256");
  for (const name of filesOf(folder)) all.update(name).update(readFileSync(join(folder, name)));
  return all.digest("hex");
}

/** A process that writes, killed without warning again and again until it comes to its end. */
async function killedAndResumed(folder: string): Promise<number> {
  for (let kills = 0; ;) {
    const child = spawn(
      process.execPath,
      [...process.execArgv, fileURLToPath(import.meta.url), `--into=${folder}`, `--rows=${ROWS}`],
      { stdio: "inherit" },
    );
    const before = filesOf(folder).length;
    const watch = setInterval(() => {
      // Killed within a file, after a few whole ones.
      if (kills < 4 && filesOf(folder).length >= before + 2) child.kill("SIGKILL");
    }, 3);
    const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
    clearInterval(watch);
    if (code === 0) return kills;
    if (code !== null) throw new Error("the writer failed");
    kills += 1;
  }
}

/** What a first version would do: every line in memory, every value in quotes, one text. */
function reference(): number {
  const lines = [...rows(0)].map((values) =>
    values.map((value) => (value === null ? "" : `"${value.replaceAll('"', '""')}"`)).join(","),
  );
  return Buffer.from(lines.join("\n")).length;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function seconds(work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    await work();
    times.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  return median(times);
}

/** The most that the heap holds, in MB, while so many rows are written. */
async function heldWhile(count: number): Promise<number> {
  let most = 0;
  globalThis.gc?.();
  const start = process.memoryUsage().heapUsed;
  const watch = function* (from: number): Generator<CsvValues> {
    for (let n = from; n < count; n += 1) {
      if (n % 20_000 === 0) {
        globalThis.gc?.();
        most = Math.max(most, process.memoryUsage().heapUsed - start);
      }
      yield row(n);
    }
  };
  for await (const { chunks } of writeCsvFiles(spec("none"), watch))
    for await (const chunk of chunks) most = Math.max(most, chunk.length);
  return Number((most / 1e6).toFixed(2));
}

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "tessera-bench-campaign-"));
  const fresh = (name: string): string => {
    const folder = join(root, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    return folder;
  };
  try {
    const whole = fresh("whole");
    await writeAll(whole, "none");
    await check(whole, ".csv");
    const zipped = fresh("zipped");
    await writeAll(zipped, "gzip");
    await check(zipped, ".csv.gz");
    const killed = fresh("killed");
    const kills = await killedAndResumed(killed);
    if (digestOf(whole) !== digestOf(killed)) throw new Error("the resumed files differ");
    const bytes = filesOf(whole).reduce((sum, name) => sum + statSync(join(whole, name)).size, 0);
    const table = {
      rows: ROWS,
      files: filesOf(whole).length,
      megabytes: Math.round(bytes / 1e6),
      "rows/s to files with checksums": Math.round(
        ROWS / (await seconds(() => writeAll(fresh("t"), "none"))),
      ),
      "rows/s to gzip files": Math.round(ROWS / (await seconds(() => writeAll(fresh("t"), "gzip")))),
      "rows/s, all in memory, no file": Math.round(ROWS / (await seconds(reference))),
      "heap held, MB, tenth of the rows": await heldWhile(ROWS / 10),
      "heap held, MB, all rows": await heldWhile(ROWS),
      "kills survived, same bytes": kills,
    };
    if (process.argv.includes("--json")) console.log(JSON.stringify(table));
    else console.table(table);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const into = option("into", "");
if (into === "") await main();
else await writeAll(into, "none");
