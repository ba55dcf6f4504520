import { MAX_GET_BYTES, MAX_POST_BYTES } from "../dcs-request.ts";
import { utf8Length } from "../files/utf8-length.ts";

/** A request to `/event`, `/id` or `/demoptout.jpg`, as a fetch handler sees it. Header names are lower case. */
export interface AamRequest {
  readonly method: string;
  /** Path and query, or the whole address. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string | undefined };
  readonly body?: string;
}

/** One error of an answer, numbered as the DCS numbers it. The message repeats nothing that was sent. */
export interface AamError {
  readonly code: number;
  readonly msg: string;
}

/** The parameters of a call, in order; a key may come several times. */
export class AamParameters {
  readonly pairs: readonly (readonly [key: string, value: string])[];
  readonly #first = new Map<string, string>();

  constructor(pairs: readonly (readonly [string, string])[]) {
    this.pairs = pairs;
    for (const [key, value] of pairs) if (!this.#first.has(key)) this.#first.set(key, value);
  }

  get(key: string): string | undefined {
    return this.#first.get(key);
  }

  all(key: string): readonly string[] {
    return this.pairs.flatMap(([name, value]) => (name === key ? [value] : []));
  }
}

/** What a call is refused with before it is understood: an HTTP status and a DCS error. */
interface RefusedCall {
  readonly kind: "refused";
  readonly status: number;
  readonly error: AamError;
}

/** A call whose parameters were read, or why they were not. */
export type ReadCall = { readonly kind: "call"; readonly parameters: AamParameters } | RefusedCall;

const MAX_PARAMETERS = 500;

/**
 * Reads query and form parameters. Refused: other methods than GET and POST (405), more than 8 KB of GET (414) or
 * 32 KB of POST (413), a POST body that is no form (415), bad percent-encoding, control characters in keys, and
 * more than 500 parameters (error 311: the whole request is disregarded).
 */
export function readCall(request: AamRequest): ReadCall {
  const method = request.method.toUpperCase();
  if (method !== "GET" && method !== "POST")
    return refused(405, 311, "The request contains invalid parameters");
  const mark = request.url.indexOf("?");
  const query = mark < 0 ? "" : (request.url.slice(mark + 1).split("#")[0] ?? "");
  if (request.url.length > MAX_GET_BYTES) return refused(414, 311, "The request is longer than 8 KB");
  const body = method === "POST" ? (request.body ?? "") : "";
  if (body.length > MAX_POST_BYTES || (body.length * 3 > MAX_POST_BYTES && utf8Length(body) > MAX_POST_BYTES))
    return refused(413, 311, "The request body is longer than 32 KB");
  const type = (request.headers["content-type"] ?? "").toLowerCase();
  if (body !== "" && type !== "" && !/^(application\/x-www-form-urlencoded|text\/plain)\b/.test(type))
    return refused(415, 311, "The request body is no form");
  const pairs: [string, string][] = [];
  for (const text of [query, body]) {
    if (text !== "" && !readPairs(text, pairs))
      return refused(200, 311, "The request contains invalid parameters");
  }
  return { kind: "call", parameters: new AamParameters(pairs) };
}

function refused(status: number, code: number, msg: string): RefusedCall {
  return { kind: "refused", status, error: { code, msg } };
}

function readPairs(text: string, into: [string, string][]): boolean {
  for (const part of text.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const key = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? "" : part.slice(equals + 1));
    // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
    if (key === undefined || value === undefined || key === "" || /[\u0000-\u001f\u007f]/.test(key))
      return false;
    into.push([key, value]);
    if (into.length > MAX_PARAMETERS) return false;
  }
  return true;
}

function decode(text: string): string | undefined {
  if (!text.includes("%") && !text.includes("+")) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** The value of a cookie in the `Cookie` header. */
export function cookieOf(request: AamRequest, name: string): string | undefined {
  for (const part of (request.headers["cookie"] ?? "").split(";")) {
    const equals = part.indexOf("=");
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}
