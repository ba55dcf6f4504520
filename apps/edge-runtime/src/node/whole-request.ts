/** A request that lies whole in the bytes of a connection, read. */
export interface WholeRequest {
  readonly method: string;
  readonly target: string;
  /** Values by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/**
 * What the bytes of a connection hold. `part`: the start of a request that may yet be a whole one. `other`: anything
 * else, for a server that speaks all of HTTP.
 */
export type Reading =
  | { readonly kind: "whole"; readonly request: WholeRequest }
  | { readonly kind: "part" }
  | { readonly kind: "other" };

const PART = { kind: "part" } as const;
const OTHER = { kind: "other" } as const;

/** The longest head that is read here, in bytes. */
const LONGEST_HEAD = 8192;
const FIRST_LINE = /^POST (\/[\x21-\x7e]*) HTTP\/1\.1\r\n/;
const HEADER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const LENGTH = /^\d{1,9}$/;
const METHOD = Buffer.from("POST ");
const HEAD_END = "\r\n\r\n";
/** Headers that give the bytes after the head, or the connection, another meaning. */
const MEANING_MORE = new Set(["transfer-encoding", "expect", "upgrade", "trailer", "te", "proxy-connection"]);

/**
 * Reads exactly one POST of HTTP/1.1 in its common form: every line ends as it should, every header has a proper name
 * and comes once, `Content-Length` says where the body ends, and nothing follows. Whatever leaves room for two readings
 * is not read here.
 */
export function readWholeRequest(bytes: Buffer, maxBody: number): Reading {
  const end = bytes.indexOf(HEAD_END, 0, "latin1");
  if (end < 0) return bytes.length <= LONGEST_HEAD && startsAsPost(bytes) ? PART : OTHER;
  if (end > LONGEST_HEAD) return OTHER;
  const head = bytes.toString("latin1", 0, end + 2);
  const first = FIRST_LINE.exec(head);
  const target = first?.[1];
  if (first === null || target === undefined) return OTHER;
  const headers = readHeaders(head, first[0].length);
  if (headers === undefined || !headers.has("host")) return OTHER;
  const connection = headers.get("connection");
  if (connection !== undefined && connection.toLowerCase() !== "keep-alive") return OTHER;
  const length = headers.get("content-length");
  if (length === undefined || !LENGTH.test(length) || Number(length) > maxBody) return OTHER;
  const bodyAt = end + HEAD_END.length;
  const missing = bodyAt + Number(length) - bytes.length;
  if (missing > 0) return PART;
  if (missing < 0) return OTHER;
  return { kind: "whole", request: { method: "POST", target, headers, body: bytes.subarray(bodyAt) } };
}

function startsAsPost(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, METHOD.length);
  return bytes.compare(METHOD, 0, length, 0, length) === 0;
}

function readHeaders(head: string, from: number): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  HEADER.lastIndex = from;
  let at = from;
  while (at < head.length) {
    const line = HEADER.exec(head);
    if (line === null) return undefined;
    at = HEADER.lastIndex;
    const name = (line[1] ?? "").toLowerCase();
    if (headers.has(name) || MEANING_MORE.has(name)) return undefined;
    headers.set(name, withoutBlanks(line[2] ?? ""));
  }
  return headers;
}

/** Without the blanks and tabs around it; other kinds of space are part of a value. */
function withoutBlanks(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && isBlank(value.charCodeAt(from))) from++;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to--;
  return value.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
