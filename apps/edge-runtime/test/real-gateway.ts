import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { TOKEN } from "./definitions.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The gateway of this repository in a process of its own. */
export interface RealGateway {
  readonly url: string;
  readonly graphql: <T>(query: string, variables?: object) => Promise<T>;
  readonly ingest: (kind: "events" | "records", datasetId: string, items: readonly object[]) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts the gateway from its sources (bundled first: Node itself does not read decorators) with a memory store and
 * an edge to project to.
 */
export async function startRealGateway(port: number, edgeUrl: string): Promise<RealGateway> {
  const folder = join(ROOT, "node_modules/.cache/tessera-edge-test", String(process.pid));
  await mkdir(folder, { recursive: true });
  const file = join(folder, "gateway.mjs");
  const source = (path: string): string => JSON.stringify(join(ROOT, "apps/gateway/src", path));
  const bundle = await build({
    stdin: {
      contents: `import { parseConfig } from ${source("config.ts")};
import { startGateway } from ${source("server.ts")};
const config = parseConfig(process.env);
if (!config.ok) throw new Error(config.error.map(({ message }) => message).join(" "));
const gateway = await startGateway({ config: config.value });
process.stdout.write("ready\\n");
process.on("SIGTERM", () => void gateway.close().then(() => process.exit(0)));`,
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    conditions: ["@tessera/source"],
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    plugins: [
      {
        // Only this repository's own code is bundled.
        name: "own-code",
        setup: (esbuild) =>
          esbuild.onResolve({ filter: /^[^./]/ }, ({ path }) =>
            path.startsWith("@tessera/") || path.startsWith("<") ? undefined : { external: true },
          ),
      },
    ],
    logLevel: "silent",
  });
  await writeFile(file, bundle.outputFiles[0]?.text ?? "");
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [file], {
    env: {
      ...process.env,
      PORT: String(port),
      TESSERA_STORE: "memory:",
      TESSERA_ADMIN_TOKEN: TOKEN,
      TESSERA_EDGE_URL: edgeUrl,
      TESSERA_LOG_LEVEL: "error",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await started(child, "ready");
  const send = async (path: string, body: unknown): Promise<string> => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  };
  return {
    url,
    graphql: async <T>(query: string, variables: object = {}) => {
      const text = await send("/graphql", { query, variables });
      const answer = JSON.parse(text) as { readonly data?: T; readonly errors?: unknown };
      if (answer.errors !== undefined || answer.data === undefined) throw new Error(text);
      return answer.data;
    },
    ingest: async (kind, datasetId, items) => {
      await send(`/collect/${kind}?datasetId=${datasetId}`, items);
    },
    stop: async () => {
      await ended(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The edge as `npm start` runs it: a process of its own, set by its environment. */
export async function startEdgeProcess(
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly stop: () => Promise<void>; readonly kill: () => Promise<void> }> {
  const entry = join(ROOT, "apps/edge-runtime/src/node.ts");
  const child = spawn(process.execPath, ["--conditions=@tessera/source", entry], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await started(child, "listening");
  return { stop: () => ended(child), kill: () => ended(child, "SIGKILL") };
}

function started(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (piece: Buffer) => {
      text += piece.toString();
      if (text.includes(word)) resolve();
    });
    child.on("exit", (code) => reject(new Error(`ended with ${code} before it was ready: ${text}`)));
  });
}

function ended(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill(signal);
  });
}

/** A port that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
