import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isObject } from "@tessera/xdm";
import { load, type LoadResult } from "./load.ts";
import {
  edgeOnNode,
  edgeOnWorkerd,
  helloOnNode,
  helloOnWorkerd,
  onCore,
  type Server,
  startHub,
} from "./servers.ts";
import { expectedAudiences, prepareVisits } from "./visits.ts";

/**
 * `interact` with so many edge audiences on one core, in Node and in workerd, beside a bare handler of the same runtime
 * that gets the same requests. Rounds of all servers are interleaved; load and hub are on the other core.
 *
 *   node --conditions=@tessera/source bench/edge-runtime/interact.ts
 *     [--audiences 150] [--rounds 5] [--ms 3000] [--visitors 20000] [--only node|workerd] [--json]
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
/**
 * workerd that has no moment left starves some of many connections until it closes them: there, only as many as keep
 * it busy.
 */
const CONNECTIONS = { node: 32, workerd: 8 } as const;
/** Requests a second at which latency is looked at beside the one at full load. */
const STEADY = { node: 1000, workerd: 100 } as const;
const TOKEN = "bench-token-of-enough-length";
const ONLY = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;

type Runtime = keyof typeof STEADY;

/** A server under load, and what its rounds came to. */
interface Measured {
  readonly runtime: Runtime;
  readonly server: Server;
  readonly request: () => Buffer;
  readonly rounds: {
    readonly full: LoadResult;
    /** Processor time of the server for one request, in microseconds. */
    readonly cpuMicros: number;
    /** At a steady rate well below what it can do. */
    readonly steady: LoadResult;
  }[];
}

const visits = prepareVisits(VISITORS);

async function checkAnswer(server: Server): Promise<void> {
  const visitor = Math.min(4321, VISITORS - 1);
  const { cookie, body } = visits.of(visitor);
  const response = await fetch(`http://127.0.0.1:${server.port}/ee/va6/v1/interact?configId=main`, {
    method: "POST",
    headers: { cookie, "content-type": "text/plain" },
    body,
  });
  const answer: unknown = await response.json();
  const handles = isObject(answer) ? (answer["handle"] as { type: string; payload: unknown[] }[]) : [];
  const [pull] = handles.find(({ type }) => type === "activation:pull")?.payload ?? [];
  const found = (pull as { segments: { id: string }[] } | undefined)?.segments.map(({ id }) => id) ?? [];
  const expected = expectedAudiences(AUDIENCES, visitor);
  if (found.join() !== expected.join())
    throw new Error(`${server.name}: ${found.join()} is not ${expected.join()}`);
}

async function warmUp({ server, request, runtime }: Measured): Promise<void> {
  const visitors = runtime === "workerd" ? VISITORS_ON_WORKERD : VISITORS;
  if (server.name.startsWith("edge")) await checkAnswer(server);
  // The compiler of the runtime goes on for tens of thousands of requests.
  const requests = Math.max(visitors * 2, runtime === "workerd" ? 1500 : 40_000);
  await load({ port: server.port, request, connections: CONNECTIONS[runtime], requests });
}

async function round({ server, request, runtime, rounds }: Measured): Promise<void> {
  const { port, name } = server;
  const connections = CONNECTIONS[runtime];
  const before = server.cpuMs();
  const full = await load({ port, request, connections, forMs: MS });
  const cpuMicros = ((server.cpuMs() - before) * 1000) / full.answered;
  if (full.failed > 0) throw new Error(`${name}: ${full.failed} requests failed`);
  const perSecond = STEADY[runtime];
  const steady = await load({ port, request, connections, forMs: MS, perSecond });
  rounds.push({ full, cpuMicros, steady });
  process.stderr.write(
    `${name}: ${Math.round(full.perSecond)}/s, ${Math.round(cpuMicros)} CPU µs a request; at ${perSecond}/s p99 ${steady.p99.toFixed(1)} ms\n`,
  );
}

async function main(): Promise<void> {
  if (process.env["BENCH_PINNED"] === undefined) return again();
  const folder = await mkdtemp(join(tmpdir(), "edge-bench-"));
  const hub = await startHub(4800, AUDIENCES);
  const surroundings = { hubUrl: `http://127.0.0.1:${hub.port}`, token: TOKEN, folder };
  const starts: readonly (readonly [runtime: Runtime, start: () => Promise<Server>])[] = [
    ["node", () => helloOnNode(4801, "hello")],
    ["node", () => helloOnNode(4802, "echo")],
    ["node", () => edgeOnNode(4803, surroundings)],
    ["workerd", () => helloOnWorkerd(4804, folder)],
    ["workerd", () => edgeOnWorkerd(4805, surroundings)],
  ];
  const measured: Measured[] = [];
  try {
    for (const [runtime, start] of starts) {
      if (ONLY !== undefined && ONLY !== runtime) continue;
      const request = visits.requests(runtime === "workerd" ? VISITORS_ON_WORKERD : VISITORS);
      measured.push({ runtime, server: await start(), request, rounds: [] });
    }
    await new Promise((done) => setTimeout(done, 500));
    for (const one of measured) await warmUp(one);
    for (let count = 0; count < ROUNDS; count++) for (const one of measured) await round(one);
  } finally {
    for (const { server } of measured) await server.stop();
    await hub.stop();
    await rm(folder, { recursive: true, force: true });
  }
  report(measured);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function report(measured: readonly Measured[]): void {
  const middle = ({ rounds }: Measured, of: (one: Measured["rounds"][number]) => number): number =>
    median(rounds.map(of));
  const rows = measured.map((one) => {
    const bare = measured.find(
      ({ runtime, server }) => runtime === one.runtime && server.name.startsWith("hello"),
    );
    // Round by round, so that what else the machine does weighs on both sides.
    const share = median(
      one.rounds.map(
        ({ full }, index) => full.perSecond / (bare?.rounds[index]?.full.perSecond ?? Number.NaN),
      ),
    );
    const of = (pick: (round: Measured["rounds"][number]) => number): number =>
      Number(middle(one, pick).toFixed(2));
    return {
      what: one.server.name,
      "requests/s": Math.round(middle(one, ({ full }) => full.perSecond)),
      "of hello": `${Math.round(share * 100)} %`,
      "CPU µs": of(({ cpuMicros }) => cpuMicros),
      "CPU µs of the load": of(({ full }) => full.ownMicros),
      "p50 ms": of(({ full }) => full.p50),
      "p99 ms": of(({ full }) => full.p99),
      "steady/s": STEADY[one.runtime],
      "steady p50": of(({ steady }) => steady.p50),
      "steady p95": of(({ steady }) => steady.p95),
      "steady p99": of(({ steady }) => steady.p99),
      "load late p99": of(({ steady }) => steady.ownLateness.p99),
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
