import type { Dataset, HubStore, QuarantinedItem, RecordOperation } from "@tessera/profile-store";
import { contentId, describe, digest, isObject, type JsonValue, parseEvent, parseJson } from "@tessera/xdm";
import { saveDocument } from "../destination-lifecycle.ts";
import { emptyCommit } from "../empty-commit.ts";
import type { IngestReport } from "../ingest-queue.ts";
import { mapRow, type RowMapping } from "./row-mapping.ts";

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

/** Importing files, and sending again what lies in quarantine. */
export interface Imports {
  /**
   * Takes in the rows of a file. After a crash the same import goes on after the last batch that was committed; a row
   * that was committed and not noted is a duplicate, by its `_id` or its content. Bad rows lie in quarantine with their reason.
   */
  readonly importRows: (input: RowsImport) => Promise<ImportProgress>;
  readonly importProgress: (importId: string) => Promise<ImportProgress | undefined>;
  /**
   * Sends quarantined items again, mended by `fix` or, for rows, by a mapping. What is refused again stays, with its new reason.
   */
  readonly replayQuarantined: (
    ids: readonly string[],
    options?: {
      readonly fix?: (item: QuarantinedItem) => JsonValue;
      readonly mapping?: RowMapping;
      readonly operation?: RecordOperation;
    },
  ) => Promise<{ readonly accepted: number; readonly duplicates: number; readonly rejected: number }>;
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
const PAGE = 1000;

/** The importing side of a hub. */
export function createImports({ store, clock, ingestEvents, ingestRecords }: ImportsOptions): Imports {
  const importProgress = async (importId: string): Promise<ImportProgress | undefined> =>
    (await store.document(KIND, importId))?.body as ImportProgress | undefined;

  const setAside = async (items: readonly QuarantinedItem[]): Promise<void> => {
    if (items.length > 0) await store.commit({ ...emptyCommit, quarantine: items });
  };

  return {
    importProgress,
    importRows: async (input) => {
      const { importId, datasetId, kind, mapping, operation, onProgress } = input;
      let progress: ImportProgress = (await importProgress(importId)) ?? {
        importId,
        rows: 0,
        accepted: 0,
        duplicates: 0,
        rejected: 0,
        done: false,
      };
      if (progress.done) return progress;
      const passed = progress.rows;
      const occurrences = new Map<string, number>();
      let items: unknown[] = [];
      let refused: QuarantinedItem[] = [];
      let row = 0;
      const flush = async (done: boolean): Promise<void> => {
        await setAside(refused);
        const report =
          kind === "event"
            ? await ingestEvents(datasetId, items, occurrences)
            : await ingestRecords(datasetId, items, operation);
        progress = {
          importId,
          rows: row,
          accepted: progress.accepted + report.accepted,
          duplicates: progress.duplicates + report.duplicates,
          rejected: progress.rejected + report.rejected.length + refused.length,
          done,
        };
        items = [];
        refused = [];
        await saveDocument(store, KIND, importId, progress);
        onProgress?.(progress);
      };
      for await (const raw of input.rows) {
        row += 1;
        const mapped =
          mapping === undefined || !isObject(raw) ? { ok: true as const, value: raw } : mapRow(raw, mapping);
        if (row <= passed) {
          if (kind === "event" && mapped.ok) countOccurrence(mapped.value, datasetId, occurrences);
          continue;
        }
        if (mapped.ok) items.push(mapped.value);
        else {
          const { code, message } = mapped.error;
          refused.push(
            quarantinedRow(raw, {
              datasetId,
              kind: kind === "event" ? "event" : "record",
              code,
              message,
              at: clock(),
            }),
          );
        }
        if (items.length + refused.length >= (input.batch ?? BATCH)) await flush(false);
      }
      await flush(true);
      return progress;
    },
    replayQuarantined: async (ids, { fix, mapping, operation = "upsert" } = {}) => {
      const wanted = new Set(ids);
      const found: QuarantinedItem[] = [];
      for (let after = ""; found.length < wanted.size;) {
        const page = await store.quarantined(PAGE, after);
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.id;
        found.push(...page.filter(({ id }) => wanted.has(id)));
      }
      const counts = { accepted: 0, duplicates: 0, rejected: 0 };
      for (const group of Map.groupBy(found, ({ datasetId, kind }) => `${kind}\n${datasetId}`).values()) {
        const [first] = group;
        if (first === undefined) continue;
        const sent: { readonly item: QuarantinedItem; readonly body: JsonValue }[] = [];
        for (const item of group) {
          const mended = fix === undefined ? item.body : fix(item);
          const mapped =
            mapping === undefined || !isObject(mended)
              ? { ok: true as const, value: mended }
              : mapRow(mended, mapping);
          if (mapped.ok) sent.push({ item, body: mapped.value });
          else counts.rejected += 1;
        }
        const bodies = sent.map(({ body }) => body);
        const report =
          first.kind === "event"
            ? await ingestEvents(first.datasetId, bodies)
            : await ingestRecords(first.datasetId, bodies, operation);
        counts.accepted += report.accepted;
        counts.duplicates += report.duplicates;
        counts.rejected += report.rejected.length;
        // Whatever was refused again lies there anew, under the same id when it is the same; all else may go.
        const again = new Set(report.rejected.map(({ index }) => index));
        const gone = sent.filter(({ item, body }, index) => !again.has(index) || body !== item.body);
        await store.releaseQuarantined(gone.map(({ item }) => item.id));
      }
      return counts;
    },
  };
}

/** Equal events without an id are told apart by their place among equals: also those before the place where an import goes on. */
function countOccurrence(item: unknown, datasetId: string, occurrences: Map<string, number>): void {
  const event = parseEvent(item);
  if (!event.ok || event.value._id !== undefined) return;
  const first = contentId(datasetId, event.value, 0);
  occurrences.set(first, (occurrences.get(first) ?? 0) + 1);
}

function quarantinedRow(raw: unknown, about: Omit<QuarantinedItem, "id" | "body">): QuarantinedItem {
  const json = parseJson(raw);
  const body: JsonValue = "badPath" in json ? describe(raw) : json.value;
  return { ...about, id: digest(`${about.datasetId}\n${about.kind}\n${JSON.stringify(body)}`), body };
}
