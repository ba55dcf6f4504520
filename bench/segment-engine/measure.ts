import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

export const RESULTS: string = fileURLToPath(new URL("../results/", import.meta.url));
export const ROUNDS = 5;

/** With `--quick` there is less to measure, in as many rounds: for a look, not for figures to keep. */
export const QUICK: boolean = process.argv.includes("--quick");

/** How many persons: as `--persons=` says, else `usual`, or `quick` with `--quick`. */
export function personsAsked(usual: number, quick: number): number {
  const asked = process.argv.find((argument) => argument.startsWith("--persons="));
  return asked === undefined ? (QUICK ? quick : usual) : Number(asked.slice("--persons=".length));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

export function percentile(values: Float64Array, share: number): number {
  const sorted = values.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** How often a second `work` (which does `size` things) gets done, taken over about `ms` milliseconds. */
export async function perSecond(size: number, ms: number, work: () => unknown): Promise<number> {
  const from = performance.now();
  let done = 0;
  let passed = 0;
  do {
    const pending = work();
    if (pending instanceof Promise) await pending;
    done += size;
    passed = performance.now() - from;
  } while (passed < ms);
  return (done * 1_000) / passed;
}

/** Where figures come from: machine, runtime, versions, commit. */
export function circumstances(packages: readonly string[] = []): Readonly<Record<string, string>> {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const [cpu] = cpus();
  const versions = packages.map((name) => [name, versionOf(name)] as const);
  return {
    machine: `${cpu?.model ?? "unknown"}, ${cpus().length} threads`,
    node: process.version,
    commit,
    ...Object.fromEntries(versions),
  };
}

function versionOf(name: string): string {
  const url = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { readonly version: string }).version;
}

/** Prints rows as a table, or with `--json` as one line. */
export function report(
  title: string,
  rows: readonly Readonly<Record<string, unknown>>[],
  about: Readonly<Record<string, string>>,
): void {
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ title, about, rows }));
    return;
  }
  console.log(
    `\n${title}\n${Object.entries(about)
      .map(([key, value]) => `${key} ${value}`)
      .join(" · ")}`,
  );
  console.table(rows);
}

export function keep(file: string, svg: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${file}`, svg);
}

/** Throws when a contender does not find what it should: figures of a wrong answer mean nothing. */
export function mustAgree(what: string, found: readonly boolean[], expected: readonly boolean[]): void {
  const at = expected.findIndex((value, index) => value !== found[index]);
  if (at >= 0 || found.length !== expected.length) throw new Error(`${what} disagrees at ${at}.`);
}
