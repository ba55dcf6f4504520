import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { FileUnreadable } from "./file-unreadable.ts";

/** So many rows at most are decoded at once. */
const ROWS_AT_ONCE = 5_000;

/**
 * The rows of a Parquet file, as JSON data. A Parquet file is read from its end, so the body is written to a temporary
 * file first, `maxBytes` at most; then one part of it after the other is decoded.
 */
export async function* parquetRows(
  body: NodeJS.ReadableStream,
  maxBytes: number,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const folder = await mkdtemp(join(tmpdir(), "tessera-parquet-"));
  try {
    const path = join(folder, "rows.parquet");
    await pipeline(body, atMost(maxBytes), createWriteStream(path));
    yield* rowsOf(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* rowsOf(path: string): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw new FileUnreadable("The body is not a whole Parquet file.", { cause });
  });
  const end = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < end; rowStart += ROWS_AT_ONCE) {
    const rowEnd = Math.min(end, rowStart + ROWS_AT_ONCE);
    const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd }).catch(
      (cause: unknown) => {
        throw new FileUnreadable(`Rows ${rowStart + 1} to ${rowEnd} cannot be read.`, { cause });
      },
    );
    for (const row of rows) yield jsonOf(row) as Readonly<Record<string, unknown>>;
  }
}

function atMost(maxBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      seen += chunk.length;
      if (seen > maxBytes) done(new FileUnreadable(`Expected a file of at most ${maxBytes} bytes.`));
      else done(null, chunk);
    },
  });
}

/** A cell as JSON data: times as ISO 8601, whole numbers beyond what JSON keeps exactly as text, bytes as Base64. */
function jsonOf(cell: unknown): unknown {
  if (typeof cell === "bigint") {
    return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell);
  }
  if (typeof cell !== "object" || cell === null) return cell;
  if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? undefined : cell.toISOString();
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString("base64");
  if (Array.isArray(cell)) return cell.map((one: unknown) => jsonOf(one));
  const fields = Object.entries(cell).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(fields.map(([name, value]) => [name, jsonOf(value)]));
}
