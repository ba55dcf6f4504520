import type { AamError, AamParameters, AamRequest } from "./aam-request.ts";

/** The answer to a call: status, headers, and a body of text or of bytes (the pixel). */
export interface AamReply {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string | Uint8Array;
}

/** A transparent GIF of one pixel: the answer when no JSON was asked for. */
const PIXEL_BASE64 = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/** What every answer carries. */
export interface ReplyParts {
  readonly status: number;
  /** The transaction id, `X-TID`. */
  readonly tid?: string;
  readonly errors: readonly AamError[];
  readonly setCookie?: string;
}

/** The JSON body, wrapped into the callback when one was asked for. */
export function jsonReply(
  request: AamRequest,
  callback: string | undefined,
  body: { readonly [field: string]: unknown },
  parts: ReplyParts,
): AamReply {
  // Neither line separators nor an angle bracket may stand raw where the text is run as a script.
  const text = JSON.stringify(body).replace(
    /[<\u2028\u2029]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return {
    status: parts.status,
    headers: {
      ...headersOf(request, parts),
      "content-type":
        callback === undefined ? "application/json;charset=utf-8" : "application/javascript;charset=utf-8",
      "x-content-type-options": "nosniff",
    },
    body: callback === undefined ? text : `/**/${callback}(${text});`,
  };
}

/** The pixel. */
export function pixelReply(request: AamRequest, parts: ReplyParts): AamReply {
  return {
    status: parts.status,
    headers: { ...headersOf(request, parts), "content-type": "image/gif" },
    body: Uint8Array.from(atob(PIXEL_BASE64), (unit) => unit.charCodeAt(0)),
  };
}

/** The answer to a CORS preflight. */
export function preflightReply(request: AamRequest): AamReply {
  return {
    status: 204,
    headers: {
      ...corsHeaders(request),
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "86400",
    },
    body: "",
  };
}

function headersOf(request: AamRequest, parts: ReplyParts): { readonly [name: string]: string } {
  return {
    ...corsHeaders(request),
    "cache-control": "no-cache,no-store,must-revalidate,max-age=0,proxy-revalidate,no-transform,private",
    ...(parts.tid !== undefined && { "x-tid": parts.tid }),
    ...(parts.errors.length > 0 && {
      "x-error": [...new Set(parts.errors.map(({ code }) => code))].join(","),
    }),
    ...(parts.setCookie !== undefined && { "set-cookie": parts.setCookie }),
    ...(parts.status === 405 && { allow: "GET, POST, OPTIONS" }),
  };
}

function corsHeaders(request: AamRequest): { readonly [name: string]: string } {
  const origin = request.headers["origin"];
  if (origin === undefined || !/^https?:\/\/[A-Za-z0-9.\-[\]:]{1,260}$/.test(origin))
    return { vary: "Origin" };
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    vary: "Origin",
  };
}

const CALLBACK = /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\d{1,6}\])*$/;

/** The JSONP callback: a dotted name of at most 128 characters; `false` when one was given that is none. */
export function callbackOf(parameters: AamParameters): string | undefined | false {
  const name = parameters.get("d_cb");
  if (name === undefined || name === "") return undefined;
  return name.length <= 128 && CALLBACK.test(name) ? name : false;
}
