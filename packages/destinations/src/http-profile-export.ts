import {
  digest,
  isObject,
  type Issue,
  type JsonObject,
  type JsonSchema,
  type JsonValue,
  ok,
  err,
  type Result,
} from "@tessera/xdm";
import type { ActivationBatch, ActivationItem } from "./activation-batch.ts";
import type { DestinationDefinition } from "./definition.ts";
import { type DeliveryOutcome, forEveryItem, unexpectedResponse, verdictOfStatus } from "./outcome.ts";
import type { HeaderValue, HttpRequest, PlannedRequest, SecretReference } from "./planned-request.ts";
import type { HttpResponse, RawResponse } from "./raw-response.ts";
import { checkSettings, SECRET_REFERENCE } from "./settings.ts";

/** Settings of the HTTP profile export. */
export interface HttpProfileExportSettings {
  readonly url: string;
  /** Profiles in one call: 1 sends the bare profile, more send `{ "profiles": [...] }`. Default 1. */
  readonly batchSize: number;
  /** Bytes in one call at most, roughly. */
  readonly batchMaxBytes?: number;
  /** How long the first profile of a call waits for others, in seconds. */
  readonly batchMaxAgeSeconds?: number;
  readonly headers: { readonly [name: string]: string };
  /** Sent as `Authorization: Bearer …`. */
  readonly bearer?: SecretReference;
  /** Key of the HMAC-SHA256 over the body, sent as `x-tessera-signature: sha256=<hex>`. */
  readonly signingKey?: SecretReference;
  readonly requestsPerSecond?: number;
}

const SCHEMA: JsonSchema = {
  type: "object",
  title: "HTTP profile export",
  properties: {
    url: { type: "string", format: "uri", maxLength: 2048, title: "Endpoint" },
    batchSize: { type: "integer", minimum: 1, maximum: 1000, title: "Profiles in one call" },
    batchMaxBytes: { type: "integer", minimum: 1000, maximum: 100_000_000, title: "Bytes in one call" },
    batchMaxAgeSeconds: {
      type: "number",
      minimum: 0,
      maximum: 3600,
      title: "Seconds that a call waits to be filled",
    },
    headers: {
      type: "object",
      title: "Further headers",
      additionalProperties: { type: "string", maxLength: 1024, pattern: "^[\\x20-\\x7e]*$" },
    },
    bearer: { ...SECRET_REFERENCE, title: "Bearer token" },
    signingKey: { ...SECRET_REFERENCE, title: "Signing key" },
    requestsPerSecond: { type: "number", minimum: 0.01, maximum: 100_000, title: "Calls a second" },
  },
  required: ["url"],
  additionalProperties: false,
};

const RESERVED = new Set([
  "content-type",
  "content-length",
  "host",
  "idempotency-key",
  "authorization",
  "x-tessera-signature",
]);

/**
 * Streaming profile export over HTTP: mapped attributes, all memberships and the whole identity map of a person,
 * sent when any of them changes. The receiver has 2 seconds to answer; two retries follow.
 */
export const httpProfileExport: DestinationDefinition<HttpProfileExportSettings> = {
  slug: "http-profile-export",
  title: "HTTP API",
  description: "Streams a person's mapped profile to an HTTP endpoint whenever it changes.",
  kind: "streaming-profile",
  settings: SCHEMA,
  parseSettings,
  capabilities: {
    namespaces: "any",
    batchMax: 1000,
    removals: true,
    attributes: true,
    audienceDefinitions: false,
    backfill: true,
    marketingActions: ["exportToThirdParty"],
    maxAttempts: 3,
  },
  narrowed: ({ batchSize, batchMaxBytes, batchMaxAgeSeconds, requestsPerSecond }) => ({
    batchMax: batchSize,
    ...(batchMaxBytes !== undefined && { batchMaxBytes }),
    ...(batchMaxAgeSeconds !== undefined && { batchMaxAgeMs: batchMaxAgeSeconds * 1000 }),
    ...(requestsPerSecond !== undefined && { requestsPerSecond }),
  }),
  plan,
  interpret,
};

function parseSettings(input: unknown): Result<HttpProfileExportSettings, readonly Issue[]> {
  const issues = [...checkSettings(SCHEMA, input)];
  const given = (isObject(input) ? input : {}) as Partial<HttpProfileExportSettings>;
  for (const name of Object.keys(isObject(given.headers) ? given.headers : {})) {
    if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !RESERVED.has(name.toLowerCase())) continue;
    issues.push({
      code: "settings.header",
      path: ["headers", name],
      expected: "a header name that this destination does not set itself",
      message: `headers: a header name is not allowed. Use a plain name, none of ${[...RESERVED].join(", ")}.`,
    });
  }
  if (issues.length > 0) return err(issues);
  return ok({ headers: {}, batchSize: 1, ...given } as HttpProfileExportSettings);
}

