import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Hub, IngestReport } from "@tessera/hub";
import type { RecordOperation } from "@tessera/profile-store";
import type { Context } from "hono";
import { may } from "../access/principal.ts";
import type { Gateway } from "../gateway.ts";
import { traced } from "../observe/tracing.ts";
import { createItemSplitter, type SplitItem } from "./item-splitter.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";

/** One thing said about one item, by its place in the whole request. `line` is given for NDJSON. */
interface CollectNotice {
  readonly index: number;
  readonly line?: number;
  readonly code: string;
  readonly message: string;
}

/** What became of a collected body. What is accepted is durable, also when the rest of the body failed. */
interface CollectReport {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly CollectNotice[];
  readonly warnings: readonly CollectNotice[];
}

const PART_ITEMS = 1_000;
const PART_BYTES = 8_000_000;
const ITEM_BYTES = 1_000_000;
const REQUESTS_AT_ONCE = 64;
/** How often a body that is held back looks for room in the queue, in milliseconds. */
const ROOM_EVERY = 20;
/** Notices told one by one; beyond it they are only counted. */
const NOTICES_MAX = 100_000;
const OPERATION_EXPECTED =
  "operation: expected upsert (the whole record), merge (some of its fields) or delete.";
/** The ids that datasets can have. */
export const DATASET_ID: RegExp = /^[A-Za-z0-9_.-]{1,100}$/;

/**
 * `POST /collect/events` and `/collect/records`: a JSON list or NDJSON of any length, read as it arrives. Records take the
 * place of what their dataset said before; with `operation=merge` they change some of its fields, with `delete` they end it.
 */
export function collectRoute(
  gateway: Gateway,
  kind: "event" | "record",
): (context: Context<RouteEnv>) => Promise<Response> {
  let underWay = 0;
  return async (context) => {
    const { principal, sandbox } = context.var;
    const datasetId = context.req.query("datasetId") ?? "";
    if (!may(principal, "manage-sources", sandbox.name)) {
      return refuse(context, 403, {
        code: "FORBIDDEN",
        message: 'The permission "Manage Sources" is needed for this.',
      });
    }
    if (!gateway.config.roles.includes("collect")) {
      const message = "This process takes nothing in; send it to one whose TESSERA_ROLES has collect.";
      return refuse(context, 503, { code: "ROLE_ABSENT", message });
    }
    if (!DATASET_ID.test(datasetId)) {
      const message =
        "datasetId: expected 1 to 100 letters, digits, _ . - in the query, as in ?datasetId=web.";
      return refuse(context, 400, { code: "DATASET_INVALID", message });
    }
    const operation = kind === "event" ? undefined : operationOf(context.req.query("operation"));
    if (operation === "unknown")
      return refuse(context, 400, { code: "OPERATION_INVALID", message: OPERATION_EXPECTED });
    if (sandbox.hub.queueDepth() > gateway.config.queueLimit || underWay >= REQUESTS_AT_ONCE) {
      const message = "Too much is waiting to be taken in. Nothing of this request was; send it again later.";
      return refuse(context, 429, { code: "BUSY", message, retryAfter: 1 });
    }
    const body = decoded(context.env.incoming);
    if (body === undefined) {
      const message = "Content-Encoding: expected gzip, deflate, br or none.";
      return refuse(context, 415, { code: "ENCODING_UNKNOWN", message });
    }
    underWay += 1;
    const collection = createCollection(gateway, { context, kind, datasetId, operation });
    try {
      const splitter = createItemSplitter(ITEM_BYTES);
      for await (const chunk of body as AsyncIterable<Buffer>) await collection.add(splitter.push(chunk));
      await collection.add(splitter.end());
      return context.json(await collection.end());
    } catch (error) {
      const report = await collection.end().catch(() => collection.soFar());
      const unreadable = isUnreadable(error);
      if (!unreadable)
        gateway.log.error({ err: error, requestId: context.var.requestId }, "collecting failed");
      const [status, code, message] = unreadable
        ? ([400, "BODY_UNREADABLE", UNREADABLE] as const)
        : ([
            503,
            "UNAVAILABLE",
            "Taking in failed. What is accepted is durable; send the request again.",
          ] as const);
      if (status === 503) context.header("Retry-After", "2");
      return context.json({ ...report, code, message, requestId: context.var.requestId }, status);
    } finally {
      underWay -= 1;
    }
  };
}

/** What is told of a body for which `isUnreadable` holds. */
export const UNREADABLE = "The body ended early or is not what Content-Encoding says.";

/** Whether reading a body failed by what was sent: zlib says so by `Z_`, Brotli by `ERR__`. A store that fails says other things. */
export function isUnreadable(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("Z_") || code.startsWith("ERR__") || code === "ERR_STREAM_PREMATURE_CLOSE";
}

