import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type MongoStore, openMongoStore } from "@tessera/store-mongodb";
import { build } from "esbuild";
import { MongoClient } from "mongodb";
import { describe, test } from "vitest";
import type { Answer } from "./harness.ts";
import { TOKEN } from "./harness.ts";

const ENTRY = fileURLToPath(new URL("./gateway-process.ts", import.meta.url));
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache", import.meta.url));
const MONGODB_URI: string | undefined = process.env["MONGODB_URI"];

/** Tests that need MongoDB: skipped, with the reason, where there is none; a failure under CI. */
export function withMongo(name: string, define: (uri: string) => void): void {
  if (MONGODB_URI !== undefined) {
    describe(name, () => define(MONGODB_URI));
  } else if (process.env["CI"] === "true") {
    test(`${name}: needs MongoDB`, () => {
      throw new Error("CI is set and MONGODB_URI is not: start a MongoDB replica set and export its URI.");
    });
  } else {
    test.skip(
      `${name}: skipped, MONGODB_URI is not set (a replica set, e.g. mongodb://127.0.0.1/?replicaSet=rs0)`,
    );
  }
}

/** The URI with a database named in it. */
export function uriOf(uri: string, database: string): string {
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

/** A gateway in a process of its own. */
export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  readonly graphql: (query: string, variables?: object) => Promise<Answer>;
  readonly setNow: (ms: number) => void;
  readonly stop: () => Promise<void>;
}

let program: Promise<string> | undefined;

/** The gateway in one file: Node runs the sources of packages as they are, and not the decorators of the gateway's. */
async function bundled(): Promise<string> {
  const outfile = join(CACHE, `gateway-process-${process.pid}.mjs`);
  await build({
    entryPoints: [ENTRY],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "error",
  });
  process.once("exit", () => rmSync(outfile, { force: true }));
  return outfile;
}

/** Starts one; resolves when it answers. */
export async function startGatewayProcess(uri: string, leaseMs: number): Promise<GatewayProcess> {
  const files = mkdtempSync(join(tmpdir(), "tessera-files-"));
  const child = fork(await (program ??= bundled()), [uri, files, String(leaseMs)], {
    execArgv: ["--conditions=@tessera/source"],
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once("message", (message: { readonly url: string }) => resolve(message.url));
    child.once("close", (code) => reject(new Error(`The gateway ended with ${code} before it answered.`)));
  });
  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...init.headers } });
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
    stop: async () => {
      if (child.connected) child.send({ stop: true });
      await ended;
    },
  };
}
