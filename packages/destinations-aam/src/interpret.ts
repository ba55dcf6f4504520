import {
  type DeliveryOutcome,
  forEveryItem,
  type HttpResponse,
  type ItemVerdict,
  type PlannedRequest,
  type RawResponse,
  unexpectedResponse,
  verdictOfStatus,
} from "@tessera/destinations";
import { isObject } from "@tessera/xdm";
import { dcsError } from "./dcs-errors.ts";

/** The error codes of a DCS answer, from the body's `errors` and the `X-Error` header, each once. */
function dcsErrorCodes(response: HttpResponse): readonly number[] {
  const header = (response.headers["x-error"] ?? "")
    .split(",")
    .map((text) => text.trim())
    .filter((text) => /^\d{1,4}$/.test(text))
    .map(Number);
  return [...new Set([...header, ...bodyCodes(response.body)])];
}

function bodyCodes(body: string): readonly number[] {
  if (!body.includes('"errors"')) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return [];
  }
  const errors: unknown = isObject(parsed) ? parsed["errors"] : undefined;
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    const code = isObject(error) ? error["code"] : undefined;
    return typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 9999 ? [code] : [];
  });
}

const WEIGHT = { note: 0, retry: 1, reject: 2, optOut: 3 } as const;

/**
 * What an answer means for the call's item. The gravest of its DCS errors decides: opt-out before reject before
 * retry; notes leave it delivered. Without an error the HTTP status decides. A stored file is delivered.
 */
export function interpretAam(request: PlannedRequest, response: RawResponse): readonly DeliveryOutcome[] {
  if (request.kind === "settled") return request.outcomes;
  const expected = request.kind === "file" ? "file" : "http";
  if (response.kind !== expected) return forEveryItem(request.items, unexpectedResponse(response));
  return forEveryItem(request.items, response.kind === "file" ? { kind: "delivered" } : verdict(response));
}

function verdict(response: HttpResponse): ItemVerdict {
  const status = verdictOfStatus(response);
  const [gravest] = dcsErrorCodes(response)
    .map(dcsError)
    .sort((a, b) => WEIGHT[b.effect] - WEIGHT[a.effect] || a.code - b.code);
  if (gravest === undefined || gravest.effect === "note") return status;
  if (gravest.effect === "optOut")
    return { kind: "rejected", code: "aam.optOut", detail: `DCS ${gravest.code}` };
  const code = `aam.dcs.${gravest.code}`;
  if (gravest.effect === "reject" && status.kind !== "retryable")
    return { kind: "rejected", code, detail: gravest.text };
  return status.kind === "retryable" && status.retryAfterMs !== undefined
    ? { kind: "retryable", code, detail: gravest.text, retryAfterMs: status.retryAfterMs }
    : { kind: "retryable", code, detail: gravest.text };
}
