/** A request that lies whole in the bytes of a connection, read. */
export interface WholeRequest {
  readonly method: string;
  readonly target: string;
  /** The value of a header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
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
const MOST_HEADERS = 100;
const FIRST_LINE = /^POST (\/[\x21-\x7e]*) HTTP\/1\.1\r\n/;
const LENGTH = /^\d{1,9}$/;
const METHOD = Buffer.from("POST ");
const HEAD_END = "\r\n\r\n";

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
  const places = findHeaders(bytes, first[0].length, head.length);
  if (places === undefined) return OTHER;
  const header = (name: string): string | undefined => valueOf(name, { bytes, head, places });
  if (header("host") === undefined) return OTHER;
  const connection = header("connection");
  if (connection !== undefined && connection.toLowerCase() !== "keep-alive") return OTHER;
  const length = header("content-length");
  if (length === undefined || !LENGTH.test(length) || Number(length) > maxBody) return OTHER;
  const bodyAt = end + HEAD_END.length;
  const missing = bodyAt + Number(length) - bytes.length;
  if (missing > 0) return PART;
  if (missing < 0) return OTHER;
  return { kind: "whole", request: { method: "POST", target, header, body: bytes.subarray(bodyAt) } };
}

function startsAsPost(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, METHOD.length);
  return bytes.compare(METHOD, 0, length, 0, length) === 0;
}

/** What a byte may be part of. */
const [NAME, VALUE] = [1, 2];
const PARTS = Uint8Array.from({ length: 256 }, (_, code) => {
  const isName = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code));
  const isValue = code === 0x09 || (code >= 0x20 && code !== 0x7f);
  return (isName ? NAME : 0) | (isValue ? VALUE : 0);
});
const [TAB, LINE_FEED, RETURN, BLANK, COLON] = [0x09, 0x0a, 0x0d, 0x20, 0x3a];
/** The bit that small letters have and capitals have not. */
const SMALL = 0x20;

/** A number for a name, the same in small letters and in capitals. Two names may share one. */
function numberOf(name: string): number {
  let number = 0;
  for (let index = 0; index < name.length; index++) number = step(number, name.charCodeAt(index));
  return number;
}

function step(number: number, code: number): number {
  return (number * 31 + (code | SMALL)) | 0;
}

/** Headers that give the bytes after the head, or the connection, another meaning. */
const MEANING_MORE: readonly number[] = [
  "transfer-encoding",
  "expect",
  "upgrade",
  "trailer",
  "te",
  "proxy-connection",
].map(numberOf);

/**
 * Where the headers are: of each the number of its name, where its name begins, and where its value begins and ends.
 * `undefined` when one of them is not as it should be, came before (or seems to), or means more, and when there are too many.
 */
function findHeaders(bytes: Buffer, from: number, end: number): readonly number[] | undefined {
  const places: number[] = [];
  let at = from;
  while (at < end) {
    const nameAt = at;
    let name = 0;
    for (; isPart(bytes[at], NAME); at++) name = step(name, bytes[at] ?? 0);
    if (at === nameAt || bytes[at] !== COLON) return undefined;
    let valueAt = ++at;
    while (isPart(bytes[at], VALUE)) at++;
    if (bytes[at] !== RETURN || bytes[at + 1] !== LINE_FEED) return undefined;
    let valueEnd = at;
    while (valueAt < valueEnd && isBlank(bytes[valueAt])) valueAt++;
    while (valueEnd > valueAt && isBlank(bytes[valueEnd - 1])) valueEnd--;
    for (let index = 0; index < places.length; index += 4) if (places[index] === name) return undefined;
    if (MEANING_MORE.includes(name) || places.length === MOST_HEADERS * 4) return undefined;
    places.push(name, nameAt, valueAt, valueEnd);
    at += 2;
  }
  return places;
}

function isPart(code: number | undefined, part: number): boolean {
  return ((PARTS[code ?? 0] ?? 0) & part) !== 0;
}

/** Blanks and tabs around a value are no part of it; other kinds of space are. */
function isBlank(code: number | undefined): boolean {
  return code === BLANK || code === TAB;
}

function valueOf(
  name: string,
  of: { readonly bytes: Buffer; readonly head: string; readonly places: readonly number[] },
): string | undefined {
  const { bytes, head, places } = of;
  const number = numberOf(name);
  for (let index = 0; index < places.length; index += 4) {
    if (places[index] === number && isName(bytes, places[index + 1] ?? 0, name))
      return head.slice(places[index + 2], places[index + 3]);
  }
  return undefined;
}

function isName(bytes: Buffer, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++)
    if (((bytes[at + index] ?? 0) | SMALL) !== name.charCodeAt(index)) return false;
  return bytes[at + name.length] === COLON;
}
