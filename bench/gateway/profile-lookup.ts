import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import { createHub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { identityKey } from "@tessera/xdm";
import { execute, type GraphQLSchema, parse } from "graphql";

/**
 * Profile lookups through HTTP, with so many persons stored and 50 connections, beside the same lookup without GraphQL
 * and the bare store call. The gateway runs in a process of its own, from its build.
 *
 *   npm run build && node --conditions=@tessera/source bench/gateway/profile-lookup.ts --persons 1000000 [--json]
 *
 * With `--store <file>` the persons are kept for the next run; with `--fill` nothing is measured.
 */
const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const PERSONS = argument("persons", 100_000);
const CONNECTIONS = argument("connections", 50);
const LOOKUPS = argument("lookups", 5_000);
const ROUNDS = 5;
/** The first tens of thousands of requests run in code that is still being optimised. */
const WARM = 6;
const TOKEN = "bench-token-of-enough-length";
const PORT = argument("port", 4_390);

/** What resolvers are given; the bench makes just what a lookup touches. */
type GatewayContext = Record<string, unknown>;

interface Measured {
  readonly what: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

let seed = 20_260_101;
const random = (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};
const customer = (n: number): string => `C${String(n).padStart(9, "0")}`;
const anyone = (): { readonly namespace: string; readonly id: string } => ({
  namespace: "CRMID",
  id: customer(Math.floor(random() * PERSONS)),
});

async function fill(store: HubStore): Promise<void> {
  const hub = await createHub({
    store,
    clock: () => Date.parse("2026-03-01T00:00:00Z"),
    newId: () => "unused",
  });
  for (let from = 0; from < PERSONS; from += 2_000) {
    const records = Array.from({ length: Math.min(2_000, PERSONS - from) }, (_, n) => ({
      identityMap: {
        CRMID: [{ id: customer(from + n), primary: true }],
        Email: [{ id: `p${from + n}@example.com` }],
      },
      person: { name: { firstName: `First${n % 97}`, lastName: `Last${n % 991}` } },
      homeAddress: { city: `City${n % 53}`, country: "DE" },
      loyalty: { tier: n % 10 === 0 ? "gold" : "basic", points: n },
    }));
    await hub.ingestRecords("crm", records);
  }
}

/** Runs `one` `LOOKUPS` times, `width` at a time; times are milliseconds. */
async function round(
  one: () => Promise<void>,
  width: number,
): Promise<{ readonly perSecond: number; readonly times: number[] }> {
  const times: number[] = [];
  let left = LOOKUPS;
  const begin = performance.now();
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const start = performance.now();
      await one();
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return { perSecond: LOOKUPS / ((performance.now() - begin) / 1_000), times };
}

async function measure(what: string, one: () => Promise<void>, width = CONNECTIONS): Promise<Measured> {
  for (let n = 0; n < WARM; n += 1) await round(one, width);
  const rounds = [];
  for (let n = 0; n < ROUNDS; n += 1) rounds.push(await round(one, width));
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const at = (times: readonly number[], share: number): number =>
    times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;
  return {
    what,
    perSecond: Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    p50: median(rounds.map(({ times }) => at(times, 0.5))),
    p99: median(rounds.map(({ times }) => at(times, 0.99))),
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
function post(path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const sent = request(
      { host: "127.0.0.1", port: PORT, path, method: "POST", agent, headers },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("end", () => resolve(Buffer.concat(pieces).toString()));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

async function startServer(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...process.execArgv, "apps/gateway/dist/start.js"], {
    stdio: "ignore",
    env: {
      ...process.env,
      NODE_OPTIONS: "",
      PORT: String(PORT),
      EDGE_PORT: String(PORT + 1),
      TESSERA_STORE: `sqlite:${path}`,
      TESSERA_ADMIN_TOKEN: TOKEN,
      TESSERA_REQUESTS_PER_MINUTE: "10000000",
      TESSERA_LOG_LEVEL: "warn",
    },
  });
  for (;;) {
    const up = await fetch(`http://127.0.0.1:${PORT}/readyz`)
      .then(({ ok }) => ok)
      .catch(() => false);
    if (up) return child;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const QUERY =
  "query($i:IdentityInput!){profile(identity:$i){personId attributes identities{namespace id} eventCount}}";
const folder = mkdtempSync(join(tmpdir(), "tessera-bench-"));
const kept = process.argv.indexOf("--store");
const path = kept < 0 ? join(folder, "bench.db") : (process.argv[kept + 1] ?? "bench.db");
const isFilled = existsSync(path);
const results: Measured[] = [];
const filling = performance.now();
const store = openSqliteStore({ path });
if (!isFilled) await fill(store);
const filled = (performance.now() - filling) / 1_000;
if (process.argv.includes("--fill")) {
  await store.close();
  process.exit(0);
}
const hub = await createHub({ store, clock: Date.now, newId: () => "unused" });
results.push(
  await measure(
    "store.load, in process",
    async () => void (await store.load([identityKey(anyone())], [])),
    1,
  ),
);
results.push(await measure("hub.profile, in process", async () => void (await hub.profile(anyone())), 1));
/** The gateway's own schema and Apollo server, from its build, over the same hub and without HTTP. */
const built = (file: string): Promise<Record<string, (...given: unknown[]) => unknown>> =>
  import(new URL(`../../apps/gateway/dist/${file}`, import.meta.url).href) as never;
const schema = (await built("graphql/schema.js"))["gatewaySchema"]?.() as GraphQLSchema;
const { ADMINISTRATOR } = (await built("access/principal.js")) as Record<string, unknown>;
const createLoaders = (await built("graphql/loaders.js"))["createLoaders"];
const labels = { visibleTo: (_: unknown, data: unknown) => data, hiddenFrom: () => [] };
const contextOf = (): GatewayContext =>
  ({
    principal: ADMINISTRATOR,
    sandbox: { name: "prod", hub, store, labels },
    gateway: { audit: () => undefined },
    loaders: createLoaders?.({ hub, store }),
  }) as never;
const document = parse(QUERY);
const execution = async (identity: object): Promise<unknown> =>
  (await execute({ schema, document, contextValue: contextOf(), variableValues: { i: identity } })).data;
const log = { warn: () => undefined, error: () => undefined };
const apollo = (await built("graphql/apollo.js"))["createApollo"]?.({
  introspection: true,
  log,
}) as ApolloServer<GatewayContext>;
await apollo.start();
const throughApollo = async (identity: object): Promise<string> => {
  const { body } = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: "POST",
      headers: new HeaderMap([["content-type", "application/json"]]),
      search: "",
      body: { query: QUERY, variables: { i: identity } },
    },
    context: async () => contextOf(),
  });
  return body.kind === "complete" ? body.string : "";
};
const probe = anyone();
const executed = (await execution(probe)) as { profile: { attributes: object } };
const answered = JSON.parse(await throughApollo(probe)) as { data: typeof executed };
results.push(
  await measure("TypeGraphQL and graphql-js, in process", async () => void (await execution(anyone())), 1),
  await measure("Apollo over it, in process", async () => void (await throughApollo(anyone())), 1),
);
await apollo.stop();
const expected = (await hub.profile(probe))?.attributes;
await store.close();
const server = await startServer(path);
try {
  const graphql = (): Promise<string> =>
    post("/graphql", JSON.stringify({ query: QUERY, variables: { i: anyone() } }));
  const told = JSON.parse(
    await post("/graphql", JSON.stringify({ query: QUERY, variables: { i: probe } })),
  ) as {
    data: { profile: { attributes: object } };
  };
  const lookedUp = JSON.parse(await post("/edge/lookup", JSON.stringify({ identity: probe }))) as {
    attributes: object;
  };
  const texts = [
    expected,
    executed.profile.attributes,
    answered.data.profile.attributes,
    told.data.profile.attributes,
    lookedUp.attributes,
  ].map((value) => JSON.stringify(value));
  if (new Set(texts).size !== 1) throw new Error("The ways of looking up disagree.");
  results.push(
    await measure(
      "HTTP without GraphQL (/edge/lookup)",
      async () => void (await post("/edge/lookup", JSON.stringify({ identity: anyone() }))),
    ),
  );
  results.push(await measure("HTTP GraphQL (/graphql)", async () => void (await graphql())));
} finally {
  server.kill("SIGTERM");
  await new Promise((resolve) => server.on("exit", resolve));
  agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}
if (process.argv.includes("--json"))
  console.log(JSON.stringify({ persons: PERSONS, connections: CONNECTIONS, filled, results }));
else {
  console.log(
    `${PERSONS.toLocaleString("en")} persons (stored in ${filled.toFixed(0)} s), ${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${LOOKUPS.toLocaleString("en")}`,
  );
  console.table(
    results.map(({ what, perSecond, p50, p99 }) => ({
      what,
      "a second": perSecond,
      "p50 ms": p50.toFixed(2),
      "p99 ms": p99.toFixed(2),
    })),
  );
}
