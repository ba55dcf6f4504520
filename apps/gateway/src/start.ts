import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  configWarnings,
  DEFAULT_CONFIG,
  type GatewayConfig,
  parseConfig,
  parseStoreAddress,
} from "./config.ts";
import { keepEdgeRunning } from "./edge/edge-process.ts";
import { createLogger } from "./observe/logger.ts";
import { type RunningGateway, secretOfEnvironment, startGateway } from "./server.ts";
import { describeStore } from "./store.ts";

/** What `npm start` runs: the gateway in this process, the edge in its own, until a signal comes. */
const EDGE_ENTRY = fileURLToPath(new URL("../../edge-runtime/dist/node.js", import.meta.url));
const EDGE_PORT = process.env["EDGE_PORT"]?.trim() || "8787";

/** Folder of the data that is not in the store: the token, what the edge keeps. Nothing is kept for a memory store. */
function dataFolder(): string | undefined {
  const store = parseStoreAddress(process.env["TESSERA_STORE"]?.trim() || "") ?? DEFAULT_CONFIG.store;
  if (store.kind === "memory") return undefined;
  return store.kind === "sqlite" ? dirname(store.path) : "./data";
}

/** The secret given, the one made before, or a new one kept beside the data for this user only. */
async function keptSecret(
  variable: string,
  { folder, name }: { readonly folder: string | undefined; readonly name: string },
): Promise<{ readonly token: string; readonly origin: string }> {
  const given = process.env[variable]?.trim();
  if (given) return { token: given, origin: `from ${variable}` };
  const made = randomBytes(24).toString("base64url");
  if (folder === undefined) return { token: made, origin: "made for this run" };
  const file = join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    fail(
      `The folder ${folder} for data cannot be made (${String(code)}). Set TESSERA_STORE to a place that can be written to.`,
    );
  }
  try {
    await writeFile(file, `${made}\n`, { mode: 0o600, flag: "wx" });
    return { token: made, origin: `made now, kept in ${file}` };
  } catch {
    await chmod(file, 0o600);
    return { token: (await readFile(file, "utf8")).trim(), origin: `kept in ${file}` };
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** The gateway's configuration with the edge of this machine, or the end of the process with all that is wrong. */
function configure(token: string): GatewayConfig {
  const edgeUrl = process.env["TESSERA_EDGE_URL"]?.trim() || `http://127.0.0.1:${EDGE_PORT}`;
  const config = parseConfig({ ...process.env, TESSERA_ADMIN_TOKEN: token, TESSERA_EDGE_URL: edgeUrl });
  if (config.ok) return config.value;
  return fail(
    ["The configuration is wrong:", ...config.error.map(({ message }) => `  ${message}`)].join("\n"),
  );
}

async function startOrFail(config: GatewayConfig, privacySalt: string): Promise<RunningGateway> {
  const secret = (name: string): string | undefined =>
    name === "privacy-salt" ? privacySalt : secretOfEnvironment(name);
  try {
    return await startGateway({ config, secret });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE") return fail(`Port ${config.port} is taken. Set PORT to a free one.`);
    return fail(`The gateway could not start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const folder = dataFolder();
const { token, origin } = await keptSecret("TESSERA_ADMIN_TOKEN", { folder, name: "admin-token" });
// What keeps erased persons out must stay the same for as long as the data lives.
const salt = await keptSecret("TESSERA_SECRET_PRIVACY_SALT", { folder, name: "privacy-salt" });
const config = configure(token);
for (const warning of configWarnings(config)) process.stderr.write(`Warning: ${warning}\n`);
const { traces: exporting } = config;
const log = createLogger(config.logLevel);
const traces =
  exporting === undefined
    ? undefined
    : await import("./observe/otlp-traces.ts").then(({ startTraces }) =>
        startTraces(exporting, (message) => log.error({ message }, "traces")),
      );
const gateway = await startOrFail(config, salt.token);
const edge = existsSync(EDGE_ENTRY)
  ? keepEdgeRunning({
      entry: EDGE_ENTRY,
      env: {
        ...process.env,
        EDGE_PORT,
        TESSERA_HUB_URL: gateway.url,
        TESSERA_ADMIN_TOKEN: token,
        TESSERA_EDGE_DATA: process.env["TESSERA_EDGE_DATA"]?.trim() || join(folder ?? "./data", "edge"),
      },
      say: (line) => process.stderr.write(`${line}\n`),
    })
  : undefined;

process.stdout.write(
  `${[
    "",
    `Tessera gateway  ${gateway.url}/graphql`,
    edge === undefined
      ? `Tessera edge     not started: ${EDGE_ENTRY} is missing (npm run build makes it)`
      : `Tessera edge     http://127.0.0.1:${EDGE_PORT}`,
    `Data             ${describeStore(config.store)}`,
    `Admin token      ${token}  (${origin})`,
    "",
    "Ctrl-C stops it.",
    "",
  ].join("\n")}\n`,
);

let stopping = false;
const stop = async (): Promise<void> => {
  if (stopping) return;
  stopping = true;
  process.stdout.write("Stopping: finishing what is under way.\n");
  await edge?.stop();
  await gateway.close();
  await traces?.close();
  process.exit(0);
};
process.on("SIGINT", () => void stop());
process.on("SIGTERM", () => void stop());
