// A million membership changes to Audience Manager's batch files: throughput, memory, and a kill in the middle.
//   npx node --expose-gc --conditions=@tessera/source bench/destinations-aam/files.ts [--json] [--changes=1000000]
// Checked: every change stands in the files once, read by a reader that knows only the format; a writer that is
// killed (SIGKILL) several times and goes on from its checkpoint leaves the same bytes as one that was not.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
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
import { gunzipSync } from "node:zlib";
import {
  type InboundCheckpoint,
  type InboundFileSpec,
  type InboundRecord,
  writeInboundFiles,
} from "@tessera/destinations-aam";

const option = (name: string, fallback: string): string =>
  process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback;
const CHANGES = Number(option("changes", "1000000"));
const ROUNDS = 5;
const PART_BYTES = 4_000_000;
const spec = (gzip: boolean): InboundFileSpec => ({
  dataProviderId: 1234,
  mode: "sync",
  at: "2026-01-31T12:00:00Z",
  gzip,
});

/** The n-th change, the same in every process. Every 5th is an exit, every 7th tells two audiences. */
function change(n: number): InboundRecord {
  const sid = 1000 + ((Math.imul(n, 2_654_435_761) >>> 0) % 500);
  const first = n % 5 === 0 ? ({ kind: "untrait", sid } as const) : ({ kind: "trait", sid } as const);
  return {
    userId: String(n).padStart(38, "4"),
    items: n % 7 === 0 ? [first, { kind: "signal", key: "segID", value: `audience-${n % 50}` }] : [first],
  };
}

function* changes(from: number, to = CHANGES): Generator<InboundRecord> {
  for (let n = from; n < to; n += 1) yield change(n);
}

/** Writes every part as a store would: under a temporary name, renamed, and then the checkpoint is kept. */
async function writeAll(folder: string, gzip: boolean, count = CHANGES): Promise<void> {
  const kept = join(folder, "checkpoint.json");
  const resume = existsSync(kept) ? (JSON.parse(readFileSync(kept, "utf8")) as InboundCheckpoint) : undefined;
  const parts = writeInboundFiles(spec(gzip), (skip) => changes(skip, count), {
    maxRawBytes: PART_BYTES,
    ...(resume && { resume }),
  });
  for await (const { name, chunks, result } of parts) {
    const file = openSync(join(folder, `.${name}.partial`), "w");
    for await (const chunk of chunks) writeSync(file, chunk);
    closeSync(file);
    renameSync(join(folder, `.${name}.partial`), join(folder, name));
    writeFileSync(`${kept}.partial`, JSON.stringify(result().checkpoint));
    renameSync(`${kept}.partial`, kept);
  }
}

const partNumber = (name: string): number => Number(/\.sync\.(\d+)/.exec(name)?.[1] ?? 0);
const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith("ftp_dpm_"))
    .sort((a, b) => partNumber(a) - partNumber(b));

function textOf(folder: string, name: string): string {
  const bytes = readFileSync(join(folder, name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

/** Reads the files by the format alone; throws unless they say every change once and in order. */
function check(folder: string): void {
  let n = 0;
  for (const name of filesOf(folder)) {
    for (const line of textOf(folder, name).slice(0, -1).split("\n")) {
      const { userId, items } = change(n);
      const wanted = items.map((item) =>
        item.kind === "signal"
          ? `"${item.key}"="${item.value}"`
          : item.kind === "trait"
            ? `d_sid=${item.sid}`
            : item.kind === "untrait"
              ? `d_unsid=${item.sid}`
              : "",
      );
      if (line !== `${userId}\t${wanted.join(",")}`) throw new Error(`change ${n} is not what was written`);
      n += 1;
    }
  }
  if (n !== CHANGES) throw new Error(`${n} changes of ${CHANGES} were found`);
}

function digestOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of filesOf(folder)) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

/** A process that writes, killed without warning again and again until it comes to its end. */
async function killedAndResumed(folder: string): Promise<number> {
  for (let kills = 0; ;) {
    const child = spawn(
      process.execPath,
      [...process.execArgv, fileURLToPath(import.meta.url), `--into=${folder}`, `--changes=${CHANGES}`],
      { stdio: "inherit" },
    );
    const before = filesOf(folder).length;
    const watch = setInterval(() => {
      // Killed within a part, after a few whole ones.
      if (kills < 5 && filesOf(folder).length >= before + 2) child.kill("SIGKILL");
    }, 3);
    const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
    clearInterval(watch);
    if (code === 0) return kills;
    if (code !== null) throw new Error("the writer failed");
    kills += 1;
  }
}

/** What a first version would do: every line in memory, one text. */
function reference(): number {
  const lines: string[] = [];
  for (const { userId, items } of changes(0)) {
    const said = items.map((item) =>
      item.kind === "signal"
        ? `"${item.key}"="${item.value}"`
        : `${item.kind === "trait" ? "d_sid" : "d_unsid"}=${item.kind === "code" ? "" : item.sid}`,
    );
    lines.push(`${userId}\t${said.join(",")}`);
  }
  return Buffer.from(`${lines.join("\n")}\n`).length;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "tessera-bench-aam-"));
  const fresh = (name: string): string => {
    const folder = join(root, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    return folder;
  };
  try {
    const whole = fresh("whole");
    await writeAll(whole, false);
    check(whole);
    const killed = fresh("killed");
    const kills = await killedAndResumed(killed);
    const same = digestOf(whole) === digestOf(killed);
    if (!same) throw new Error("the resumed files differ");
    const zipped = fresh("zipped");
    await writeAll(zipped, true);
    check(zipped);
    const seconds = async (work: () => unknown): Promise<number> => {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const start = process.hrtime.bigint();
        await work();
        times.push(Number(process.hrtime.bigint() - start) / 1e9);
      }
      return median(times);
    };
    const peak = async (count: number): Promise<number> => {
      let most = 0;
      globalThis.gc?.();
      const start = process.memoryUsage().heapUsed;
      const watch = function* (from: number): Generator<InboundRecord> {
        for (let n = from; n < count; n += 1) {
          if (n % 20_000 === 0) {
            globalThis.gc?.();
            most = Math.max(most, process.memoryUsage().heapUsed - start);
          }
          yield change(n);
        }
      };
      for await (const { chunks } of writeInboundFiles(spec(false), watch))
        for await (const chunk of chunks) most = Math.max(most, chunk.length);
      return most / 1e6;
    };
    const heapSmall = await peak(CHANGES / 10);
    const heapLarge = await peak(CHANGES);
    const plain = await seconds(() => writeAll(fresh("time"), false));
    const gzip = await seconds(() => writeAll(fresh("time"), true));
    const inMemory = await seconds(reference);
    const bytes = filesOf(whole).reduce((sum, name) => sum + statSync(join(whole, name)).size, 0);
    const rows = {
      changes: CHANGES,
      files: filesOf(whole).length,
      megabytes: Math.round(bytes / 1e6),
      "changes/s to files": Math.round(CHANGES / plain),
      "changes/s to gzip files": Math.round(CHANGES / gzip),
      "changes/s, all in memory, unchecked, no file": Math.round(CHANGES / inMemory),
      "heap held, MB, tenth of the changes": Number(heapSmall.toFixed(2)),
      "heap held, MB, all changes": Number(heapLarge.toFixed(2)),
      "kills survived, same bytes": kills,
    };
    if (process.argv.includes("--json")) console.log(JSON.stringify(rows));
    else console.table(rows);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const into = option("into", "");
if (into === "") await main();
else await writeAll(into, false);
