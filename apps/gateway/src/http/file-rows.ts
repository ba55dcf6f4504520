import { createCsvReader, UnreadableRow } from "@tessera/hub";
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
): AsyncGenerator<Readonly<Record<string, string>>> {
  const reader = createCsvReader({ separator });
  const decoder = new TextDecoder();
  let since = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    since += chunk.length;
    for (const row of reader.read(decoder.decode(chunk, { stream: true }))) {
      since = 0;
      yield row;
    }
    if (since > LINE_MAX) throw new Error("A row of the file does not end.");
  }
  yield* reader.end();
}
