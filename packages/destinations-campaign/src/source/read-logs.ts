import { formatInstant, isObject, type Issue, parseInstant } from "@tessera/xdm";
import { type CampaignEvent, campaignEvent, type CampaignLog, type LogSettings } from "./log-event.ts";

/**
 * How far a log was read. Plain JSON data: store it with the events it led to.
 * `ids` are the entries already read at exactly `lastModified`, since others of the same instant may still come.
 */
export interface LogWatermark {
  readonly lastModified: string;
  readonly ids: readonly string[];
}

/**
 * Recipients deleted by a privacy request: their `externalID` and when the deletion was asked for, ISO 8601. Entries
 * later than the second request are of somebody who signed up again, and are read.
 */
export type DeletedRecipients = Pick<ReadonlyMap<string, string>, "get">;

/** Campaign may still hold a deleted recipient's log rows for so long; the deletion is then asked for again. */
export const REISSUE_HOURS = 72;

/** One row read. */
export type ReadRow =
  | { readonly kind: "event"; readonly row: number; readonly event: CampaignEvent }
  | { readonly kind: "refused"; readonly row: number; readonly issue: Issue }
  | {
      /** Of a recipient who was deleted: not read in again; the deletion is to be asked for once more at `reissueAt`. */
      readonly kind: "deleted";
      readonly row: number;
      readonly reissueAt: string;
    };

/** What reading a page of a log gives. */
export interface ReadLogs {
  readonly rows: readonly ReadRow[];
  readonly watermark: LogWatermark | undefined;
  /** Rows that had been read before. */
  readonly known: number;
}

/**
 * Reads a page of log rows, each with `lastModified`, in any order. Rows at or before the watermark that were read
 * already are passed over; the answer's watermark is for the next page. Reading again is harmless either way: the
 * same row gives the same event id.
 */
export function readLogs(
  log: CampaignLog,
  page: Iterable<unknown>,
  settings: LogSettings,
  state: { readonly watermark?: LogWatermark; readonly deleted?: DeletedRecipients } = {},
): ReadLogs {
  const mark = state.watermark === undefined ? -Infinity : instant(state.watermark.lastModified);
  const seen = new Set(state.watermark?.ids);
  const rows: ReadRow[] = [];
  let latest = mark;
  let latestIds = [...seen];
  let known = 0;
  let index = -1;
  for (const row of page) {
    index += 1;
    const modified = isObject(row) ? instant(row["lastModified"]) : Number.NaN;
    const id = isObject(row) ? String(row[log === "broadLog" ? "broadlogID" : "trackinglogID"] ?? "") : "";
    if (modified < mark || (modified === mark && seen.has(id))) {
      known += 1;
      continue;
    }
    if (modified > latest) {
      latest = modified;
      latestIds = [];
    }
    if (modified === latest) latestIds.push(id);
    rows.push(readRow(log, row, index, { settings, ...(state.deleted && { deleted: state.deleted }) }));
  }
  return {
    rows,
    known,
    watermark: Number.isFinite(latest) ? { lastModified: formatInstant(latest), ids: latestIds } : undefined,
  };
}

/** The watermark of two pages that were read from the same one on. */
export function laterWatermark(
  one: LogWatermark | undefined,
  other: LogWatermark | undefined,
): LogWatermark | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const [a, b] = [instant(one.lastModified), instant(other.lastModified)];
  if (a !== b) return a > b ? one : other;
  return { lastModified: one.lastModified, ids: [...new Set([...one.ids, ...other.ids])] };
}

function readRow(
  log: CampaignLog,
  row: unknown,
  index: number,
  { settings, deleted }: { readonly settings: LogSettings; readonly deleted?: DeletedRecipients },
): ReadRow {
  const event = campaignEvent(log, row, settings);
  if (!event.ok) return { kind: "refused", row: index, issue: event.error };
  const external = isObject(row) ? String(row["externalID"]) : "";
  const deletedAt = deleted?.get(external);
  const reissue = deletedAt === undefined ? NaN : instant(deletedAt) + REISSUE_HOURS * 3_600_000;
  // Who was deleted may sign up again under the same id: what is later than that is another recipient's.
  if (instant(event.value.timestamp) < reissue)
    return { kind: "deleted", row: index, reissueAt: formatInstant(reissue) };
  return { kind: "event", row: index, event: event.value };
}

function instant(value: unknown): number {
  const parsed = parseInstant(value);
  return parsed.ok ? parsed.value : Number.NaN;
}
