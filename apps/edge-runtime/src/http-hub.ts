import { type Identity, isObject } from "@tessera/xdm";
import type { ForwardBatch, SendOutcome } from "./forward-queue.ts";
import type { LookupAnswer } from "./hub-link.ts";
import { parseHubPerson } from "./projection.ts";

/** How the hub is reached. */
export interface HttpHubOptions {
  /** `http://127.0.0.1:4000`, without a slash at the end. */
  readonly url: string;
  readonly token: string;
  /** The sandbox it asks for; the hub's default one without. */
  readonly sandbox?: string | undefined;
  /** The region this edge asks for. */
  readonly region: string;
  /** Sends one request and reads its whole answer; rejects when there is none. */
  readonly ask: (url: string, request: HubRequest) => Promise<HubResponse>;
}

/** A request to the hub. */
export interface HubRequest {
  readonly method?: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** An answer of the hub, read to its end. */
export interface HubResponse {
  readonly status: number;
  /** The value of a header by its lower-case name. */
  readonly header: (name: string) => string | null;
  readonly text: string;
}

/** The hub over HTTP. */
export interface HttpHub {
  readonly lookup: (identity: Identity, budgetMs: number) => Promise<LookupAnswer>;
  readonly send: (batch: ForwardBatch) => Promise<SendOutcome>;
  /** The snapshot if it is newer than `version`; waits up to `waitMs` for one. */
  readonly snapshot: (version: string | undefined, waitMs: number) => Promise<SnapshotAnswer>;
}

/** What asking for a snapshot gave. */
type SnapshotAnswer =
  | { readonly kind: "snapshot"; readonly json: unknown; readonly text: string }
  | { readonly kind: "unchanged" }
  | { readonly kind: "unavailable"; readonly status?: number };

const PATHS = { event: "/collect/events", record: "/collect/records", told: "/edge/told" } as const;
const LOOKUP_TIMEOUT = 10_000;
const SEND_TIMEOUT = 30_000;

/** Speaks the hub's edge endpoints: `/edge/lookup`, `/edge/snapshot`, `/edge/told`, `/collect/events`, `/collect/records`. */
export function createHttpHub(options: HttpHubOptions): HttpHub {
  const headers = {
    authorization: `Bearer ${options.token}`,
    ...(options.sandbox === undefined ? {} : { "x-sandbox-name": options.sandbox }),
  };
  return {
    lookup: (identity, budgetMs) => withinBudget(askPerson(options, headers, identity), budgetMs),
    send: (batch) => sendBatch(options, headers, batch),
    snapshot: async (version, waitMs) => {
      try {
        const { status, text } = await inTime(
          options,
          `${options.url}/edge/snapshot?wait=${waitMs}`,
          { headers: version === undefined ? headers : { ...headers, "if-none-match": `"${version}"` } },
          waitMs + LOOKUP_TIMEOUT,
        );
        if (status === 304) return { kind: "unchanged" };
        if (status !== 200) return { kind: "unavailable", status };
        return { kind: "snapshot", json: JSON.parse(text), text };
      } catch {
        return { kind: "unavailable" };
      }
    },
  };
}

/**
 * One request and its answer, given up after `ms`. The timer ends with the answer: one that runs on would keep what
 * was sent in memory.
 */
async function inTime(
  { ask }: Pick<HttpHubOptions, "ask">,
  url: string,
  request: Omit<HubRequest, "signal">,
  ms: number,
): Promise<HubResponse> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ms);
  try {
    return await ask(url, { ...request, signal: controller.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function askPerson(
  options: HttpHubOptions,
  headers: Record<string, string>,
  identity: Identity,
): Promise<LookupAnswer> {
  try {
    const request = {
      method: "POST" as const,
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ identity, region: options.region }),
    };
    const { status, text } = await inTime(options, `${options.url}/edge/lookup`, request, LOOKUP_TIMEOUT);
    const body: unknown = JSON.parse(text);
    if (status !== 200 || !isObject(body)) return { outcome: "unavailable" };
    if (body["found"] !== true) return { outcome: "not-found" };
    const person = parseHubPerson(body);
    return person.ok ? { outcome: "found", person: person.value } : { outcome: "unavailable" };
  } catch {
    return { outcome: "unavailable" };
  }
}

/** The answer if it comes within the budget; else `late`, with the answer still to come. */
async function withinBudget(answer: Promise<LookupAnswer>, budgetMs: number): Promise<LookupAnswer> {
  if (budgetMs <= 0) return { outcome: "late", eventually: answer };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<LookupAnswer>((resolve) => {
    timer = setTimeout(() => resolve({ outcome: "late", eventually: answer }), budgetMs);
  });
  const first = await Promise.race([answer, late]);
  clearTimeout(timer);
  return first;
}

async function sendBatch(
  options: HttpHubOptions,
  headers: Record<string, string>,
  { kind, datasetId, bodies }: ForwardBatch,
): Promise<SendOutcome> {
  const parameter = kind === "told" ? "destinationId" : "datasetId";
  const url = `${options.url}${PATHS[kind]}?${parameter}=${encodeURIComponent(datasetId)}`;
  try {
    const request = {
      method: "POST" as const,
      headers: { ...headers, "content-type": "application/x-ndjson" },
      body: bodies.join("\n"),
    };
    const { status, header, text } = await inTime(options, url, request, SEND_TIMEOUT);
    // A hub that keeps no such log is told nothing more of it: events must not wait behind.
    if (kind === "told" && (status === 404 || status === 405)) return { kind: "refused", status };
    return interpret(status, header("retry-after"), text);
  } catch {
    return { kind: "retry" };
  }
}

/**
 * 2xx: taken (each item accepted or refused for good, as the report says). 400, 413 and 422: this batch will never be
 * taken. Everything else, a wrong token included, may be put right: it waits.
 */
function interpret(status: number, retryAfter: string | null, text: string): SendOutcome {
  if (status >= 200 && status < 300) return { kind: "accepted", rejected: countRejected(text) };
  if (status === 400 || status === 413 || status === 422) return { kind: "refused", status };
  const seconds = Number(retryAfter ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0
    ? { kind: "retry", afterMs: Math.min(seconds, 60) * 1000 }
    : { kind: "retry" };
}

function countRejected(text: string): number {
  try {
    const report: unknown = JSON.parse(text);
    const rejected = isObject(report) ? report["rejected"] : undefined;
    if (Array.isArray(rejected)) return rejected.length;
    return typeof rejected === "number" ? rejected : 0;
  } catch {
    return 0;
  }
}
