import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { startEdgeNode } from "../src/node.ts";
import { bundleWorker } from "./bundle-worker.ts";
import { TOKEN } from "./definitions.ts";

/** An edge of one runtime, listening. */
export interface RunningEdge {
  readonly url: string;
  readonly port: number;
  /** Moves the edge's clock so far ahead of the machine's, in milliseconds. */
  readonly shiftClock: (ms: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** How an edge under test is started. */
interface EdgeUnderTest {
  readonly hubUrl: string;
  readonly token?: string;
  readonly lookupBudgetMs?: number;
  readonly cookieSecret?: string;
  readonly apiTokens?: readonly string[];
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly sandboxes?: readonly string[];
  /** Where state is kept; a fresh folder when absent, removed at the end. */
  readonly dataDir?: string;
}

/** Starts the edge on a runtime. */
export type StartEdge = (options: EdgeUnderTest) => Promise<RunningEdge>;

/** The same edge on both runtimes. */
export const RUNTIMES: readonly (readonly [name: string, start: StartEdge])[] = [
  ["Node", startOnNode],
  ["workerd", startOnWorkerd],
];

async function startOnNode(options: EdgeUnderTest): Promise<RunningEdge> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "edge-")));
  let shift = 0;
  const { hubUrl, lookupBudgetMs, cookieSecret } = options;
  const node = await startEdgeNode({
    port: 0,
    hubUrl,
    token: options.token ?? TOKEN,
    apiTokens: options.apiTokens ?? ["server-token"],
    dataDir,
    clock: () => Date.now() + shift,
    ...(lookupBudgetMs === undefined ? {} : { lookupBudgetMs }),
    ...(cookieSecret === undefined ? {} : { cookieSecret }),
    ...(options.sandboxes === undefined ? {} : { sandboxes: options.sandboxes }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  if (options.token === undefined) await ready(node.url);
  return {
    url: node.url,
    port: node.port,
    shiftClock: async (ms) => {
      shift = ms;
    },
    stop: async () => {
      await node.stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

let bundled: ReturnType<typeof bundleWorker> | undefined;

async function startOnWorkerd(options: EdgeUnderTest): Promise<RunningEdge> {
  bundled ??= bundleWorker(new URL("./shifted-worker.ts", import.meta.url));
  const { code } = await bundled;
  const { hubUrl, lookupBudgetMs, cookieSecret, tls } = options;
  const miniflare = new Miniflare({
    modules: true,
    script: code,
    compatibilityDate: "2025-09-01",
    host: "127.0.0.1",
    port: 0,
    ...(tls === undefined ? {} : { https: true, httpsKey: tls.key, httpsCert: tls.cert }),
    ...(options.dataDir === undefined
      ? {}
      : { durableObjectsPersist: join(options.dataDir, "objects"), kvPersist: join(options.dataDir, "kv") }),
    durableObjects: { EDGE_PROFILES: "EdgeProfileObject", FORWARD_QUEUE: "EdgeForwardQueue" },
    kvNamespaces: ["EDGE_CACHE"],
    bindings: {
      TESSERA_HUB_URL: hubUrl,
      TESSERA_EDGE_TOKEN: options.token ?? TOKEN,
      TESSERA_EDGE_API_TOKENS: (options.apiTokens ?? ["server-token"]).join(","),
      TESSERA_EDGE_LOOKUP_MS: String(lookupBudgetMs ?? 50),
      TESSERA_EDGE_COOKIE_SECRET: cookieSecret ?? "",
      TESSERA_EDGE_SANDBOXES: (options.sandboxes ?? []).join(","),
    },
  });
  const url = await miniflare.ready;
  if (options.token === undefined) await ready(url.origin);
  return {
    url: url.origin,
    port: Number(url.port),
    shiftClock: async (ms) => {
      await miniflare.dispatchFetch(`http://edge/test/clock?ahead=${ms}`);
    },
    stop: () => miniflare.dispose(),
  };
}

/** Waits for the first snapshot: until then an edge says that it is not ready. */
async function ready(url: string): Promise<void> {
  if (url.startsWith("https:")) return;
  for (;;) {
    const response = await fetch(`${url}/ee/v1/interact`, { method: "POST", body: "{}" });
    await response.arrayBuffer();
    if (response.status !== 503) return;
    await new Promise((done) => setTimeout(done, 20));
  }
}
