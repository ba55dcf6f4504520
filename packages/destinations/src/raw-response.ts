/** What an HTTP server answered. Header names are lower case; `receivedAt` is ISO 8601. */
export interface HttpResponse {
  readonly kind: "http";
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly receivedAt: string;
}

/** A file that arrived whole under its final name. */
export interface FileStored {
  readonly kind: "file";
  readonly location: string;
  readonly bytes: number;
  readonly receivedAt: string;
}

/** What `interpret` is given: an answer. Failures to get one are the engine's to retry. */
export type RawResponse = HttpResponse | FileStored;

/**
 * No answer, or none that can be trusted. The receiver may or may not have acted: the items are tried again.
 * - `timeout`: none in time. `network`: no connection, or it broke before a whole answer came.
 * - `credential`: a secret reference is not known at the rim. `storage`: a file could not be written.
 */
export interface TransportFailure {
  readonly kind: "failure";
  readonly reason: "timeout" | "network" | "credential" | "storage";
  /** For the operator; no person and no secret in it. */
  readonly detail: string;
}

/**
 * The wait that a `Retry-After` header asks for, in milliseconds; `undefined` without a usable header.
 * Seconds and HTTP dates are read; a date in the past is no wait; more than a day is cut to a day.
 */
export function retryAfterMs(response: HttpResponse): number | undefined {
  const header = response.headers["retry-after"]?.trim();
  if (header === undefined || header === "") return undefined;
  let ms = Number.NaN;
  if (/^\d+$/.test(header)) ms = Number(header) * 1000;
  else if (/^[A-Za-z]{3,9},? /.test(header)) ms = Date.parse(header) - Date.parse(response.receivedAt);
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), 86_400_000);
}