/** What records are to do, as a query says it. */
export function operationOf(asked: string | undefined): RecordOperation | "unknown" | undefined {
  if (asked === undefined) return undefined;
  return asked === "upsert" || asked === "merge" || asked === "delete" ? asked : "unknown";
}

interface Collection {
  readonly add: (items: readonly SplitItem[]) => Promise<void>;
  readonly end: () => Promise<CollectReport>;
  readonly soFar: () => CollectReport;
}

/** Hands a body to the hub in parts, two at most under way, and adds up what becomes of them. */
function createCollection(
  gateway: Gateway,
  request: {
    readonly context: Context<RouteEnv>;
    readonly kind: "event" | "record";
    readonly datasetId: string;
    readonly operation: RecordOperation | undefined;
  },
): Collection {
  const { kind, datasetId, operation } = request;
  const { requestId, sandbox } = request.context.var;
  const { hub, name } = sandbox;
  const how = operation === undefined ? {} : { operation };
  const occurrences = new Map<string, number>();
  const rejected: CollectNotice[] = [];
  const warnings: CollectNotice[] = [];
  let accepted = 0;
  let duplicates = 0;
  let count = 0;
  let part: unknown[] = [];
  let places: { readonly index: number; readonly line?: number }[] = [];
  let inFlight: Promise<void> = Promise.resolve();

  const note = (list: CollectNotice[], notice: CollectNotice): void => {
    if (list.length < NOTICES_MAX) list.push(notice);
  };
  const settle = async (report: Promise<IngestReport>, at: typeof places): Promise<void> => {
    const told = await report;
    accepted += told.accepted;
    duplicates += told.duplicates;
    const items = gateway.metrics.items;
    items.inc({ sandbox: name, kind, outcome: "accepted" }, told.accepted);
    items.inc({ sandbox: name, kind, outcome: "duplicate" }, told.duplicates);
    items.inc({ sandbox: name, kind, outcome: "rejected" }, told.rejected.length);
    for (const { index, code, message } of told.rejected)
      note(rejected, { ...placeOf(at, index), code, message });
    for (const { index, code, message } of told.warnings)
      note(warnings, { ...placeOf(at, index), code, message });
  };
  const flush = async (): Promise<void> => {
    if (part.length === 0) return;
    // a body that is long goes on when there is room: until then its sender is held back by TCP
    while (hub.queueDepth() > gateway.config.queueLimit) await wait(ROOM_EVERY);
    const items = part;
    const arrived = performance.now();
    const report = traced("hub.ingest", { "tessera.items": items.length, "tessera.dataset": datasetId }, () =>
      kind === "event"
        ? hub.ingestEvents(datasetId, items, occurrences)
        : hub.ingestRecords(datasetId, items, operation),
    );
    const settled = settle(report, places).then(() =>
      gateway.metrics.ingestSeconds.observe({ sandbox: name, kind }, (performance.now() - arrived) / 1_000),
    );
    settled.catch(() => undefined);
    part = [];
    places = [];
    await inFlight;
    inFlight = settled;
  };
  const soFar = (): CollectReport => ({
    accepted,
    duplicates,
    rejected: rejected.toSorted((a, b) => a.index - b.index),
    warnings,
  });
  let partBytes = 0;
  return {
    add: async (items) => {
      const faults: Parameters<Hub["setAside"]>[0][number][] = [];
      for (const item of items) {
        const place = { index: count, ...(item.line !== undefined && { line: item.line }) };
        count += 1;
        if (item.kind === "fault") {
          const { code, message, text } = item;
          gateway.metrics.items.inc({ sandbox: name, kind, outcome: "rejected" });
          note(rejected, { ...place, code, message });
          faults.push({
            datasetId,
            kind,
            code,
            message,
            ...how,
            body: text ?? { request: requestId, ...place },
          });
          continue;
        }
        part.push(item.value);
        places.push(place);
        partBytes += item.bytes;
        if (part.length < PART_ITEMS && partBytes < PART_BYTES) continue;
        partBytes = 0;
        await flush();
      }
      await hub.setAside(faults);
    },
    end: async () => {
      await flush();
      await inFlight;
      return soFar();
    },
    soFar,
  };
}

function placeOf(
  places: readonly { readonly index: number; readonly line?: number }[],
  index: number,
): { readonly index: number; readonly line?: number } {
  return places[index] ?? { index };
}

/** The plain bytes of a body; `undefined` when its encoding is not known. Broken streams fail the reading. */
export function decoded(incoming: IncomingMessage): NodeJS.ReadableStream | undefined {
  const encoding = incoming.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return incoming;
  const decoders = {
    gzip: createGunzip,
    "x-gzip": createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  };
  if (!Object.hasOwn(decoders, encoding)) return undefined;
  return pipeline(incoming, decoders[encoding as keyof typeof decoders](), () => undefined);
}
