import {
  type DeliveryProfile,
  handleDelivery,
  propositionEvents,
  type TargetClient,
  workspacesOfProperty,
} from "@tessera/destinations-target";
import {
  canonicalJson,
  digest,
  formatInstant,
  type Identity,
  identityKey,
  type JsonObject,
} from "@tessera/xdm";
import { commonHeaders } from "./answer.ts";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import type { Edge, Mount } from "./edge.ts";
import { updateProfile } from "./edge-profile.ts";
import type { EdgeContext, EdgeReply, EdgeRequest } from "./exchange.ts";
import { sharedMembers } from "./evaluate.ts";
import { lookUpProfile } from "./profile-lookup.ts";
import { readBody } from "./session.ts";
import { logTold } from "./target-told.ts";
import { targetView } from "./target-view.ts";

/** The most bytes of one delivery request here; Target itself takes more than a browser ever sends. */
const MAX_BYTES = 1024 * 1024;

/**
 * `POST /rest/v1/delivery`, what at.js and Target's server SDKs speak. They know the ECID alone and evaluate nothing
 * here: the audiences are those the hub shared, as the edge profile holds them.
 */
export function createDelivery(): Mount {
  const inProgress = new Map<string, number>();
  return async (edge, { request, route, context, requestId }) => {
    const compiled = await edge.snapshot.current(context.waitUntil);
    const refuse = (status: number, message: string): EdgeReply =>
      reply(edge, request, { requestId, status, body: { status, message } });
    if (request.method !== "POST") return refuse(405, "Expected POST.");
    if (compiled === undefined) return refuse(503, "This edge has no definitions from its hub yet.");
    const read = await readBody(request, MAX_BYTES);
    if (!read.ok) return refuse(read.error.code === "EXEG-0112" ? 413 : 400, read.error.detail);
    const { query } = route;
    const session = query.get("sessionId") ?? "";
    const before = inProgress.get(session) ?? 0;
    inProgress.set(session, before + 1);
    try {
      const answer = await handleDelivery(read.value.body, {
        client: compiled.snapshot.targetClient,
        orgId: compiled.snapshot.organisation,
        activities: compiled.activities,
        profileLookup: (identities, workspaces) =>
          lookup(edge, compiled, { identities, workspaces, context }),
        workspacesOf: (property) => workspacesOfProperty(compiled.target.workspaces, property),
        now: formatInstant(edge.clock()),
        newId: edge.newId,
        caller: callerOf(request, query),
        query: given({
          imsOrgId: query.get("imsOrgId"),
          client: query.get("client"),
          sessionId: query.get("sessionId"),
        }),
        bodyBytes: read.value.bytes,
        inProgress: before,
      });
      const events = propositionEvents(answer, formatInstant(edge.clock()));
      if (events.length > 0) await forward(edge, compiled, events);
      return reply(edge, request, { requestId, status: answer.status, body: answer.body });
    } finally {
      if (before === 0) inProgress.delete(session);
      else inProgress.set(session, (inProgress.get(session) ?? 1) - 1);
    }
  };
}

/** Hands what was shown and notified to the hub. A call is answered whether or not that could be kept. */
async function forward(
  edge: Edge,
  { snapshot }: CompiledSnapshot,
  events: readonly JsonObject[],
): Promise<void> {
  const stream = snapshot.datastreams.find(
    ({ enabled, target, platform }) => enabled && target !== undefined && platform !== undefined,
  );
  const datasetId = stream?.platform?.eventDatasets[0];
  if (datasetId === undefined) return;
  const entries = events.map((body) => ({
    kind: "event" as const,
    datasetId,
    orderKey: canonicalJson(body["identityMap"] ?? null),
    body: { ...body, _tessera: { region: edge.region.hint } },
  }));
  await edge.hub.forward(entries).catch(() => {
    const detail = "What a call showed could not be kept for the hub.";
    edge.notice({ level: "error", event: "target.forward", detail });
  });
}

/** at.js names its version in the address; the SDKs name themselves in a header. */
function callerOf(request: EdgeRequest, query: URLSearchParams): TargetClient {
  return query.has("version") && request.header("x-exc-sdk") === undefined ? "at.js" : "server";
}

function given(query: Readonly<Record<string, string | null>>): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name in query) {
    const value = query[name];
    if (typeof value === "string") out[name] = value;
  }
  return out;
}

/** The first identity somebody is known by, among those of the call. Looking counts as activity. */
async function lookup(
  edge: Edge,
  compiled: CompiledSnapshot,
  of: {
    readonly identities: readonly Identity[];
    readonly workspaces: readonly string[];
    readonly context: EdgeContext;
  },
): Promise<DeliveryProfile | undefined> {
  const now = edge.clock();
  const connections = compiled.target.all.filter(({ workspace }) => of.workspaces.includes(workspace));
  for (const identity of of.identities) {
    const options = { now, budgetMs: edge.lookupBudgetMs, context: of.context };
    const { profile } = await lookUpProfile(edge, identity, options);
    of.context.waitUntil(
      updateProfile(edge.profiles, identityKey(identity), {
        now,
        change: (held) => ({ ...(held?.hub === undefined ? profile : held), lastActivityAt: now }),
      }),
    );
    if (profile.hub === undefined) continue;
    const { attributes } = profile.hub;
    const view = targetView(connections, { members: sharedMembers(profile, now), attributes });
    of.context.waitUntil(logTold(edge, { key: profile.key, now }, view.told));
    const { memberships, byWorkspace } = view;
    return { memberships, byWorkspace, attributes: view.attributes };
  }
  return undefined;
}

/** `GET /<client>/<environment>/v1/[<property>/]rules.json`: the rules that Target's SDKs decide by on the device. */
export const serveArtifact: Mount = async (edge, { request, route, requestId, context }) => {
  const compiled = await edge.snapshot.current(context.waitUntil);
  const headers = commonHeaders(edge, request, requestId).filter(([name]) => name !== "cache-control");
  if (compiled === undefined) return { status: 503, headers: [...headers, ["retry-after", "1"]], body: null };
  if (request.method !== "GET" && request.method !== "HEAD")
    return { status: 405, headers: [...headers, ["allow", "GET, HEAD"]], body: null };
  if (route.client !== compiled.snapshot.targetClient) return { status: 404, headers, body: null };
  const body = compiled.artifact(route.property);
  const etag = `"${digest(body)}"`;
  const cached = [...headers, ["etag", etag], ["cache-control", "public, max-age=60"]] as const;
  if (request.header("if-none-match") === etag) return { status: 304, headers: cached, body: null };
  const typed = [...cached, ["content-type", "application/json;charset=utf-8"]] as const;
  return { status: 200, headers: typed, body: request.method === "HEAD" ? null : body };
};

function reply(
  edge: Edge,
  request: EdgeRequest,
  parts: { readonly requestId: string; readonly status: number; readonly body: JsonObject },
): EdgeReply {
  return {
    status: parts.status,
    headers: [
      ["content-type", "application/json;charset=utf-8"],
      ...commonHeaders(edge, request, parts.requestId),
    ],
    body: JSON.stringify(parts.body),
  };
}
