import {
  type DeletedRecipients,
  laterWatermark,
  type LogWatermark,
  readLogs,
  type ReadRow,
} from "@tessera/destinations-campaign";
import { UnreadableRow } from "@tessera/hub";
import { formatInstant, isObject } from "@tessera/xdm";
import type { Context } from "hono";
import { jsonObjectOf, writeDocuments } from "../documents.ts";
import type { Gateway } from "../gateway.ts";
import type { Sandbox } from "../sandbox.ts";
import { decoded } from "./collect.ts";
import { fileRows, formatOf } from "./file-rows.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";
import { refusedImport } from "./rows-route.ts";

const NAME = /^[A-Za-z0-9_.-]{1,100}$/;
const PAGE = 500;
/** Rejected rows that are told one by one; the rest is counted. */
const TOLD_MAX = 100;
/** The kind of documents that hold how far each log was read. */
const WATERMARK = "campaignLogWatermark";

/** What reading a log brought. */
interface LogImport {
  readonly rows: number;
  readonly accepted: number;
  readonly duplicates: number;
  /** Read before: at or before the watermark. */
  readonly known: number;
  /** Of erased recipients: not read in; the erasure is to be asked for again at `reissueAt`. */
  readonly deleted: { readonly rows: number; readonly reissueAt: string | null };
  readonly rejectedCount: number;
  readonly rejected: readonly { readonly row: number; readonly code: string; readonly message: string }[];
  readonly watermark: LogWatermark | null;
}

/**
 * `POST /collect/campaign-logs?log=broadLog&instance=acme&namespace=CRMID&datasetId=campaign`: rows of Campaign's delivery
 * or tracking log (CSV, NDJSON, JSON) as experience events. Rows read before are passed over; reading a file again
 * changes nothing.
 */
export function campaignLogsRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusedImport(gateway, context);
    if (refused !== undefined) return refused;
    const asked = (name: string): string => context.req.query(name) ?? "";
    const [log, instance, namespace] = [asked("log"), asked("instance"), asked("namespace")];
    const datasetId = asked("datasetId");
    const format = formatOf(context.req.query("format"), context.req.header("content-type"));
    const body = decoded(context.env.incoming);
    const isLog = log === "broadLog" || log === "trackingLog";
    if (
      !isLog ||
      ![instance, namespace, datasetId].every((name) => NAME.test(name)) ||
      format === undefined
    ) {
      const message =
        "Expected ?log=broadLog or trackingLog, &instance=, &namespace=<of externalID>, &datasetId=, and &format=csv, ndjson, json or parquet.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    if (body === undefined) {
      const message = "Expected Content-Encoding gzip, deflate, br or none.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    const rows = fileRows(body, format, context.req.query("separator") ?? ",");
    return context.json(await importLog(context.var.sandbox, { log, instance, namespace, datasetId }, rows));
  };
}

async function importLog(
  { hub, store }: Sandbox,
  from: {
    readonly log: "broadLog" | "trackingLog";
    readonly instance: string;
    readonly namespace: string;
    readonly datasetId: string;
  },
  rows: AsyncIterable<unknown>,
): Promise<LogImport> {
  const document = { kind: WATERMARK, id: `${from.instance}:${from.log}:${from.datasetId}` };
  const before = watermarkOf((await store.document(document.kind, document.id))?.body);
  const settings = { instance: from.instance, externalIdNamespace: from.namespace };
  const state = { deleted: deletedIn(hub, from.namespace), ...(before && { watermark: before }) };
  let watermark = before;
  let told: LogImport = { ...NONE, watermark: before ?? null };
  for await (const page of pagesOf(rows)) {
    const read = readLogs(from.log, page, settings, state);
    const first = told.rows;
    const found = read.rows.filter((row) => row.kind === "event");
    const events = found.map(({ event }) => event);
    const taken = events.length === 0 ? undefined : await hub.ingestEvents(from.datasetId, events);
    const refused = (taken?.rejected ?? []).map(({ index, code, message }) => ({
      row: first + (found[index]?.row ?? 0) + 1,
      code,
      message,
    }));
    watermark = laterWatermark(watermark, read.watermark);
    told = {
      rows: first + page.length,
      accepted: told.accepted + (taken?.accepted ?? 0),
      duplicates: told.duplicates + (taken?.duplicates ?? 0),
      known: told.known + read.known,
      deleted: deletedAfter(told.deleted, read.rows),
      ...rejectedAfter(told, [...refusedRows(read.rows, page, first), ...refused]),
      watermark: watermark ?? null,
    };
  }
  if (watermark !== undefined) await writeDocuments(store, [{ ...document, body: jsonObjectOf(watermark) }]);
  return told;
}

const NONE: LogImport = {
  rows: 0,
  accepted: 0,
  duplicates: 0,
  known: 0,
  deleted: { rows: 0, reissueAt: null },
  rejectedCount: 0,
  rejected: [],
  watermark: null,
};

type Rejected = LogImport["rejected"][number];

/** Rows that are no log entries; of a row that could not even be read, why. Rows count from 1. */
function refusedRows(rows: readonly ReadRow[], page: readonly unknown[], first: number): readonly Rejected[] {
  return rows.flatMap((row): readonly Rejected[] => {
    if (row.kind !== "refused") return [];
    const came = page[row.row];
    const { code, message } = came instanceof UnreadableRow ? came : row.issue;
    return [{ row: first + row.row + 1, code, message }];
  });
}

function rejectedAfter(
  { rejected, rejectedCount }: LogImport,
  more: readonly Rejected[],
): Pick<LogImport, "rejected" | "rejectedCount"> {
  return {
    rejected: [...rejected, ...more].slice(0, TOLD_MAX),
    rejectedCount: rejectedCount + more.length,
  };
}

function deletedAfter(sofar: LogImport["deleted"], rows: readonly ReadRow[]): LogImport["deleted"] {
  const found = rows.flatMap((row) => (row.kind === "deleted" ? [row.reissueAt] : []));
  const all = [...(sofar.reissueAt === null ? [] : [sofar.reissueAt]), ...found].sort();
  return { rows: sofar.rows + found.length, reissueAt: all.at(-1) ?? null };
}

/** Who was erased here, by their id in Campaign. */
function deletedIn(hub: Sandbox["hub"], namespace: string): DeletedRecipients {
  return {
    get: (id) => {
      const at = hub.erasedAt({ namespace, id });
      return at === undefined ? undefined : formatInstant(Math.min(at, FAR));
    },
  };
}

/** Of somebody whose data stays out for ever. */
const FAR = Date.UTC(9000, 0);

function watermarkOf(body: unknown): LogWatermark | undefined {
  if (!isObject(body)) return undefined;
  const { lastModified, ids } = body;
  const known = Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : [];
  return typeof lastModified === "string" ? { lastModified, ids: known } : undefined;
}

async function* pagesOf(rows: AsyncIterable<unknown>): AsyncGenerator<readonly unknown[]> {
  let page: unknown[] = [];
  for await (const row of rows) {
    page.push(row);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
