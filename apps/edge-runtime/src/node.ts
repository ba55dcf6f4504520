import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { EdgeNotice } from "./edge.ts";
import { createHubRequester } from "./node/hub-request.ts";
import { type FrontDoor, openFrontDoor } from "./node/front-door.ts";
import { createAnswer, createListener } from "./node/listener.ts";
import { openSandbox } from "./node/sandbox.ts";
import { REGIONS, regionOfHint } from "./region.ts";
import { createUnitMeter, type UnitLimits } from "./request-units.ts";
import { readSandboxes } from "./sandboxes.ts";

/** How an edge on Node is started. */
export interface EdgeNodeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host?: string;
  /** Where the hub's gateway listens, `http://127.0.0.1:4000`. */
  readonly hubUrl: string;
  /**
   * The sandboxes it serves, each with its datastreams, profiles and queue in a folder of its own; the hub's default one,
   * in `dataDir` itself, when none is named.
   */
  readonly sandboxes?: readonly string[];
  /** What hub and edge prove themselves with to each other. */
  readonly token: string;
  /** Tokens of server-side callers; the edge's own token counts too. */
  readonly apiTokens?: readonly string[];
  /** Where the forward queue, the last snapshot and the edge profiles are kept. */
  readonly dataDir: string;
  /** The location hint of this edge; `va6` by default. */
  readonly region?: string;
  readonly lookupBudgetMs?: number;
  /** Signs identity cookies (at least 16 characters); forged ones do not count then. */
  readonly cookieSecret?: string;
  readonly tcfVendorId?: number;
  readonly trustProxy?: boolean;
  /** Every acknowledged event is on the disk itself, not only with the operating system. */
  readonly sync?: boolean;
  /** Serves https with this key and certificate (PEM); http without. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly unitLimits?: UnitLimits;
  /** How many edge profiles are held at most. */
  readonly maxProfiles?: number;
  readonly clock?: () => number;
  readonly notice?: (notice: EdgeNotice) => void;
}

/** A running edge. */
export interface EdgeNode {
  readonly port: number;
  readonly url: string;
  /** The request listener, to serve the same edge on further servers (TLS). */
  readonly listener: RequestListener;
  /** Whether a snapshot is in force. */
  readonly isReady: () => boolean;
  /** The version of the snapshot in force. */
  readonly snapshotVersion: () => string | undefined;
  /** How many entries wait for the hub. */
  readonly queued: () => number;
  /** Takes no more requests, finishes those under way, and saves what is held. */
  readonly stop: () => Promise<void>;
}

/** Starts an edge in this process. Resolves when it listens. */
export async function startEdgeNode(options: EdgeNodeOptions): Promise<EdgeNode> {
  const region = regionOfHint(options.region ?? "va6");
  if (region === undefined)
    throw new Error(`EDGE_REGION: expected one of ${REGIONS.map(({ hint }) => hint).join(", ")}.`);
  if (options.cookieSecret !== undefined && options.cookieSecret.length < 16)
    throw new Error("The secret that signs identity cookies needs at least 16 characters.");
  const [first, ...more] = readSandboxes(options.sandboxes?.join(","));
  const underWay = new Set<Promise<unknown>>();
  const shared = {
    region,
    requester: createHubRequester(),
    units: createUnitMeter(options.unitLimits ?? {}),
    waitUntil: (work: Promise<unknown>): void => {
      const tracked = work.catch(() => undefined).finally(() => underWay.delete(tracked));
      underWay.add(tracked);
    },
  };
  const main = await openSandbox(options, { ...shared, sandbox: first });
  const others = await Promise.all(more.map((sandbox) => openSandbox(options, { ...shared, sandbox })));
  const all = [main, ...others];
  const answer = createAnswer([main.edge, ...others.map(({ edge }) => edge)], {
    trustProxy: options.trustProxy === true,
    waitUntil: shared.waitUntil,
  });
  const listener = createListener(answer);
  const { tls } = options;
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const door = tls === undefined ? openFrontDoor(server, answer) : undefined;
  const port = await listen(server, options.port, options.host ?? "127.0.0.1");
  for (const { start } of all) start();
  return {
    port,
    url: `${tls === undefined ? "http" : "https"}://${options.host ?? "127.0.0.1"}:${port}`,
    listener,
    isReady: () => all.every(({ snapshots }) => snapshots.current() !== undefined),
    snapshotVersion: () => main.snapshots.current()?.snapshot.version,
    queued: () => all.reduce((sum, { queued }) => sum + queued(), 0),
    stop: async () => {
      await close(server, door);
      for (const { snapshots } of all) snapshots.stop();
      await Promise.all(underWay);
      await Promise.all(all.map(({ stop }) => stop()));
      shared.requester.close();
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(port, host, () => done((server.address() as AddressInfo).port));
  });
}

function close(server: Server, door: FrontDoor | undefined): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeIdleConnections();
    door?.close();
    setTimeout(() => {
      server.closeAllConnections();
      door?.destroy();
    }, 2000).unref();
  });
}

/** The command: settings from the environment, one line when it listens, a clean stop on SIGTERM and SIGINT. */
async function main(): Promise<void> {
  const env = process.env;
  const token = env["TESSERA_EDGE_TOKEN"] ?? env["TESSERA_ADMIN_TOKEN"];
  if (token === undefined || token === "") {
    process.stderr.write("edge: set TESSERA_EDGE_TOKEN (or TESSERA_ADMIN_TOKEN) to the token of the hub.\n");
    process.exitCode = 1;
    return;
  }
  const text = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const list = (name: string): readonly string[] =>
    (text(name) ?? "").split(",").filter((item) => item !== "");
  const cookieSecret = text("TESSERA_EDGE_COOKIE_SECRET");
  const region = text("EDGE_REGION");
  const budget = text("TESSERA_EDGE_LOOKUP_MS");
  const vendor = text("TESSERA_EDGE_TCF_VENDOR");
  const [key, cert] = [text("TESSERA_EDGE_TLS_KEY"), text("TESSERA_EDGE_TLS_CERT")];
  const node = await startEdgeNode({
    port: Number(text("EDGE_PORT") ?? 8787),
    host: text("EDGE_HOST") ?? "127.0.0.1",
    hubUrl: (text("TESSERA_HUB_URL") ?? "http://127.0.0.1:4000").replace(/\/+$/, ""),
    token,
    apiTokens: list("TESSERA_EDGE_API_TOKENS"),
    dataDir: text("TESSERA_EDGE_DATA") ?? "./data/edge",
    sandboxes: list("TESSERA_EDGE_SANDBOXES"),
    trustProxy: text("TESSERA_EDGE_TRUST_PROXY") === "1",
    sync: text("TESSERA_EDGE_SYNC") === "1",
    ...(cookieSecret === undefined ? {} : { cookieSecret }),
    ...(region === undefined ? {} : { region }),
    ...(budget === undefined ? {} : { lookupBudgetMs: Number(budget) }),
    ...(key === undefined || cert === undefined
      ? {}
      : { tls: { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") } }),
    ...(vendor === undefined ? {} : { tcfVendorId: Number(vendor) }),
    notice: ({ level, event, detail }) => {
      if (level !== "info") process.stderr.write(`edge: ${level} ${event}: ${detail}\n`);
    },
  });
  process.stdout.write(`edge: listening on ${node.url}\n`);
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    void node.stop().then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Whoever started it with a channel is gone: nobody would end it any more.
  process.on("disconnect", stop);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(resolve(process.argv[1])).href)
  await main();
