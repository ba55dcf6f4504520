//   npx node --conditions=@tessera/source --expose-gc bench/segment-engine/cold-start.ts [--json]
// 500 audiences in workerd: from the first request to its answer, compiling included, each time in a process of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { compileAudiences } from "@tessera/segment-engine";
import { build } from "esbuild";
import { bars } from "./chart.ts";
import { definitions } from "./forms.ts";
import { circumstances, keep, median, mustAgree, report } from "./measure.ts";
import { audiences, NOW, profiles } from "./workload.ts";

const COUNTS = [1, 100, 500];
const STARTS = 9;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WORKERD = join(ROOT, "node_modules/workerd/bin/workerd");
const PORT = 4_830;
const folder = mkdtempSync(join(tmpdir(), "tessera-cold-"));

async function bundle(count: number): Promise<{ readonly code: string; readonly engine: number }> {
  const [profile] = profiles(1);
  const list = definitions(audiences(count));
  const data = JSON.stringify({ audiences: list, person: profile, now: NOW });
  const bundled = async (contents: string): Promise<string> => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("cold-worker.ts", import.meta.url))],
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["@tessera/source", "workerd", "worker", "import"],
      define: { SNAPSHOT: contents },
    });
    return outputFiles[0]?.text ?? "";
  };
  return { code: await bundled(data), engine: gzipSync(await bundled("{}")).length };
}

/** The answer and how long it took, in milliseconds. */
function ask(): Promise<{ readonly body: string; readonly ms: number }> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port: PORT, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (body += part));
      response.on("end", () => resolve({ body, ms: performance.now() - from }));
    });
    request.on("error", reject);
  });
}

interface Start {
  readonly toAnswer: number;
  readonly first: number;
  readonly later: number;
  readonly members: readonly string[];
}

/** Starts workerd, asks as soon as it listens, then again. */
async function start(code: string): Promise<Start> {
  writeFileSync(join(folder, "worker.js"), code);
  writeFileSync(
    join(folder, "worker.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:${PORT}", http = (), service = "main")],
);
const main :Workerd.Worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2025-09-01");
`,
  );
  const began = performance.now();
  const child = spawn(WORKERD, ["serve", join(folder, "worker.capnp")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    for (;;) {
      try {
        const { body, ms } = await ask();
        const toAnswer = performance.now() - began;
        const later: number[] = [];
        for (let index = 0; index < 20; index++) later.push((await ask()).ms);
        return { toAnswer, first: ms, later: median(later), members: JSON.parse(body) as readonly string[] };
      } catch (error) {
        if (performance.now() - began > 20_000) throw error;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  } finally {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

const about = circumstances(["workerd", "esbuild"]);
const rows: Readonly<Record<string, number>>[] = [];
for (const count of COUNTS) {
  const { code, engine } = await bundle(count);
  const list = definitions(audiences(count));
  const plan = compileAudiences(list);
  const [profile] = profiles(1);
  if (!plan.ok || profile === undefined) throw new Error("Expected a plan and a profile.");
  const expected = plan.value.evaluate(profile as never, NOW).members;
  const starts: Start[] = [];
  for (let round = 0; round < STARTS; round++) {
    const one = await start(code);
    mustAgree(
      `workerd, ${count} audiences`,
      list.map(({ id }) => one.members.includes(id)),
      list.map(({ id }) => expected.has(id)),
    );
    starts.push(one);
  }
  const of = (take: (one: Start) => number): number => Number(median(starts.map(take)).toFixed(1));
  rows.push({
    audiences: count,
    "first request ms": of(({ first }) => first),
    "later requests ms": of(({ later }) => later),
    "compiling ms": of(({ first, later }) => first - later),
    "process to answer ms": of(({ toAnswer }) => toAnswer),
    "engine kB gzip": Number((engine / 1_000).toFixed(1)),
    "with definitions kB gzip": Number((gzipSync(code).length / 1_000).toFixed(1)),
  });
}
rmSync(folder, { recursive: true });
report(`Cold start in workerd, median of ${STARTS} processes`, rows, about);
keep(
  "segment-engine-cold-start.svg",
  bars(
    "Cold start in workerd",
    [
      {
        heading: "first request with compiling, milliseconds",
        rows: rows.map((row) => [`Tessera, ${row["audiences"]} audiences`, row["first request ms"] ?? 0]),
      },
      {
        heading: "bundle with definitions, kB gzip",
        rows: rows.map((row) => [
          `Tessera, ${row["audiences"]} audiences`,
          row["with definitions kB gzip"] ?? 0,
        ]),
      },
    ],
    about,
  ),
);
