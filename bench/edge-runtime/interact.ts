import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isObject } from "@tessera/xdm";
import { attributesOf, edgeSnapshot, questions, viewsOf } from "./definitions.ts";
import { load, type LoadResult } from "./load.ts";
import { edgeOnNode, edgeOnWorkerd, helloOnNode, helloOnWorkerd, onCore, type Server } from "./servers.ts";

/**
 * `interact` with so many edge audiences on one core, in Node and in workerd, beside a bare handler of the same runtime
 * that gets the same requests.
 *
 *   node --conditions=@tessera/source bench/edge-runtime/interact.ts [--audiences 150] [--rounds 5] [--only node] [--json]
 */
const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const AUDIENCES = argument("audiences", 150);
const ROUNDS = argument("rounds", 5);
const MS = argument("ms", 3000);
const VISITORS = argument("visitors", 20_000);
/** On workerd each visitor is an object with a database file of its own. */
const VISITORS_ON_WORKERD = Math.min(VISITORS, 500);
const CONNECTIONS = 32;
/** Requests a second at which latency is looked at beside the one at full load. */
const STEADY = 1000;
const TOKEN = "bench-token-of-enough-length";
const ONLY = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;

/** The hub: definitions, a person behind every visitor, and a drain for events. */
async function startHub(): Promise<{
  readonly server: HttpServer;
  readonly url: string;
  readonly taken: () => number;
}> {
  const snapshot = JSON.stringify(edgeSnapshot(AUDIENCES));
  const { version } = edgeSnapshot(AUDIENCES);
  let taken = 0;
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    if (request.url?.startsWith("/edge/snapshot") === true) {
      if (request.headers["if-none-match"] === `"${String(version)}"`) {
        setTimeout(() => response.writeHead(304).end(), 10_000).unref();
        return;
      }
      response.end(snapshot);
    } else if (request.url === "/edge/lookup") {
      const { identity } = JSON.parse(body) as { identity: { id: string } };
      const at = new Date().toISOString();
      const attributes = attributesOf(Number(identity.id.slice(-9)));
      const person = { personId: identity.id, version: 1, identities: [identity], segmentMembership: {} };
      response.end(JSON.stringify({ found: true, ...person, attributes, freshAt: at }));
    } else {
      taken += body.split("\n").length;
      response.end("{}");
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => taken,
  };
}

/** What the Web SDK sends for a page view, for one visitor, as bytes. */
function requestOf(visitor: number, round: number): Buffer {
  const ecid = String(visitor).padStart(9, "0").padStart(38, "1");
  const cookie = Buffer.from(`\n&${ecid}`, "latin1").toString("base64url");
  const [type, name] = viewsOf(visitor + round, 1)[0] ?? ["", ""];
  const now = new Date().toISOString();
  const body = JSON.stringify({
    events: [
      {
        xdm: {
          web: {
            webPageDetails: { URL: `https://www.shop.test/${name}`, name },
            webReferrer: { URL: "https://www.shop.test/" },
          },
          device: { screenHeight: 720, screenWidth: 1280, screenOrientation: "landscape" },
          environment: {
            type: "browser",
            browserDetails: { viewportWidth: 1280, viewportHeight: 720 },
          },
          placeContext: { localTimezoneOffset: 0, localTime: now, ianaTimezone: "UTC" },
          timestamp: now,
          implementationDetails: {
            name: "https://ns.adobe.com/experience/alloy",
            version: "2.32.0",
            environment: "browser",
          },
          eventType: type,
        },
      },
    ],
    query: { identity: { fetch: ["ECID"] } },
    meta: { queueTimeMillis: 1, state: { domain: "shop.test", cookiesEnabled: true } },
  });
  const head = [
    "POST /ee/va6/v1/interact?configId=main HTTP/1.1",
    "host: edge.shop.test",
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "accept: */*",
    "origin: https://www.shop.test",
    "referer: https://www.shop.test/page",
    "accept-language: en-US,en;q=0.9",
    "content-type: text/plain; charset=UTF-8",
    `cookie: kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg_identity=${cookie}; kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg_cluster=va6`,
    `content-length: ${Buffer.byteLength(body)}`,
  ].join("\r\n");
  return Buffer.from(`${head}\r\n\r\n${body}`);
}

interface Measured {
  readonly name: string;
  readonly perSecond: number;
  /** Processor time of the server for one request, in microseconds. */
  readonly cpuMicros: number;
  readonly full: LoadResult;
  /** At a steady rate well below what it can do. */
  readonly steady: LoadResult;
}

const prepared = Array.from({ length: VISITORS }, (_, visitor) => {
  const bytes = requestOf(visitor, 0);
  return { bytes, timestampAt: bytes.indexOf('"timestamp":"') + 13 };
});
/** Gives, one after the other, the requests of so many visitors, each event happening now. */
function requestsOf(visitors: number): () => Buffer {
  let turn = 0;
  return () => {
    const next = prepared[turn++ % visitors];
    if (next === undefined) throw new Error("There are no visitors.");
    next.bytes.write(new Date().toISOString(), next.timestampAt, "latin1");
    return next.bytes;
  };
}

