import {
  type ActivationBatch,
  type ActivationItem,
  type AudienceDefinitionChange,
  checkSettings,
  type DeliveryOutcome,
  type DestinationDefinition,
  forEveryItem,
  type HttpRequest,
  type HttpResponse,
  type PlannedRequest,
  type PollDefinition,
  type RawResponse,
  SECRET_REFERENCE,
  type SecretReference,
  unexpectedResponse,
  verdictOfStatus,
} from "@tessera/destinations";
import { digest, err, type Issue, isObject, type JsonSchema, ok, type Result } from "@tessera/xdm";

/** Settings of the export to a Target account. */
export interface TargetOutboundSettings {
  readonly client: string;
  readonly orgId: string;
  /** `https://<client>.tt.omtrdc.net` when absent. */
  readonly deliveryUrl: string;
  /** `https://mc.adobe.io/<tenant>/target` when absent; needed for audience definitions. */
  readonly adminUrl: string;
  readonly tenant: string;
  readonly apiKey: string;
  readonly accessToken: SecretReference;
  /** Token of the bulk profile API, where the account asks for one. */
  readonly profileToken?: SecretReference;
}

const SCHEMA: JsonSchema = {
  type: "object",
  title: "Adobe Target: profile updates and audiences",
  properties: {
    client: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$", title: "Client code" },
    orgId: { type: "string", pattern: "^[A-Za-z0-9]{1,64}@AdobeOrg$", title: "IMS organisation" },
    tenant: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$", title: "Tenant" },
    apiKey: { type: "string", pattern: "^[A-Za-z0-9_-]{1,128}$", title: "API key" },
    accessToken: { ...SECRET_REFERENCE, title: "Access token" },
    profileToken: { ...SECRET_REFERENCE, title: "Profile API token" },
    deliveryUrl: { type: "string", format: "uri", title: "Delivery host" },
    adminUrl: { type: "string", format: "uri", title: "Admin API" },
  },
  required: ["client", "orgId", "tenant", "apiKey", "accessToken"],
  additionalProperties: false,
};

/** Profile attribute that carries the audience ids a visitor is in, for rules in Target. */
export const AUDIENCES_PARAMETER = "tessera_audiences";

/**
 * Export to a Target account, for those who keep Target: mapped attributes and audience ids as profile parameters
 * through the bulk profile update API v2, and audience definitions through the Admin API.
 */
export const targetOutbound: DestinationDefinition<TargetOutboundSettings> = {
  slug: "adobe-target-profiles",
  title: "Adobe Target: profile updates",
  description:
    "Writes attributes and audience memberships into profiles of a Target account, and creates its audiences.",
  kind: "streaming-audience",
  settings: SCHEMA,
  parseSettings,
  capabilities: {
    namespaces: ["thirdPartyId", "TNTID"],
    requiredNamespaces: ["thirdPartyId", "TNTID"],
    batchMax: 10_000,
    // Target takes batches below 50 MB, and few of them a minute.
    batchMaxBytes: 45_000_000,
    batchMaxAgeMs: 10_000,
    removals: true,
    attributes: true,
    audienceDefinitions: true,
    backfill: true,
    marketingActions: ["onsitePersonalization", "exportToThirdParty"],
    // The Admin API takes 50 calls a minute.
    requestsPerSecond: 50 / 60,
    concurrency: 1,
  },
  plan,
  interpret,
  poll: pollDefinition(),
};

function parseSettings(input: unknown): Result<TargetOutboundSettings, readonly Issue[]> {
  const issues = checkSettings(SCHEMA, input);
  if (issues.length > 0) return err(issues);
  const given = input as TargetOutboundSettings;
  return ok({
    ...given,
    deliveryUrl: given.deliveryUrl ?? `https://${given.client}.tt.omtrdc.net`,
    adminUrl: given.adminUrl ?? `https://mc.adobe.io/${given.tenant}/target`,
  });
}

function plan(batch: ActivationBatch, settings: TargetOutboundSettings): readonly PlannedRequest[] {
  switch (batch.kind) {
    case "audiences":
      return batch.items.map((change) => audienceRequest(change, settings));
    case "profiles":
      return planProfiles(batch.items, settings);
    case "file": {
      const items = [...batch.items].map(({ id }) => id);
      return items.length === 0
        ? []
        : [
            {
              kind: "settled",
              outcomes: forEveryItem(items, { kind: "rejected", code: "batch.unsupported" }),
            },
          ];
    }
  }
}