function plan(batch: ActivationBatch, settings: HttpProfileExportSettings): readonly PlannedRequest[] {
  if (batch.kind !== "profiles") {
    const outcomes = [...batch.items].map(({ id: item }): DeliveryOutcome => ({
      kind: "rejected",
      item,
      code: "batch.unsupported",
    }));
    return [{ kind: "settled", outcomes }];
  }
  const requests: PlannedRequest[] = [];
  for (let from = 0; from < batch.items.length; from += settings.batchSize) {
    requests.push(requestOf(batch.items.slice(from, from + settings.batchSize), settings));
  }
  return requests;
}

function requestOf(items: readonly ActivationItem[], settings: HttpProfileExportSettings): HttpRequest {
  const [first] = items;
  const ids = items.map(({ id }) => id);
  const single = settings.batchSize === 1 && first !== undefined;
  const id = single ? first.id : digest(ids.join("\n"));
  const headers: Record<string, HeaderValue> = {
    ...settings.headers,
    "content-type": "application/json",
    "idempotency-key": id,
    ...(settings.bearer && { authorization: { ...settings.bearer, prefix: "Bearer " } }),
  };
  const body = single
    ? profilePayload(first)
    : { profiles: items.map((item) => ({ _id: item.id, ...profilePayload(item) })) };
  return {
    kind: "http",
    id,
    items: ids,
    method: "POST",
    url: settings.url,
    headers,
    body: JSON.stringify(body),
    timeoutMs: 2000,
    ...(settings.signingKey && {
      signature: {
        scheme: "hmac-sha256",
        header: "x-tessera-signature",
        prefix: "sha256=",
        key: settings.signingKey,
      },
    }),
  };
}

/**
 * One profile as receivers get it: mapped attributes nested by their target path, `segmentMembership` by origin and
 * audience, `identityMap` by lower-case namespace.
 */
export function profilePayload(item: ActivationItem): JsonObject {
  const payload: Record<string, JsonValue> = {};
  for (const [target, value] of Object.entries(item.attributes)) {
    if (value !== undefined) setPath(payload, target.split("."), value);
  }
  payload["segmentMembership"] = Object.fromEntries(
    Object.entries(item.memberships).map(([origin, audiences]) => [
      origin,
      Object.fromEntries(
        Object.entries(audiences).map(([id, { lastQualificationTime, status }]) => [
          id,
          { lastQualificationTime, status },
        ]),
      ),
    ]),
  );
  const identities: Record<string, JsonValue[]> = {};
  for (const { namespace, id } of item.identities) (identities[namespace.toLowerCase()] ??= []).push({ id });
  payload["identityMap"] = identities;
  return payload;
}

const UNSAFE = new Set(["__proto__", "constructor", "prototype", "segmentMembership", "identityMap"]);

function setPath(root: Record<string, JsonValue>, path: readonly string[], value: JsonValue): void {
  if (path.some((part) => UNSAFE.has(part))) return;
  let at = root;
  for (const part of path.slice(0, -1)) {
    const next = at[part];
    at = (isObject(next) ? next : (at[part] = {})) as Record<string, JsonValue>;
  }
  at[path.at(-1) ?? ""] = value;
}

function interpret(request: PlannedRequest, response: RawResponse): readonly DeliveryOutcome[] {
  if (request.kind === "settled") return request.outcomes;
  if (response.kind !== "http") return forEveryItem(request.items, unexpectedResponse(response));
  const overall = verdictOfStatus(response);
  const results = overall.kind === "delivered" ? perRecord(response) : undefined;
  if (results === "malformed")
    return forEveryItem(request.items, { kind: "retryable", code: "results.malformed" });
  if (!results) return forEveryItem(request.items, overall);
  return request.items.map((item) => {
    const status = results.get(item);
    if (status === undefined) return { kind: "retryable", item, code: "results.missing" };
    return { ...verdictOfStatus({ ...response, status }), item } as DeliveryOutcome;
  });
}

/** A receiver may answer `{ "results": [{ "id": "<_id>", "status": 422 }] }` to say what became of each profile. */
function perRecord(response: HttpResponse): ReadonlyMap<string, number> | "malformed" | undefined {
  let body: unknown;
  try {
    body = response.body.includes('"results"') ? JSON.parse(response.body) : undefined;
  } catch {
    return "malformed";
  }
  if (!isObject(body) || !Array.isArray(body["results"])) return undefined;
  const results = new Map<string, number>();
  for (const result of body["results"]) {
    if (isObject(result) && typeof result["id"] === "string" && Number.isInteger(result["status"])) {
      if (!results.has(result["id"])) results.set(result["id"], result["status"] as number);
    }
  }
  return results;
}
