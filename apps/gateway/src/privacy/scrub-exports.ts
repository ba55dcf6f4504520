import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parse } from "csv-parse";

/** What was taken out of the files of exports. */
export interface Scrubbed {
  readonly files: number;
  readonly rows: number;
}

/**
 * Takes the rows that name a person out of the delimited files under a folder. A row names a person when one of its
 * cells is one of `values`. Everything else of a file stays as it is, byte for byte; it is replaced whole or not at all.
 */
export async function scrubExports(folder: string, values: ReadonlySet<string>): Promise<Scrubbed> {
  let files = 0;
  let rows = 0;
  for (const file of await filesUnder(folder)) {
    const gone = await scrubFile(file, values);
    if (gone === 0) continue;
    files += 1;
    rows += gone;
  }
  return { files, rows };
}

const DELIMITED = /\.(csv|tsv|txt)$/i;

async function filesUnder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && DELIMITED.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** How many rows went; the file is written anew only when there are any. */
async function scrubFile(file: string, values: ReadonlySet<string>): Promise<number> {
  if ((await rowsNaming(file, values)) === 0) return 0;
  const partial = `${file}.${randomBytes(6).toString("hex")}.partial`;
  let gone = 0;
  try {
    await pipeline(
      createReadStream(file),
      reader(),
      async function* (records: AsyncIterable<Row>) {
        for await (const { record, raw } of records) {
          if (record.some((cell) => values.has(cell))) gone += 1;
          else yield raw;
        }
      },
      createWriteStream(partial, { flags: "wx", flush: true }),
    );
    await rename(partial, file);
    return gone;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

interface Row {
  readonly record: readonly string[];
  /** The row as it stands in the file, with its line end. */
  readonly raw: string;
}

async function rowsNaming(file: string, values: ReadonlySet<string>): Promise<number> {
  let found = 0;
  for await (const { record } of createReadStream(file).pipe(reader()) as AsyncIterable<Row>)
    if (record.some((cell) => values.has(cell))) found += 1;
  return found;
}

function reader(): ReturnType<typeof parse> {
  return parse({
    raw: true,
    bom: false,
    delimiter: [",", ";", "\t", "|"],
    relax_column_count: true,
    relax_quotes: true,
  });
}
