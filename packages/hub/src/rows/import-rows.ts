import {
  emptyCommit,
  type Dataset,
  type HubStore,
  type QuarantinedItem,
  type RecordOperation,
} from "@tessera/profile-store";
import { contentId, isObject, type Issue, parseEvent } from "@tessera/xdm";
import { saveDocument } from "../destination-lifecycle.ts";
import type { IngestReport } from "../ingest-queue.ts";
import { keptOperation, quarantinedItem } from "../quarantine-item.ts";
import { mapRow, type RowMapping } from "./row-mapping.ts";
import { RowsMark } from "./rows-mark.ts";
import { UnreadableRow } from "./unreadable-row.ts";

/** Where an import stands. Rows count from 1; a row is accepted, a duplicate, or rejected. */
export interface ImportProgress {
  readonly importId: string;
  readonly rows: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly done: boolean;
  /** Why the rows given could not go on with it; then nothing of them was taken. */
  readonly refused?: Issue;
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
   * reason, rows that could not even be read (`UnreadableRow`) among them. Rows that do not begin with those that were
   * taken under this id are `refused`; an import that was done takes what follows them.
   */
  readonly importRows: (input: RowsImport) => Promise<ImportProgress>;
  readonly importProgress: (importId: string) => Promise<ImportProgress | undefined>;
}

/** What imports are made of. */
export interface ImportsOptions {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly take: (arrival: Arrival) => Promise<IngestReport>;
}

/** Items on their way to the door of a dataset. */
export interface Arrival {
  readonly datasetId: string;
  readonly kind: "event" | "record";
  readonly items: readonly unknown[];
  /** What records do. */
  readonly operation?: RecordOperation | undefined;
  /** Goes on over the parts of one import, see `Door`. */
  readonly occurrences?: Map<string, number> | undefined;
  /** The row that an item was mapped from: that is what lies in quarantine when the item is refused. */
  readonly rowAt?: ((index: number) => unknown) | undefined;
}

const KIND = "import";
const BATCH = 1000;

/** The importing side of a hub. */
export function createImports(options: ImportsOptions): Imports {
  const { store } = options;
  const noted = async (importId: string): Promise<Noted | undefined> => {
    const stored = (await store.document(KIND, importId))?.body;
    if (stored === undefined) return undefined;
    const { mark, ...progress } = stored;
    return { progress: progress as unknown as ImportProgress, mark: mark as string | undefined };
  };
  return {
    importProgress: async (importId) => (await noted(importId))?.progress,
    importRows: async (input) => {
      const before = await noted(input.importId);
      return takeRows(input, before ?? begun(input.importId), options);
    },
  };
}

/** An import as it is noted: where it stands, and what the rows up to there come to. */
interface Noted {
  readonly progress: ImportProgress;
  readonly mark: string | undefined;
}

function begun(importId: string): Noted {
  const progress = { importId, rows: 0, accepted: 0, duplicates: 0, rejected: 0, done: false };
  return { progress, mark: undefined };
}

function otherFile(rows: number): Issue {
  const expected = `rows for the same dataset that begin with the ${rows} that were taken under this importId`;
  return {
    code: "import.otherFile",
    path: ["importId"],
    expected,
    came: "other ones",
    message: `importId: expected ${expected}, got other ones. Nothing of them was taken: send them under an importId of their own.`,
  };
}

/** Goes on with an import behind the rows that `before` counts. */
async function takeRows(
  input: RowsImport,
  { progress: before, mark: markBefore }: Noted,
  { store, clock, take }: ImportsOptions,
): Promise<ImportProgress> {
  const { importId, datasetId, operation, batch = BATCH } = input;
  const kind = input.kind === "event" ? "event" : "record";
  const occurrences = new Map<string, number>();
  const mark = new RowsMark([datasetId, kind, operation ?? "upsert"].join("\n"));
  let progress = before;
  let items: unknown[] = [];
  let rows: unknown[] = [];
  let refused: QuarantinedItem[] = [];
  let row = 0;
  const isOther = (read: RowsMark): boolean => markBefore !== undefined && markBefore !== read.text();
  const flush = async (done: boolean): Promise<void> => {
    if (refused.length > 0) await store.commit({ ...emptyCommit, quarantine: refused });
    const rowsOfItems = rows;
    const rowAt = input.mapping === undefined ? undefined : (index: number) => rowsOfItems[index];
    const report = await take({ datasetId, kind, items, operation, occurrences, rowAt });
    progress = {
      importId,
      rows: Math.max(row, before.rows),
      accepted: progress.accepted + report.accepted,
      duplicates: progress.duplicates + report.duplicates,
      rejected: progress.rejected + report.rejected.length + refused.length,
      done,
    };
    items = [];
    rows = [];
    refused = [];
    await saveDocument(store, KIND, importId, { ...progress, mark: mark.text() });
    input.onProgress?.(progress);
  };
  for await (const raw of input.rows) {
    row += 1;
    mark.take(raw);
    if (row === before.rows && isOther(mark)) return { ...before, refused: otherFile(before.rows) };
    const read = readRow(raw, input.mapping);
    if (row <= before.rows) {
      if (kind === "event" && "value" in read) countOccurrence(read.value, datasetId, occurrences);
      continue;
    }
    if ("value" in read) {
      items.push(read.value);
      rows.push(raw);
    } else {
      const { code, message, isRow } = read;
      const about = { datasetId, kind, code, message, at: clock(), ...keptOperation(operation) } as const;
      const body = read.text ?? (raw instanceof UnreadableRow ? { importId, row } : raw);
      refused.push(quarantinedItem(body, { ...about, ...(isRow ? { isRow } : {}) }));
    }
    if (items.length + refused.length >= batch) await flush(false);
  }
  if (row < before.rows && markBefore !== undefined) return { ...before, refused: otherFile(before.rows) };
  if (row > before.rows || !before.done) await flush(true);
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
