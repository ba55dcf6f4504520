import {
  type AamContext,
  type AamDevice,
  aamDeviceKey,
  type AamEdge,
  type AamEdgeConfig,
  type AamReply,
  type AamRequest,
  type AamSignalEvent,
  compileAamEdge,
  handleAamEvent,
  handleAamId,
  handleAamOptOut,
} from "@tessera/destinations-aam";
import { formatInstant, type Identity, identityKey } from "@tessera/xdm";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import { mintEcid } from "./ecid.ts";
import type { Edge, Mount } from "./edge.ts";
import { newProfile, updateProfile } from "./edge-profile.ts";
import type { EdgeReply, EdgeRequest } from "./exchange.ts";
import type { EdgeAction } from "./route.ts";

const MAX_BYTES = 64 * 1024;
/** How often a call is answered again when another call of the same device came first. */
const MAX_TRIES = 8;

/**
 * Audience Manager's data collection servers: `/event`, `/id`, `/demoptout.jpg`. What is remembered of a device lies
 * in the edge profiles, under its ECID and under its Audience Manager id alike.
 */
export function createAudienceManager(): Mount {
  const edges = new WeakMap<CompiledSnapshot, AamEdge>();
  return async (edge, { request, route, context }) => {
    const compiled = await edge.snapshot.current(context.waitUntil);
    if (compiled === undefined) return { status: 503, headers: [["retry-after", "1"]], body: null };
    const aam = edges.get(compiled) ?? compileFor(edge, compiled);
    edges.set(compiled, aam);
    const call = await readCall(request);
    const answer = await takeCall(edge, aam, { request: call, action: route.action });
    const { event, device } = answer;
    const dataset = datasetOf(compiled);
    if (event !== undefined && device !== undefined && dataset !== undefined)
      await forward(edge, { event, dataset, ecid: device.ecid });
    return toReply(answer.reply);
  };
}

/** The snapshot's settings; what they leave out has the organisation's and the region's own values. */
function compileFor(edge: Edge, { snapshot }: CompiledSnapshot): AamEdge {
  const defaults: AamEdgeConfig = {
    orgId: snapshot.organisation,
    domainAlias: snapshot.targetClient,
    region: edge.region.aamRegion,
    dataSources: [],
    traits: [],
    segments: [],
  };
  const given = { ...defaults, ...snapshot.audienceManager, orgId: defaults.orgId, region: defaults.region };
  const config = withBlockedIds(given as AamEdgeConfig);
  const lists = [config.dataSources, config.traits, config.segments];
  const compiled = lists.every(Array.isArray) ? compileAamEdge(config) : undefined;
  if (compiled?.ok === true) return compiled.value;
  const detail =
    compiled?.error[0]?.message ?? "audienceManager: expected lists of dataSources, traits, segments.";
  edge.notice({ level: "warn", event: "snapshot.part", detail });
  const bare = compileAamEdge(defaults);
  if (!bare.ok) throw new Error("The default Audience Manager settings are wrong.");
  return bare.value;
}

/** Blocked ids are a list in JSON, and looked up in a set. */
function withBlockedIds(config: AamEdgeConfig): AamEdgeConfig {
  if (!Array.isArray(config.dataSources)) return config;
  const dataSources = config.dataSources.map(({ blockedIds, ...source }) =>
    blockedIds === undefined ? source : { ...source, blockedIds: new Set(blockedIds) },
  );
  return { ...config, dataSources };
}

const READ_HEADERS = [
  "host",
  "cookie",
  "referer",
  "origin",
  "user-agent",
  "accept-language",
  "content-type",
] as const;

async function readCall(request: EdgeRequest): Promise<AamRequest> {
  const headers: Record<string, string | undefined> = {};
  for (const name of READ_HEADERS) headers[name] = request.header(name);
  const call = { method: request.method, url: request.target, headers };
  if (request.method !== "POST") return call;
  const body = await request.body(MAX_BYTES);
  // An unread body is answered like one that is too long: with 413.
  return { ...call, body: body.kind === "text" ? body.text : " ".repeat(MAX_BYTES) };
}

interface CallAnswer {
  readonly reply: AamReply;
  readonly device?: AamDevice;
  readonly event?: AamSignalEvent;
}

/** Loads the device, answers, saves it; again when another call of the device was faster. */
async function takeCall(
  edge: Edge,
  aam: AamEdge,
  call: { readonly request: AamRequest; readonly action: EdgeAction },
): Promise<CallAnswer> {
  const { request, action } = call;
  const now = edge.clock();
  const named = aamDeviceKey(request);
  for (let attempt = 1; ; attempt++) {
    const held = named === undefined ? undefined : await edge.profiles.get(identityKey(named), now);
    const context: AamContext = {
      edge: aam,
      now: formatInstant(now),
      newUuid: () => mintEcid(edge.random(16)),
      ...(held?.aam === undefined ? {} : { device: held.aam }),
    };
    const answer = answerCall(action, request, context);
    const { device } = answer;
    if (device === undefined) return answer;
    const first = named ?? coreIdentity(device);
    const profile = held ?? newProfile(identityKey(first), [first], now);
    const saved = await edge.profiles.put(
      { ...profile, aam: device, lastActivityAt: now },
      held?.version ?? 0,
    );
    if (!saved && attempt < MAX_TRIES) continue;
    await mirror(edge, { device, first, now });
    return answer;
  }
}

function answerCall(action: EdgeAction, request: AamRequest, context: AamContext): CallAnswer {
  if (action === "aam-id") return handleAamId(request, context);
  return action === "aam-opt-out" ? handleAamOptOut(request, context) : handleAamEvent(request, context);
}

function coreIdentity(device: AamDevice): Identity {
  return { namespace: "CORE", id: device.uuid };
}

/** Writes the device under its other id too, so that it is found by either. */
async function mirror(
  edge: Edge,
  of: { readonly device: AamDevice; readonly first: Identity; readonly now: number },
): Promise<void> {
  const { device, first, now } = of;
  const other = first.namespace === "CORE" ? { namespace: "ECID", id: device.ecid } : coreIdentity(device);
  const key = identityKey(other);
  await updateProfile(edge.profiles, key, {
    now,
    change: (held) => ({ ...(held ?? newProfile(key, [other], now)), aam: device, lastActivityAt: now }),
  });
}

/** Signals go where the first datastream with Audience Manager keeps its events. */
function datasetOf({ snapshot }: CompiledSnapshot): string | undefined {
  const stream = snapshot.datastreams.find(
    ({ enabled, audienceManager, platform }) =>
      enabled && audienceManager !== undefined && platform !== undefined,
  );
  return stream?.platform?.eventDatasets[0];
}

/** A call is answered whether or not its signals could be kept: a pixel has nobody to tell. */
async function forward(
  edge: Edge,
  of: { readonly event: AamSignalEvent; readonly dataset: string; readonly ecid: string },
): Promise<void> {
  const { event, dataset, ecid } = of;
  try {
    await edge.hub.forward([{ kind: "event", datasetId: dataset, orderKey: ecid, body: event }]);
  } catch {
    edge.notice({ level: "error", event: "aam.forward", detail: "The signals of a call could not be kept." });
  }
}

function toReply(reply: AamReply): EdgeReply {
  return {
    status: reply.status,
    headers: Object.entries(reply.headers),
    body:
      typeof reply.body === "string"
        ? reply.status === 204
          ? null
          : reply.body
        : new Uint8Array(reply.body),
  };
}
