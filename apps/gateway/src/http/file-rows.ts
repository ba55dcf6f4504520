import { createCsvReader, type CsvRow, UnreadableRow } from "@tessera/hub";
import { FileUnreadable } from "./file-unreadable.ts";
import { createItemSplitter, type SplitItem } from "./item-splitter.ts";
import { parquetRows } from "./parquet-rows.ts";

/** The formats of files whose rows are taken in. */
export type FileFormat = "csv" | "ndjson" | "json" | "parquet";

const FORMATS: ReadonlyMap<string, FileFormat> = new Map([
  ["text/csv", "csv"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
  ["application/json", "json"],
  ["application/vnd.apache.parquet", "parquet"],
]);
const LINE_MAX = 5_000_000;
const ITEM_BYTES = 1_000_000;
const PARQUET_BYTES = 4 * 2 ** 30;

/** The format that a query names, or else the content type; CSV when neither says; undefined for one that is not known. */
export function formatOf(asked: string | undefined, contentType: string | undefined): FileFormat | undefined {
  if (asked !== undefined) return [...FORMATS.values()].find((format) => format === asked);
  return FORMATS.get(contentType?.split(";")[0]?.trim().toLowerCase() ?? "") ?? "csv";
}

/** The rows of a file, as they are read; what cannot be read is an `UnreadableRow` in its place. */
export function fileRows(
  body: NodeJS.ReadableStream,
  format: FileFormat,
  separator: string,
): AsyncIterable<unknown> {
  switch (format) {
    case "csv":
      return csvRows(body, separator);
    case "ndjson":
    case "json":
      return jsonRows(body);
    case "parquet":
      return parquetRows(body, PARQUET_BYTES);
  }
}

async function* jsonRows(body: NodeJS.ReadableStream): AsyncGenerator<unknown> {
  const splitter = createItemSplitter(ITEM_BYTES);
  for await (const chunk of body as AsyncIterable<Buffer>) yield* splitter.push(chunk).map(rowOf);
  yield* splitter.end().map(rowOf);
}

function rowOf(item: SplitItem): unknown {
  return item.kind === "value" ? item.value : new UnreadableRow(item.code, item.message, item.text);
}

async function* csvRows(
  body: NodeJS.ReadableStream,
  separator: string,
): AsyncGenerator<CsvRow | UnreadableRow> {
  const reader = createCsvReader({ separator });
  const decoder = new TextDecoder();
  let since = 0;
  let isUtf8 = true;
  const told = (row: CsvRow | UnreadableRow): CsvRow | UnreadableRow =>
    isUtf8 || row instanceof UnreadableRow ? row : inUtf8(row, separator);
  for await (const chunk of body as AsyncIterable<Buffer>) {
    since += chunk.length;
    const text = decoder.decode(chunk, { stream: true });
    isUtf8 &&= count(text, REPLACED) === count(chunk, REPLACED);
    for (const row of reader.read(text)) {
      since = 0;
      yield told(row);
    }
    if (since > LINE_MAX)
      throw new FileUnreadable(
        `Expected rows of at most ${LINE_MAX} bytes, got one that does not end: a quote may be open.`,
      );
  }
  yield* reader.end().map(told);
}

/** What a decoder puts where bytes are no UTF-8. */
const REPLACED = "\ufffd";

/** How often a text, or the same as bytes, holds a part. */
function count(held: string | Buffer, part: string): number {
  let times = 0;
  for (let at = held.indexOf(part); at >= 0; at = held.indexOf(part, at + 1)) times += 1;
  return times;
}

/** A row of a file that is not UTF-8 throughout, unless it holds what a decoder put there. */
function inUtf8(row: CsvRow, separator: string): CsvRow | UnreadableRow {
  const cells = [...Object.keys(row), ...Object.values(row)];
  if (!cells.some((cell) => cell.includes(REPLACED))) return row;
  const message = "Expected UTF-8, got bytes that are none. Save the file as UTF-8, and send the row again.";
  return new UnreadableRow("csv.encoding", message, Object.values(row).join(separator));
}
