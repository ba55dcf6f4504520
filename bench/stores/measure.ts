import { writeSync } from "node:fs";

/** One figure of a benchmark. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

/** Milliseconds that `work` takes. */
export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Prints figures as a table, or as JSON with `--json`. */
export function print(title: string, figures: readonly Figure[]): void {
  if (process.argv.includes("--json")) {
    writeSync(1, `${JSON.stringify({ title, node: process.version, figures })}\n`);
    return;
  }
  writeSync(1, `\n${title} (Node ${process.version})\n`);
  for (const { what, value, unit } of figures) {
    const shown = value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
    writeSync(1, `  ${what.padEnd(64)} ${shown.padStart(12)} ${unit}\n`);
  }
}

/** Throws unless what a store answers is what was written: figures of a wrong answer mean nothing. */
export function mustEqual(what: string, actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(actual)}`);
}