/** Items by the kind of id they carry: a batch file has one id column. */
function planProfiles(
  items: readonly ActivationItem[],
  settings: TargetOutboundSettings,
): readonly PlannedRequest[] {
  const byColumn = new Map<string, { readonly item: ActivationItem; readonly ids: readonly string[] }[]>();
  const without: string[] = [];
  for (const item of items) {
    const target = ["thirdPartyId", "TNTID"].find((wanted) =>
      item.identities.some((i) => i.target === wanted),
    );
    if (target === undefined) {
      without.push(item.id);
      continue;
    }
    const ids = item.identities
      .filter((i) => i.target === target)
      .map(({ id }) => (target === "TNTID" ? bareTntId(id) : id));
    const rows = byColumn.get(target);
    if (rows) rows.push({ item, ids });
    else byColumn.set(target, [{ item, ids }]);
  }
  const requests: PlannedRequest[] = [...byColumn].map(([target, rows]) =>
    bulkRequest(target, rows, settings),
  );
  if (without.length > 0) {
    requests.push({
      kind: "settled",
      outcomes: forEveryItem(without, { kind: "rejected", code: "target.no-visitor-id" }),
    });
  }
  return requests;
}

/** Target's own id goes without its edge suffix. */
function bareTntId(id: string): string {
  return id.split(".")[0] ?? id;
}

function bulkRequest(
  target: string,
  rows: readonly { readonly item: ActivationItem; readonly ids: readonly string[] }[],
  settings: TargetOutboundSettings,
): HttpRequest {
  const columns = [...new Set(rows.flatMap(({ item }) => Object.keys(item.attributes)))].sort();
  const head = [
    target === "TNTID" ? "pcId" : "thirdPartyId",
    ...columns.map(encode),
    AUDIENCES_PARAMETER,
  ].join(",");
  const lines = rows.flatMap(({ item, ids }) => {
    const cells = [...columns.map((column) => encode(cellOf(item, column))), encode(audienceList(item))].join(
      ",",
    );
    return ids.map((id) => `${encode(id)},${cells}`);
  });
  const items = rows.map(({ item }) => item.id);
  return {
    kind: "http",
    id: digest(items.join("\n")),
    items,
    method: "POST",
    url: `${settings.deliveryUrl}/m2/${encodeURIComponent(settings.client)}/v2/profile/batchUpdate`,
    headers: {
      "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
      ...(settings.profileToken && { authorization: { ...settings.profileToken, prefix: "Bearer " } }),
    },
    body: `batch=${head}\n${lines.join("\n")}\n`,
    timeoutMs: 30_000,
  };
}

