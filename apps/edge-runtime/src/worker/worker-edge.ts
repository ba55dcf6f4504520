import { tokenAuthenticator } from "../access.ts";
import { compileSnapshot } from "../compile.ts";
import type { Edge, EdgeNotice } from "../edge.ts";
import { createHttpHub, type HttpHub, type HubRequest, type HubResponse } from "../http-hub.ts";
import { createSigner } from "../identity-cookie.ts";
import { refreshDelivered } from "../projections.ts";
import { regionOfHint } from "../region.ts";
import { createUnitMeter } from "../request-units.ts";
import { createMounts } from "../mounts.ts";
import { type Edges, readSandboxes } from "../sandboxes.ts";
import { durableProfiles } from "./profile-object.ts";
import { appendToQueues, type QueueServices, shardCount } from "./queue-object.ts";
import { createSnapshotCache } from "./snapshot-cache.ts";
import type { WorkerEnv } from "./workers-types.ts";

/** The edges over the bindings of a worker, one a sandbox, and what their queue objects need. */
export interface WorkerEdges {
  readonly edges: Edges;
  /** What the names of a sandbox's objects begin with. */
  readonly scopeOf: (sandbox: string | undefined) => string;
  readonly queueServices: QueueServices;
}

/** Builds the edges of an isolate. The clock is an argument so that time can be moved in tests. */
export function createWorkerEdges(env: WorkerEnv, clock: () => number): WorkerEdges {
  const units = createUnitMeter({});
  const [first, ...more] = readSandboxes(env.TESSERA_EDGE_SANDBOXES);
  // By name, whatever their order: nobody is ever held for a sandbox they do not belong to.
  const scopeOf = (sandbox: string | undefined): string =>
    sandbox === undefined ? env.TESSERA_HUB_URL : `${env.TESSERA_HUB_URL}\n${sandbox}`;
  const build = (sandbox: string | undefined): SandboxParts =>
    buildEdge(env, clock, { sandbox, scope: scopeOf(sandbox), units });
  const main = build(first);
  const others = more.map(build);
  const of = (sandbox: string | undefined): SandboxParts =>
    others.find(({ edge }) => edge.sandbox === sandbox) ?? main;
  return {
    scopeOf,
    edges: [main.edge, ...others.map(({ edge }) => edge)],
    queueServices: {
      hub: { send: (batch) => of(batch.sandbox).hub.send(batch) },
      delivered: async (entries) => {
        for (const entry of entries) await of(entry.sandbox).delivered([entry]);
      },
    },
  };
}

/** What one sandbox has of its own. */
interface SandboxParts {
  readonly edge: Edge;
  readonly hub: HttpHub;
  readonly delivered: QueueServices["delivered"];
}

function buildEdge(
  env: WorkerEnv,
  clock: () => number,
  of: {
    readonly sandbox: string | undefined;
    readonly scope: string;
    readonly units: Edge["units"];
  },
): SandboxParts {
  const { sandbox, scope, units } = of;
  const region = regionOfHint(env.EDGE_REGION ?? "va6");
  if (region === undefined) throw new Error("EDGE_REGION: expected the location hint of an edge region.");
  const hub = createHttpHub({
    url: env.TESSERA_HUB_URL.replace(/\/+$/, ""),
    token: env.TESSERA_EDGE_TOKEN,
    sandbox,
    region: region.hint,
    ask: askByFetch,
  });
  const profiles = durableProfiles(env.EDGE_PROFILES, () => scope, clock);
  const secret = env.TESSERA_EDGE_COOKIE_SECRET;
  const vendor = Number(env.TESSERA_EDGE_TCF_VENDOR ?? Number.NaN);
  const apiTokens = (env.TESSERA_EDGE_API_TOKENS ?? "").split(",").filter((token) => token !== "");
  const current = createSnapshotCache({
    hub,
    compile: (json) => compileSnapshot(json, log),
    cache: env.EDGE_CACHE,
    key: sandbox === undefined ? "snapshot" : `snapshot:${sandbox}`,
    clock,
  });
  const queues = { shards: shardCount(env), scope };
  const edge: Edge = {
    sandbox,
    mounts: createMounts(),
    snapshot: { current },
    profiles,
    hub: {
      lookup: hub.lookup,
      forward: (entries) =>
        appendToQueues(
          env.FORWARD_QUEUE,
          queues,
          sandbox === undefined ? entries : entries.map((entry) => ({ ...entry, sandbox })),
        ),
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
    units,
    notice: log,
  };
  const lookup = hub.lookup;
  return { edge, hub, delivered: (entries) => refreshDelivered({ profiles, clock, lookup }, entries) };
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
