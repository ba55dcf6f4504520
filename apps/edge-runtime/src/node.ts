import { randomBytes, randomUUID } from "node:crypto";
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { tokenAuthenticator } from "./access.ts";
import { compileSnapshot } from "./compile.ts";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import type { Edge, EdgeNotice } from "./edge.ts";
import { createForwarder } from "./forwarder.ts";
import { createHttpHub } from "./http-hub.ts";
import { createSigner } from "./identity-cookie.ts";
import { createMemoryProfiles } from "./memory-profiles.ts";
import { openFileQueue } from "./node/file-queue.ts";
import { createHubRequester } from "./node/hub-request.ts";
import { createListener } from "./node/listener.ts";
import { loadProfiles, saveProfiles } from "./node/profile-file.ts";
import { refreshDelivered } from "./projections.ts";
import { REGIONS, regionOfHint } from "./region.ts";
import { createUnitMeter, type UnitLimits } from "./request-units.ts";
import { createMounts } from "./mounts.ts";
import { followSnapshots } from "./snapshot-poll.ts";

/** How an edge on Node is started. */
export interface EdgeNodeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host?: string;
  /** Where the hub's gateway listens, `http://127.0.0.1:4000`. */
  readonly hubUrl: string;
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

/** Events wait this long for others to travel with, in milliseconds; a delivery costs as much as deciding ten pages. */
const GATHER_MS = 30;

/** Starts an edge in this process. Resolves when it listens. */
export async function startEdgeNode(options: EdgeNodeOptions): Promise<EdgeNode> {
  const clock = options.clock ?? Date.now;
  const notice = options.notice ?? (() => undefined);
  const region = regionOfHint(options.region ?? "va6");
  if (region === undefined)
    throw new Error(`EDGE_REGION: expected one of ${REGIONS.map(({ hint }) => hint).join(", ")}.`);
  if (options.cookieSecret !== undefined && options.cookieSecret.length < 16)
    throw new Error("The secret that signs identity cookies needs at least 16 characters.");
  await mkdir(options.dataDir, { recursive: true });
  const random = (): number => randomBytes(4).readUInt32BE() / 2 ** 32;
  const requester = createHubRequester();
  const hub = createHttpHub({
    url: options.hubUrl,
    token: options.token,
    region: region.hint,
    ask: requester.ask,
  });
  const profiles = createMemoryProfiles({ capacity: options.maxProfiles ?? 200_000 });
  const profileFile = join(options.dataDir, "profiles.ndjson");
  await loadProfiles(profileFile, profiles);
  const queue = await openFileQueue(join(options.dataDir, "queue"), { sync: options.sync === true });
  const underWay = new Set<Promise<unknown>>();
  const waitUntil = (work: Promise<unknown>): void => {
    const tracked = work.catch(() => undefined).finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  };
  const forwarder = createForwarder({
    queue,
    send: hub.send,
    delivered: (entries) => waitUntil(refreshDelivered({ profiles, clock, lookup: hub.lookup }, entries)),
    refuse: ({ entry, text }, status) =>
      appendFile(
        join(options.dataDir, "refused.ndjson"),
        `${JSON.stringify({ status, entry: { ...entry, body: JSON.parse(text) } })}\n`,
      ),
    notice,
    random,
    gatherMs: GATHER_MS,
  });
  const compile = (json: unknown): CompiledSnapshot | undefined => compileSnapshot(json, notice);
  const snapshots = followSnapshots({
    hub,
    compile,
    save: (text) => waitUntil(writeWhole(join(options.dataDir, "snapshot.json"), text)),
    notice,
    clock,
    random,
    initial: await loadSnapshot(options.dataDir, compile),
  });
  const secret = options.cookieSecret;
  const signer = (organisation: string): ReturnType<typeof createSigner> =>
    createSigner(new TextEncoder().encode(secret), organisation);
  const edge: Edge = {
    mounts: createMounts(),
    snapshot: snapshots,
    profiles,
    hub: {
      lookup: hub.lookup,
      forward: async (entries) => {
        await queue.append(entries);
        forwarder.wake(entries.some(({ refresh }) => refresh !== undefined));
      },
    },
    clock,
    newId: randomUUID,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    region,
    authenticate: tokenAuthenticator([options.token, ...(options.apiTokens ?? [])]),
    internalToken: options.token,
    basePath: "ee",
    lookupBudgetMs: options.lookupBudgetMs ?? 50,
    lookupRetryMs: 2000,
    signer: secret === undefined ? undefined : remember(signer),
    tcfVendorId: options.tcfVendorId,
    units: createUnitMeter(options.unitLimits ?? {}),
    notice,
  };
  const listener = createListener(edge, { trustProxy: options.trustProxy === true, waitUntil });
  const { tls } = options;
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const port = await listen(server, options.port, options.host ?? "127.0.0.1");
  forwarder.wake();
  return {
    port,
    url: `${tls === undefined ? "http" : "https"}://${options.host ?? "127.0.0.1"}:${port}`,
    listener,
    isReady: () => snapshots.current() !== undefined,
    snapshotVersion: () => snapshots.current()?.snapshot.version,
    queued: queue.size,
    stop: async () => {
      await close(server);
      snapshots.stop();
      await Promise.all(underWay);
      await forwarder.stop();
      requester.close();
      await queue.close();
      await saveProfiles(profileFile, profiles);
    },
  };
}

function remember<T>(make: (organisation: string) => T): (organisation: string) => T {
  const made = new Map<string, T>();
  return (organisation) => {
    const held = made.get(organisation) ?? make(organisation);
    made.set(organisation, held);
    return held;
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(port, host, () => done((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 2000).unref();
  });
}

async function loadSnapshot(
  dataDir: string,
  compile: (json: unknown) => CompiledSnapshot | undefined,
): Promise<CompiledSnapshot | undefined> {
  const text = await readFile(join(dataDir, "snapshot.json"), "utf8").catch(() => undefined);
  try {
    return text === undefined ? undefined : compile(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Replaces a file by another one, whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.new`;
  await writeFile(temporary, text);
  await rename(temporary, path);
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
    apiTokens: (text("TESSERA_EDGE_API_TOKENS") ?? "").split(",").filter((item) => item !== ""),
    dataDir: text("TESSERA_EDGE_DATA") ?? "./data/edge",
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
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(resolve(process.argv[1])).href)
  await main();
