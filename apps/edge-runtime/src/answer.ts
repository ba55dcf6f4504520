import type { JsonValue } from "@tessera/xdm";
import type { Edge } from "./edge.ts";
import { EDGE_ERRORS, type EdgeError, problemBody } from "./errors.ts";
import type { EdgeReply, EdgeRequest } from "./exchange.ts";

/** A part of an answer that is JSON text already: it is the same in many answers, or its form is. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  static of(value: unknown): JsonText {
    return new JsonText(JSON.stringify(value));
  }
}

/** One part of an answer: a typed list, about the request or about one of its events. */
export interface Handle {
  /** One of the edge's own names. */
  readonly type: string;
  readonly payload: readonly unknown[] | JsonText;
  readonly eventIndex?: number;
}

/** What an answer carries beside its handles. */
export interface AnswerParts {
  readonly requestId: string;
  readonly handles: readonly Handle[];
  /** Sorted by what each error's code says: into `errors` (the status becomes 207) or `warnings`. */
  readonly remarks: readonly EdgeError[];
  readonly headers?: readonly (readonly [string, string])[];
}

/** A 200 (or 207) answer in the protocol's form. */
export function handleAnswer(edge: Edge, request: EdgeRequest, parts: AnswerParts): EdgeReply {
  const headers = [JSON_TYPE, ...commonHeaders(edge, request, parts.requestId), ...(parts.headers ?? [])];
  const { remarks } = parts;
  let start = `{"requestId":${JSON.stringify(parts.requestId)},"handle":[`;
  for (let index = 0; index < parts.handles.length; index++) {
    const handle = parts.handles[index];
    if (handle !== undefined) start += `${index === 0 ? "" : ","}${handleText(handle)}`;
  }
  start += "]";
  if (remarks.length === 0) return { status: 200, headers, body: `${start}}` };
  const errors = remarks.filter((remark) => EDGE_ERRORS[remark.code].effect !== "warning");
  const warnings = remarks.filter((remark) => EDGE_ERRORS[remark.code].effect === "warning");
  const list = (name: string, of: readonly EdgeError[]): string =>
    of.length === 0 ? "" : `,"${name}":${JSON.stringify(of.map(problemBody))}`;
  return {
    status: errors.length > 0 ? 207 : 200,
    headers,
    body: `${start}${list("errors", errors)}${list("warnings", warnings)}}`,
  };
}

const JSON_TYPE = ["content-type", "application/json;charset=utf-8"] as const;

function handleText({ type, payload, eventIndex }: Handle): string {
  const text = payload instanceof JsonText ? payload.text : JSON.stringify(payload);
  const index = eventIndex === undefined ? "" : `"eventIndex":${eventIndex},`;
  return `{"type":"${type}",${index}"payload":${text}}`;
}

/** An answer without handles: 202 with the request id, or 204 without a body. */
export function plainAnswer(
  edge: Edge,
  request: EdgeRequest,
  parts: {
    readonly requestId: string;
    readonly status: 202 | 204 | 207;
    readonly remarks?: readonly EdgeError[];
  },
): EdgeReply {
  const headers = commonHeaders(edge, request, parts.requestId);
  if (parts.status === 204) return { status: 204, headers, body: null };
  const body: Record<string, JsonValue> = { requestId: parts.requestId };
  if (parts.status === 207)
    body["errors"] = (parts.remarks ?? []).map((remark) => ({ ...problemBody(remark) }));
  return {
    status: parts.status,
    headers: [JSON_TYPE, ...headers],
    body: JSON.stringify(body),
  };
}

/** A fatal error as problem+json. */
export function problemAnswer(
  edge: Edge,
  request: EdgeRequest,
  failure: {
    readonly error: EdgeError;
    readonly requestId: string;
    readonly organisation?: string | undefined;
  },
): EdgeReply {
  const { error, requestId, organisation } = failure;
  const definition = EDGE_ERRORS[error.code];
  const status = definition.status < 400 ? 400 : definition.status;
  const report = organisation === undefined ? { requestId } : { requestId, orgId: organisation };
  return {
    status,
    headers: [
      ["content-type", "application/problem+json"],
      ...commonHeaders(edge, request, requestId),
      ...(error.retryAfterSeconds === undefined
        ? []
        : ([["retry-after", String(error.retryAfterSeconds)]] as const)),
      ...(error.code === "EXEG-0108" ? ([["allow", "POST, OPTIONS"]] as const) : []),
    ],
    body: JSON.stringify({ ...problemBody(error), report }),
  };
}

/** The answer to a preflight request. */
export function preflightAnswer(edge: Edge, request: EdgeRequest, requestId: string): EdgeReply {
  return {
    status: 204,
    headers: [
      ...commonHeaders(edge, request, requestId),
      ["access-control-allow-methods", "POST, OPTIONS"],
      [
        "access-control-allow-headers",
        "content-type, x-request-id, authorization, x-api-key, x-gw-ims-org-id, x-sandbox-name",
      ],
      ["access-control-max-age", "7200"],
    ],
    body: null,
  };
}

/** The headers of every answer, CORS among them: the exact origin, since credentials travel along. */
export function commonHeaders(
  edge: Edge,
  request: EdgeRequest,
  requestId: string,
): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [
    ["x-request-id", requestId],
    ["x-adobe-edge", `${edge.region.code};${edge.region.aamRegion}`],
    ...ALWAYS,
  ];
  const origin = request.header("origin");
  if (origin !== undefined && origin !== "" && origin.length <= 512) {
    headers.push(["access-control-allow-origin", origin], ...WITH_ORIGIN);
  }
  return headers;
}

const ALWAYS = [
  ["cache-control", "no-store"],
  ["x-content-type-options", "nosniff"],
  ["vary", "origin"],
] as const;
const WITH_ORIGIN = [
  ["access-control-allow-credentials", "true"],
  ["access-control-expose-headers", "x-adobe-edge, x-request-id, retry-after"],
] as const;
