import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pipeline } from "node:stream";
import { fileURLToPath } from "node:url";
import { type MongoStore, openMongoStore } from "@tessera/store-mongodb";
import { build } from "esbuild";
import { MongoClient } from "mongodb";
import { describe, test } from "vitest";
import type { Answer } from "./harness.ts";
import { TOKEN } from "./harness.ts";

const ENTRY = fileURLToPath(new URL("./gateway-process.ts", import.meta.url));
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache", import.meta.url));
const { MONGODB_URI, MONGODB_ABSENT = "MONGODB_URI is not set: name a replica set" } = process.env;

/** Tests that need MongoDB: skipped, with the reason, where there is none; a failure under CI. */
export function withMongo(name: string, define: (uri: string) => void): void {
  if (MONGODB_URI !== undefined) {
    describe(name, () => define(MONGODB_URI));
  } else if (process.env["CI"] === "true") {
    test(`${name}: needs MongoDB`, () => {
      throw new Error(`${MONGODB_ABSENT}; under CI that is a failure.`);
    });
  } else {
    test(`${name}: needs MongoDB`, ({ skip }) => skip(MONGODB_ABSENT));
  }
}

/** The URI with a database named in it. */
function uriOf(uri: string, database: string): string {
  const url = new URL(uri);
  url.pathname = `/${database}`;
  return url.href;
}

/** Does something with a database of its own, which is dropped in the end. */
export async function inDatabase(
  uri: string,
  work: (store: MongoStore, uri: string) => Promise<void>,
): Promise<void> {
  const database = `tessera-gateways-${process.pid}-${Math.floor(performance.now())}`;
  const store = await openMongoStore({ uri, database });
  try {
    await work(store, uriOf(uri, database));
  } finally {
    await store.close();
    const client = await new MongoClient(uri).connect();
    await client.db(database).dropDatabase();
    await client.close();
  }
}

/** The way to a deployment, which can be closed and opened again, as when the server stops and starts. */
export interface Way {
  readonly uri: string;
  readonly close: () => Promise<void>;
  readonly open: () => Promise<void>;
}

/** A way of one's own to the first server of `uri`; `options` are added to the URI it gives. */
export async function wayTo(uri: string, options: string): Promise<Way> {
  const { hostname, port, pathname } = new URL(uri);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port === "" ? "27017" : port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
    // Whichever end breaks, the other one goes with it: what the failure was, both sides find out for themselves.
    pipeline(near, far, near, () => undefined);
  });
  const listen = (at: number): Promise<void> =>
    new Promise((resolve) => server.listen(at, "127.0.0.1", resolve));
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  return {
    uri: `mongodb://127.0.0.1:${own}${pathname}?directConnection=true&${options}`,
    open: () => listen(own),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A gateway in a process of its own. */
export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  readonly graphql: (query: string, variables?: object) => Promise<Answer>;
  readonly setNow: (ms: number) => void;
  /** Ends it at once, in the middle of whatever it does. */
  readonly kill: () => void;
  /** Has it end by itself; one that does not is killed, and that is a failure. */
  readonly stop: () => Promise<void>;
}

const STARTED_WITHIN = 60_000;
const STOPPED_WITHIN = 20_000;
/** Longer than the transactions of a frozen or killed process are in the others' way. */
const ANSWERED_WITHIN = 90_000;

let program: Promise<string> | undefined;

/** A program and our packages in one file: Node does not run decorators as they are, and starts sooner with one file. */
export async function bundled(entry: string): Promise<string> {
  const outfile = join(CACHE, `${basename(entry, ".ts")}-${process.pid}.mjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@tessera/source"],
    plugins: [
      {
        name: "what comes from npm stays outside",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^[^./]/ }, ({ kind, path }) =>
            kind === "entry-point" || path.startsWith("@tessera/") ? undefined : { external: true },
          ),
      },
    ],
    logLevel: "error",
  });
  process.once("exit", () => rmSync(outfile, { force: true }));
  return outfile;
}

/** Starts one; resolves when it answers. */
export async function startGatewayProcess(uri: string, leaseMs: number): Promise<GatewayProcess> {
  const files = mkdtempSync(join(tmpdir(), "tessera-files-"));
  const child = fork(await (program ??= bundled(ENTRY)), [uri, files, String(leaseMs)], {
    execArgv: ["--conditions=@tessera/source"],
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("close", (_, signal) => resolve(signal)),
  );
  void ended.then(() => rmSync(files, { recursive: true, force: true }));
  const url = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => child.kill("SIGKILL"), STARTED_WITHIN);
    child.once("message", (message: { readonly url: string }) => {
      clearTimeout(late);
      resolve(message.url);
    });
    child.once("close", (code, signal) =>
      reject(new Error(`The gateway ended (${code ?? signal}) before it answered.`)),
    );
  });
  let wasKilled = false;
  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, {
      signal: AbortSignal.timeout(ANSWERED_WITHIN),
      ...init,
      headers: { authorization: `Bearer ${TOKEN}`, ...init.headers },
    });
  return {
    child,
    url,
    request,
    graphql: async (query, variables = {}) => {
      const response = await request("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as Answer;
    },
    setNow: (now) => void (child.connected && child.send({ now })),
    kill: () => {
      wasKilled = true;
      child.kill("SIGKILL");
    },
    stop: async () => {
      if (child.connected) child.send({ stop: true });
      const late = setTimeout(() => child.kill("SIGKILL"), STOPPED_WITHIN);
      const signal = await ended;
      clearTimeout(late);
      if (signal === "SIGKILL" && !wasKilled)
        throw new Error(`A gateway (process ${child.pid}) did not stop within ${STOPPED_WITHIN} ms.`);
    },
  };
}
