import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import {
  type CsvCheckpoint,
  type CsvFileSpec,
  type CsvValues,
  DEFAULT_CSV,
  type Hasher,
  writeCsvFiles,
  type CsvWriteOptions,
} from "../index.ts";

const SPEC: CsvFileSpec = { base: "x", columns: ["id", "text"], csv: DEFAULT_CSV, rowsPerFile: 3 };
const HOSTILE = ['"', "a,b", "\n", "😀".repeat(250_000), "", null, "=1+1", " x "];
const ROWS: readonly CsvValues[] = HOSTILE.map((value, index) => [`${index}`, value]);
const source = function* (skip: number): Generator<CsvValues> {
  yield* ROWS.slice(skip);
};
const sha256 = (): Hasher => {
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
};

async function run(
  spec: CsvFileSpec,
  options: CsvWriteOptions & { readonly stopAfter?: number } = {},
  from: (skip: number) => AsyncIterable<CsvValues> | Iterable<CsvValues> = source,
): Promise<{ readonly files: Map<string, Buffer>; readonly checkpoint: CsvCheckpoint | undefined }> {
  const files = new Map<string, Buffer>();
  let checkpoint: CsvCheckpoint | undefined;
  for await (const { name, chunks, checkpoint: after } of writeCsvFiles(spec, from, options)) {
    const pieces: Uint8Array[] = [];
    for await (const chunk of chunks) pieces.push(chunk);
    files.set(name, Buffer.concat(pieces));
    checkpoint = after();
    if (files.size === options.stopAfter) break;
  }
  return { files, checkpoint };
}

const read = (files: Map<string, Buffer>): string[][] =>
  [...files.values()].flatMap((file) =>
    (parse(file.toString("utf8"), { record_delimiter: "\n" }) as string[][]).slice(1),
  );

describe("writeCsvFiles", () => {
  it("splits into name, _2, _3; every row comes back, a megabyte of emoji too; counts and checksums hold", async () => {
    const { files, checkpoint } = await run(SPEC, { createHash: sha256 });
    expect([...files.keys()]).toEqual(["x.csv", "x_2.csv", "x_3.csv"]);
    expect(read(files)).toEqual(ROWS.map((row) => row.map((value) => value ?? "")));
    expect(checkpoint?.rows).toBe(ROWS.length);
    for (const { name, contentBytes, contentSha256 } of checkpoint?.files ?? []) {
      const bytes = files.get(name) ?? Buffer.alloc(0);
      expect(contentBytes).toBe(bytes.length);
      expect(contentSha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    }
  });

  it("goes on after any whole file: the same files as without a break, none twice", async () => {
    const whole = await run(SPEC, { createHash: sha256 });
    for (const stopAfter of [1, 2]) {
      const first = await run(SPEC, { createHash: sha256, stopAfter });
      const resume = JSON.parse(JSON.stringify(first.checkpoint)) as CsvCheckpoint;
      const rest = await run(SPEC, { createHash: sha256, resume });
      expect(new Map([...first.files, ...rest.files])).toEqual(whole.files);
      expect([...rest.files.keys()].some((name) => first.files.has(name))).toBe(false);
      expect(rest.checkpoint).toEqual(whole.checkpoint);
    }
  });

  it("compresses, writes UTF-16, reads sources that are slow", async () => {
    const slow = async function* (skip: number): AsyncGenerator<CsvValues> {
      for (const row of source(skip)) {
        await Promise.resolve();
        yield row;
      }
    };
    const spec: CsvFileSpec = { ...SPEC, csv: { ...DEFAULT_CSV, compression: "gzip", encoding: "utf-16" } };
    const { files } = await run(spec, {}, slow);
    expect([...files.keys()]).toEqual(["x.csv.gz", "x_2.csv.gz", "x_3.csv.gz"]);
    const text = [...files.values()].map((file) => gunzipSync(file).toString("utf16le"));
    expect(text.every((file) => file.startsWith("\uFEFFid,text\n"))).toBe(true);
    const rows = text.flatMap((file) =>
      (parse(file.slice(1), { record_delimiter: "\n" }) as string[][]).slice(1),
    );
    expect(rows).toEqual(ROWS.map((row) => row.map((value) => value ?? "")));
  });

  it("an empty audience is one file with the header alone; exactly full files have no empty one after them", async () => {
    const empty = await run(SPEC, {}, () => []);
    expect([...empty.files].map(([name, file]) => [name, file.toString()])).toEqual([["x.csv", "id,text\n"]]);
    const exact = await run(SPEC, {}, (skip) => ROWS.slice(skip, 6));
    expect([...exact.files.keys()]).toEqual(["x.csv", "x_2.csv"]);
  });

  it("reads rows as they are written: pieces of tens of kilobytes, not more rows than the piece holds", async () => {
    let given = 0;
    const endless = function* (): Generator<CsvValues> {
      for (; given < 100_000; given += 1) yield [`${given}`, "x".repeat(100)];
    };
    for await (const { chunks } of writeCsvFiles({ ...SPEC, rowsPerFile: 1_000_000 }, endless)) {
      let written = 0;
      for await (const chunk of chunks) {
        written += chunk.length;
        expect(chunk.length).toBeLessThan(70_000);
        expect(given * 100).toBeLessThan(written + 70_000);
      }
    }
  });

  it("a checkpoint before the file was read to its end is a mistake of the caller", async () => {
    for await (const part of writeCsvFiles(SPEC, source)) {
      expect(part.checkpoint).toThrow("to their end");
      break;
    }
  });
});