async function checkAnswer(server: Server): Promise<void> {
  const visitor = Math.min(4321, VISITORS - 1);
  const text = prepared[visitor]?.bytes.toString("utf8") ?? "";
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const cookie = /cookie: (.*)/.exec(head)?.[1] ?? "";
  const response = await fetch(`http://127.0.0.1:${server.port}/ee/va6/v1/interact?configId=main`, {
    method: "POST",
    headers: { cookie, "content-type": "text/plain" },
    body,
  });
  const answer: unknown = await response.json();
  const handles = isObject(answer) ? (answer["handle"] as { type: string; payload: unknown[] }[]) : [];
  const [pull] = handles.find(({ type }) => type === "activation:pull")?.payload ?? [];
  const found = (pull as { segments: { id: string }[] } | undefined)?.segments.map(({ id }) => id) ?? [];
  const expected = expectedAudiences(visitor);
  if (found.join() !== expected.join())
    throw new Error(`${server.name}: ${found.join()} is not ${expected.join()}`);
}

function expectedAudiences(visitor: number): readonly string[] {
  const { loyalty, homeAddress } = attributesOf(visitor);
  const seen = new Set(viewsOf(visitor, 1).map(([type, page]) => `${type}/${page}`));
  return questions(AUDIENCES)
    .filter(({ condition }) => {
      const { tier, country, points, events } = condition as {
        tier?: string;
        country?: string;
        points?: { $gt: number };
        events?: { $in: string[] };
      };
      if (tier !== undefined && tier !== loyalty.tier) return false;
      if (country !== undefined && country !== homeAddress.country) return false;
      if (points !== undefined && loyalty.points <= points.$gt) return false;
      return events === undefined || events.$in.some((event) => seen.has(event));
    })
    .map(({ audience }) => audience.id);
}

async function measure(server: Server, visitors: number): Promise<Measured> {
  const request = requestsOf(visitors);
  await load({ port: server.port, request, connections: CONNECTIONS, requests: Math.max(visitors, 3000) });
  const rounds: { readonly full: LoadResult; readonly cpuMicros: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = server.cpuMs();
    const full = await load({ port: server.port, request, connections: CONNECTIONS, forMs: MS });
    rounds.push({ full, cpuMicros: ((server.cpuMs() - before) * 1000) / full.answered });
    if (full.failed > 0) throw new Error(`${server.name}: ${full.failed} requests failed`);
  }
  rounds.sort((a, b) => a.full.perSecond - b.full.perSecond);
  const middle = rounds[Math.floor(rounds.length / 2)];
  if (middle === undefined) throw new Error("No rounds.");
  const steady = await load({
    port: server.port,
    request,
    connections: CONNECTIONS,
    forMs: MS * 2,
    perSecond: STEADY,
  });
  const { full, cpuMicros } = middle;
  return { name: server.name, perSecond: full.perSecond, cpuMicros, full, steady };
}

async function main(): Promise<void> {
  if (process.env["BENCH_PINNED"] === undefined) return again();
  const folder = await mkdtemp(join(tmpdir(), "edge-bench-"));
  const hub = await startHub();
  const surroundings = { hubUrl: hub.url, token: TOKEN, folder };
  const starts: readonly (readonly [kind: string, start: () => Promise<Server>])[] = [
    ["node", () => helloOnNode(4801, "hello")],
    ["node", () => helloOnNode(4802, "echo")],
    ["node", () => edgeOnNode(4803, surroundings)],
    ["workerd", () => helloOnWorkerd(4804, folder)],
    ["workerd", () => edgeOnWorkerd(4805, surroundings)],
  ];
  const measured: Measured[] = [];
  try {
    for (const [kind, start] of starts) {
      if (ONLY !== undefined && ONLY !== kind) continue;
      const server = await start();
      try {
        await new Promise((done) => setTimeout(done, 500));
        if (server.name.startsWith("edge")) await checkAnswer(server);
        measured.push(await measure(server, kind === "workerd" ? VISITORS_ON_WORKERD : VISITORS));
        const last = measured.at(-1);
        process.stderr.write(
          `${server.name}: ${Math.round(last?.perSecond ?? 0)}/s, ${Math.round(last?.cpuMicros ?? 0)} CPU µs a request\n`,
        );
      } finally {
        await server.stop();
      }
    }
  } finally {
    hub.server.close();
    hub.server.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  }
  report(measured);
}

function report(measured: readonly Measured[]): void {
  const rows = measured.map(({ name, perSecond, cpuMicros, full, steady }) => {
    const bare = measured.find((other) => other.name === `hello ${name.slice(name.indexOf("on "))}`);
    return {
      what: name,
      "requests/s": Math.round(perSecond),
      "of hello": bare === undefined ? "" : `${Math.round((perSecond / bare.perSecond) * 100)} %`,
      "CPU µs/request": Math.round(cpuMicros * 10) / 10,
      "p50 ms": Number(full.p50.toFixed(2)),
      "p95 ms": Number(full.p95.toFixed(2)),
      "p99 ms": Number(full.p99.toFixed(2)),
      [`p50 at ${STEADY}/s`]: Number(steady.p50.toFixed(2)),
      [`p95 at ${STEADY}/s`]: Number(steady.p95.toFixed(2)),
      [`p99 at ${STEADY}/s`]: Number(steady.p99.toFixed(2)),
    };
  });
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(rows, null, 1)}\n`);
  else console.table(rows);
}

/** Starts over on the core that the servers are not on. */
function again(): Promise<void> {
  const [program = "", ...args] = [
    ...onCore("1"),
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ];
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, BENCH_PINNED: "1" } });
  return new Promise((done) => {
    child.on("exit", (code) => {
      process.exitCode = code ?? 1;
      done();
    });
  });
}

await main();
