import { tokenAuthenticator } from "../access.ts";
import { compileSnapshot } from "../compile.ts";
import type { Edge, EdgeNotice } from "../edge.ts";
import { createHttpHub, type HubRequest, type HubResponse } from "../http-hub.ts";
import { createSigner } from "../identity-cookie.ts";
import { refreshDelivered } from "../projections.ts";
import { regionOfHint } from "../region.ts";
import { createUnitMeter } from "../request-units.ts";
import { createMounts } from "../mounts.ts";
import { durableProfiles } from "./profile-object.ts";
import { appendToQueues, type QueueServices, shardCount } from "./queue-object.ts";
import { createSnapshotCache } from "./snapshot-cache.ts";
import type { WorkerEnv } from "./workers-types.ts";

/** An edge over the bindings of a worker, and what its queue objects need. */
export interface WorkerEdge {
  readonly edge: Edge;
  readonly queueServices: QueueServices;
}

/** Builds the edge of an isolate. The clock is an argument so that time can be moved in tests. */
export function createWorkerEdge(env: WorkerEnv, clock: () => number): WorkerEdge {
  const region = regionOfHint(env.EDGE_REGION ?? "va6");
  if (region === undefined) throw new Error("EDGE_REGION: expected the location hint of an edge region.");
  const hub = createHttpHub({
    url: env.TESSERA_HUB_URL.replace(/\/+$/, ""),
    token: env.TESSERA_EDGE_TOKEN,
    region: region.hint,
    ask: askByFetch,
  });
  const scope = env.TESSERA_HUB_URL;
  const profiles = durableProfiles(env.EDGE_PROFILES, () => scope, clock);
  const secret = env.TESSERA_EDGE_COOKIE_SECRET;
  const vendor = Number(env.TESSERA_EDGE_TCF_VENDOR ?? Number.NaN);
  const apiTokens = (env.TESSERA_EDGE_API_TOKENS ?? "").split(",").filter((token) => token !== "");
  const edge: Edge = {
    mounts: createMounts(),
    snapshot: {
      current: createSnapshotCache({
        hub,
        compile: (json) => compileSnapshot(json, log),
        cache: env.EDGE_CACHE,
        clock,
      }),
    },
    profiles,
    hub: {
      lookup: hub.lookup,
      forward: (entries) => appendToQueues(env.FORWARD_QUEUE, { shards: shardCount(env), scope }, entries),
    },
    clock,
    newId: () => crypto.randomUUID(),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    region,
    authenticate: tokenAuthenticator([env.TESSERA_EDGE_TOKEN, ...apiTokens]),
    internalToken: env.TESSERA_EDGE_TOKEN,
    basePath: "ee",
    lookupBudgetMs: Number(env.TESSERA_EDGE_LOOKUP_MS ?? "50"),
    lookupRetryMs: 2000,
    signer:
      secret === undefined || secret === ""
        ? undefined
        : (organisation) => createSigner(new TextEncoder().encode(secret), organisation),
    tcfVendorId: Number.isInteger(vendor) ? vendor : undefined,
    units: createUnitMeter({}),
    notice: log,
  };
  return {
    edge,
    queueServices: {
      hub,
      delivered: (entries) => refreshDelivered({ profiles, clock, lookup: hub.lookup }, entries),
    },
  };
}

async function askByFetch(url: string, request: HubRequest): Promise<HubResponse> {
  const response = await fetch(url, request);
  return {
    status: response.status,
    header: (name) => response.headers.get(name),
    text: await response.text(),
  };
}

function log(notice: EdgeNotice): void {
  // oxlint-disable-next-line no-console -- a worker's log is its console
  if (notice.level !== "info") console.log(JSON.stringify(notice));
}
