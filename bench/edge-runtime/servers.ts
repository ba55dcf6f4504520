import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WORKERD = join(ROOT, "node_modules/workerd/bin/workerd");
/** The core that servers run on; the load comes from the other one. */
const SERVER_CORE = "0";

/** Set to a folder, they get a CPU profile and a sample of allocations of the edge on Node. */
const PROFILE = [
  ...profile("BENCH_PROFILE", "--cpu-prof", "--cpu-prof-interval=200"),
  ...profile("BENCH_HEAP_PROFILE", "--heap-prof"),
];

function profile(variable: string, flag: string, ...more: readonly string[]): readonly string[] {
  const folder = process.env[variable];
  return folder === undefined ? [] : [flag, `${flag}-dir=${folder}`, ...more];
}

/** A server under load. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** Processor time used so far, in milliseconds. */
  readonly cpuMs: () => number;
  readonly stop: () => Promise<void>;
}

/** What a command is prefixed with to run on one core alone. */
export const onCore = (core: string): readonly string[] => ["taskset", "-c", core];

/** Where the hub of the measured edges is, and a folder for their data. */
export interface Surroundings {
  readonly hubUrl: string;
  readonly token: string;
  readonly folder: string;
}

async function startNode(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Server> {
  return pinned(name, Number(env["EDGE_PORT"]), [process.execPath, ...args], { env });
}

/** The hub, on the core of the load. */
export function startHub(port: number, audiences: number): Promise<Server> {
  const file = fileURLToPath(new URL("hub.ts", import.meta.url));
  const args = ["--conditions=@tessera/source", file, String(port), String(audiences)];
  return pinned("hub", port, [process.execPath, ...args], { core: "1" });
}

export function edgeOnNode(port: number, { hubUrl, token, folder }: Surroundings): Promise<Server> {
  return startNode(
    "edge on Node",
    [...PROFILE, "--conditions=@tessera/source", join(ROOT, "apps/edge-runtime/src/node.ts")],
    {
      EDGE_PORT: String(port),
      TESSERA_HUB_URL: hubUrl,
      TESSERA_EDGE_TOKEN: token,
      TESSERA_EDGE_DATA: join(folder, "node"),
      TESSERA_EDGE_LOOKUP_MS: "2000",
    },
  );
}

export function helloOnNode(port: number, kind: "hello" | "echo"): Promise<Server> {
  const file = fileURLToPath(new URL("hello.ts", import.meta.url));
  const name = kind === "hello" ? "hello on Node" : "parse and echo on Node";
  return startNode(name, [file, kind], { EDGE_PORT: String(port) });
}

const HELLO = `export default { fetch: () => new Response("hello") };`;

export async function helloOnWorkerd(port: number, folder: string): Promise<Server> {
  await writeFile(join(folder, "hello.js"), HELLO);
  await writeFile(join(folder, "hello.capnp"), capnp(port, folder, "hello.js", ""));
  return pinned("hello on workerd", port, [WORKERD, "serve", join(folder, "hello.capnp")]);
}

export async function edgeOnWorkerd(port: number, { hubUrl, token, folder }: Surroundings): Promise<Server> {
  await mkdir(join(folder, "objects"));
  await build({
    entryPoints: [join(ROOT, "apps/edge-runtime/src/worker.ts")],
    outfile: join(folder, "edge.js"),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["@tessera/source", "workerd", "worker", "import"],
    logLevel: "error",
  });
  // On disk, as it is deployed; with storage in memory this workerd ends at the first alarm (cloudflare/workerd#7191).
  const objects = `
  durableObjectNamespaces = [
    (className = "EdgeProfileObject", uniqueKey = "profiles"),
    (className = "EdgeForwardQueue", uniqueKey = "queue"),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "EDGE_PROFILES", durableObjectNamespace = "EdgeProfileObject"),
    (name = "FORWARD_QUEUE", durableObjectNamespace = "EdgeForwardQueue"),
    (name = "TESSERA_HUB_URL", text = "${hubUrl}"),
    (name = "TESSERA_EDGE_TOKEN", text = "${token}"),
    (name = "TESSERA_EDGE_LOOKUP_MS", text = "2000"),
    (name = "FORWARD_SHARDS", text = "1"),
  ],`;
  await writeFile(join(folder, "edge.capnp"), capnp(port, join(folder, "objects"), "edge.js", objects));
  return pinned("edge on workerd", port, [WORKERD, "serve", join(folder, "edge.capnp")]);
}

function capnp(port: number, folder: string, file: string, more: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"])),
    (name = "objects", disk = (path = "${folder}", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "${file}")],
  compatibilityDate = "2025-09-01",${more}
);
`;
}

async function pinned(
  name: string,
  port: number,
  command: readonly string[],
  {
    core = SERVER_CORE,
    env = {},
  }: { readonly core?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Server> {
  const [program = "", ...args] = [...onCore(core), ...command];
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await listening(child, port);
  const pid = child.pid ?? 0;
  return {
    name,
    port,
    cpuMs: () => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    stop: () =>
      new Promise((done) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          done();
          return;
        }
        child.once("exit", () => done());
        child.kill("SIGTERM");
      }),
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    const isOpen = await new Promise<boolean>((done) => {
      const socket = connect(port, "127.0.0.1", () => done(true));
      socket.on("error", () => done(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`Nothing listens on port ${port}.`);
}