function cellOf(item: ActivationItem, column: string): string {
  const value = item.attributes[column];
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Ids of the mapped audiences the person is in now, joined by `|`: exits are told by their absence. */
function audienceList({ memberships }: ActivationItem): string {
  const ids = Object.values(memberships).flatMap((audiences) =>
    Object.entries(audiences)
      .filter(([, { status }]) => status !== "exited")
      .map(([id]) => id),
  );
  return ids.sort().join("|");
}

/** Names and values are URL-encoded, commas and line ends with them. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function audienceRequest(change: AudienceDefinitionChange, settings: TargetOutboundSettings): PlannedRequest {
  const { audience } = change;
  const known = audience.targetId;
  if (change.change !== "mapped" && known === undefined) {
    // Nothing was ever created there under an id we know: there is nothing to rename or to remove.
    return {
      kind: "settled",
      outcomes: [{ kind: "rejected", item: change.id, code: "target.audience-unknown" }],
    };
  }
  const method = change.change === "unmapped" ? "DELETE" : known === undefined ? "POST" : "PUT";
  const path = known === undefined ? "/audiences" : `/audiences/${encodeURIComponent(known)}`;
  return {
    kind: "http",
    id: change.id,
    items: [change.id],
    method,
    url: `${settings.adminUrl}${path}`,
    headers: {
      "content-type": "application/vnd.adobe.target.v3+json",
      accept: "application/vnd.adobe.target.v3+json",
      authorization: { ...settings.accessToken, prefix: "Bearer " },
      "x-api-key": settings.apiKey,
      "x-gw-ims-org-id": settings.orgId,
    },
    ...(method !== "DELETE" && { body: JSON.stringify(audienceBody(audience)) }),
    timeoutMs: 30_000,
  };
}

function audienceBody({ id, name, description }: AudienceDefinitionChange["audience"]): object {
  return {
    name: name.slice(0, 255),
    ...(description !== undefined && { description: description.slice(0, 1000) }),
    targetRule: { profileParameter: AUDIENCES_PARAMETER, contains: [id] },
  };
}

function interpret(request: PlannedRequest, response: RawResponse): readonly DeliveryOutcome[] {
  if (request.kind === "settled") return request.outcomes;
  if (request.kind !== "http" || response.kind !== "http")
    return forEveryItem(request.items, unexpectedResponse(response));
  const verdict = verdictOfStatus(response);
  if (!request.url.endsWith("/v2/profile/batchUpdate"))
    return forEveryItem(request.items, definitionVerdict(request, response));
  if (verdict.kind !== "delivered") return forEveryItem(request.items, verdict);
  const answer = readBatchAnswer(response.body);
  if (answer.success === "true" && answer.batchId !== undefined) {
    return forEveryItem(request.items, { kind: "accepted", job: answer.batchId });
  }
  const code = answer.success === "false" ? "target.batch-refused" : "target.answer-unreadable";
  return forEveryItem(
    request.items,
    answer.success === "false" ? { kind: "rejected", code, whole: true } : { kind: "retryable", code },
  );
}

function definitionVerdict(request: HttpRequest, response: HttpResponse): ReturnType<typeof verdictOfStatus> {
  // Removing what is gone already, and creating what is there already, is as good as done.
  if (request.method === "DELETE" && (response.status === 404 || response.status === 410))
    return { kind: "delivered" };
  if (request.method === "POST" && response.status === 409) return { kind: "delivered" };
  const verdict = verdictOfStatus(response);
  const reference = request.method === "POST" ? idIn(response.body) : undefined;
  return verdict.kind === "delivered" && reference !== undefined ? { ...verdict, reference } : verdict;
}

/** The id that Target gave an audience it made. */
function idIn(body: string): string | undefined {
  try {
    const json: unknown = JSON.parse(body);
    const id = isObject(json) ? json["id"] : undefined;
    const text = typeof id === "number" ? String(id) : id;
    return typeof text === "string" && /^[\w-]{1,64}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the few fields of an answer, which comes as XML, or as JSON from newer hosts. */
function readBatchAnswer(body: string): { readonly [field: string]: string | undefined } {
  const fields: Record<string, string> = {};
  try {
    const json: unknown = JSON.parse(body);
    const root = isObject(json) && isObject(json["response"]) ? json["response"] : json;
    if (isObject(root)) {
      for (const [field, value] of Object.entries(root))
        if (typeof value !== "object") fields[field] = String(value);
    }
  } catch {
    for (const [, field = "", value = ""] of body.matchAll(
      /<(success|batchId|status)>\s*([^<]{1,256}?)\s*<\/\1>/g,
    )) {
      fields[field] = value;
    }
  }
  return { success: fields["success"], batchId: fields["batchId"], status: fields["status"] };
}

function pollDefinition(): PollDefinition<TargetOutboundSettings> {
  return {
    plan: ({ job, items }, settings) => ({
      kind: "http",
      id: digest(`status\n${job}`),
      items,
      method: "GET",
      url: `${settings.deliveryUrl}/m2/${encodeURIComponent(settings.client)}/profile/batchStatus?batchId=${encodeURIComponent(job)}`,
      headers: {
        ...(settings.profileToken && { authorization: { ...settings.profileToken, prefix: "Bearer " } }),
      },
    }),
    interpret: ({ items }, response) => {
      if (response.kind !== "http")
        return { kind: "finished", outcomes: forEveryItem(items, unexpectedResponse(response)) };
      const verdict = verdictOfStatus(response);
      if (verdict.kind === "retryable")
        return { kind: "pending", checkAfterMs: verdict.retryAfterMs ?? 60_000 };
      if (verdict.kind !== "delivered") return { kind: "finished", outcomes: forEveryItem(items, verdict) };
      const status = readBatchAnswer(response.body).status?.toLowerCase();
      if (status === "complete")
        return { kind: "finished", outcomes: forEveryItem(items, { kind: "delivered" }) };
      if (status === "failed" || status === "incomplete" || status === "stuck") {
        return {
          kind: "finished",
          outcomes: forEveryItem(items, { kind: "rejected", code: `target.batch-${status}` }),
        };
      }
      return { kind: "pending", checkAfterMs: 60_000 };
    },
  };
}
