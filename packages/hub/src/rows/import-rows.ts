import {
  emptyCommit,
  type Dataset,
  type HubStore,
  type QuarantinedItem,
  type RecordOperation,
} from "@tessera/profile-store";
import { contentId, isObject, parseEvent } from "@tessera/xdm";
import { saveDocument } from "../destination-lifecycle.ts";
import type { IngestReport } from "../ingest-queue.ts";
import { keptOperation, quarantinedItem } from "../quarantine-item.ts";
import { mapRow, type RowMapping } from "./row-mapping.ts";
import { UnreadableRow } from "./unreadable-row.ts";

/** Where an import stands. Rows count from 1; a row is accepted, a duplicate, or rejected. */
export interface ImportProgress {
  readonly importId: string;
  readonly rows: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly done: boolean;
}

/** An import: rows of a file, in its order, into one dataset. */
export interface RowsImport {
  /** Names the import (say, by the digest of the file): the same id goes on where it was cut short. */
  readonly importId: string;
  readonly datasetId: string;
  readonly kind: Dataset["kind"];
  readonly rows: AsyncIterable<unknown> | Iterable<unknown>;
  /** Without it a row is the record or event itself. */
  readonly mapping?: RowMapping;
  readonly operation?: RecordOperation;
  /** Rows in one commit (1,000). */
  readonly batch?: number;
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Importing files. */
export interface Imports {
  /**
   * Takes in the rows of a file. After a crash the same import goes on after the last batch that was committed; a row
   * that was committed and not noted is a duplicate, by its `_id` or its content. Bad rows lie in quarantine with their
   * reason, rows that could not even be read (`UnreadableRow`) among them.
   */
  readonly importRows: (input: RowsImport) => Promise<ImportProgress>;
  readonly importProgress: (importId: string) => Promise<ImportProgress | undefined>;
}

/** What imports are made of. */
export interface ImportsOptions {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly ingestEvents: (
    datasetId: string,
    events: readonly unknown[],
    occurrences?: Map<string, number>,
  ) => Promise<IngestReport>;
  readonly ingestRecords: (
    datasetId: string,
    records: readonly unknown[],
    operation?: RecordOperation,
  ) => Promise<IngestReport>;
}

const KIND = "import";
const BATCH = 1000;

/** The importing side of a hub. */
export function createImports(options: ImportsOptions): Imports {
  const { store } = options;
  const importProgress = async (importId: string): Promise<ImportProgress | undefined> =>
    (await store.document(KIND, importId))?.body as ImportProgress | undefined;
  return {
    importProgress,
    importRows: async (input) => {
      const before = await importProgress(input.importId);
      if (before?.done === true) return before;
      return takeRows(input, before ?? begun(input.importId), options);
    },
  };
}

function begun(importId: string): ImportProgress {
  return { importId, rows: 0, accepted: 0, duplicates: 0, rejected: 0, done: false };
}

/** Goes on with an import behind the rows that `before` counts. */
async function takeRows(
  input: RowsImport,
  before: ImportProgress,
  { store, clock, ingestEvents, ingestRecords }: ImportsOptions,
): Promise<ImportProgress> {
  const { importId, datasetId, kind, operation, batch = BATCH } = input;
  const occurrences = new Map<string, number>();
  let progress = before;
  let items: unknown[] = [];
  let refused: QuarantinedItem[] = [];
  let row = 0;
  const flush = async (done: boolean): Promise<void> => {
    if (refused.length > 0) await store.commit({ ...emptyCommit, quarantine: refused });
    const report =
      kind === "event"
        ? await ingestEvents(datasetId, items, occurrences)
        : await ingestRecords(datasetId, items, operation);
    progress = {
      importId,
      rows: Math.max(row, before.rows),
      accepted: progress.accepted + report.accepted,
      duplicates: progress.duplicates + report.duplicates,
      rejected: progress.rejected + report.rejected.length + refused.length,
      done,
    };
    items = [];
    refused = [];
    await saveDocument(store, KIND, importId, progress);
    input.onProgress?.(progress);
  };
  for await (const raw of input.rows) {
    row += 1;
    const read = readRow(raw, input.mapping);
    if (row <= before.rows) {
      if (kind === "event" && "value" in read) countOccurrence(read.value, datasetId, occurrences);
      continue;
    }
    if ("value" in read) items.push(read.value);
    else {
      const { code, message, isRow } = read;
      const place = { datasetId, kind: kind === "event" ? "event" : "record" } as const;
      const about = { ...place, code, message, at: clock(), ...keptOperation(operation) };
      const body = read.text ?? (raw instanceof UnreadableRow ? { importId, row } : raw);
      refused.push(quarantinedItem(body, { ...about, ...(isRow ? { isRow } : {}) }));
    }
    if (items.length + refused.length >= batch) await flush(false);
  }
  await flush(true);
  return progress;
}

type ReadRow =
  | { readonly value: unknown }
  | { readonly code: string; readonly message: string; readonly isRow: boolean; readonly text?: string };

/** The record or event of a row, or why there is none; what is refused before it was mapped stays a row. */
function readRow(raw: unknown, mapping: RowMapping | undefined): ReadRow {
  const isRow = mapping !== undefined;
  if (raw instanceof UnreadableRow) {
    const { code, message, text } = raw;
    return { code, message, isRow, ...(text === undefined ? {} : { text }) };
  }
  if (mapping === undefined || !isObject(raw)) return { value: raw };
  const mapped = mapRow(raw, mapping);
  return mapped.ok ? mapped : { code: mapped.error.code, message: mapped.error.message, isRow };
}

/** Equal events without an id are told apart by their place among equals: also those before the place where an import goes on. */
function countOccurrence(item: unknown, datasetId: string, occurrences: Map<string, number>): void {
  const event = parseEvent(item);
  if (!event.ok || event.value._id !== undefined) return;
  const first = contentId(datasetId, event.value, 0);
  occurrences.set(first, (occurrences.get(first) ?? 0) + 1);
}
