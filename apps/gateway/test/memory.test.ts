import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TOKEN, viewEvent } from "./harness.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** What the process may keep as objects; what it reads from the network comes on top. */
const HEAP_MB = 100;
const MB = 1_000_000;

describe("a gateway with little memory, in a process of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-memory-"));
  let child: ChildProcess | undefined;
  let port = 0;
  beforeAll(async () => {
    await promisify(execFile)(
      join(ROOT, "node_modules/.bin/turbo"),
      ["run", "build", "--filter=@tessera/gateway"],
      { cwd: ROOT, env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" } },
    );
    port = await freePort();
    child = spawn(
      process.execPath,
      [`--max-old-space-size=${HEAP_MB}`, join(ROOT, "apps/gateway/dist/start.js")],
      {
        cwd: folder,
        stdio: "ignore",
        env: {
          ...process.env,
          NODE_OPTIONS: "",
          PORT: String(port),
          EDGE_PORT: String(await freePort()),
          TESSERA_STORE: `sqlite:${join(folder, "tessera.db")}`,
          TESSERA_ADMIN_TOKEN: TOKEN,
          TESSERA_REQUESTS_PER_MINUTE: "10000000",
          TESSERA_LOG_LEVEL: "silent",
        },
      },
    );
    const answers = (): Promise<boolean> =>
      send("/readyz", {}).then(
        () => true,
        () => false,
      );
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 100));
  }, 240_000);
  afterAll(async () => {
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    child?.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  /** Sends a request as the bytes come; gives the text of the answer. */
  const send = (
    path: string,
    {
      body,
      headers = {},
      method = "GET",
    }: { body?: Readable | string | Buffer; headers?: object; method?: string },
  ): Promise<string> =>
    new Promise((resolve, reject) => {
      const given = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", ...headers };
      const sent = request(
        { host: "127.0.0.1", port, path, method, headers: given },
        (answer: IncomingMessage) => {
          const pieces: Buffer[] = [];
          answer.on("data", (piece: Buffer) => pieces.push(piece));
          answer.on("end", () => resolve(Buffer.concat(pieces).toString()));
          answer.on("error", reject);
        },
      );
      sent.on("error", reject);
      if (body instanceof Readable) body.pipe(sent);
      else sent.end(body);
    });
  const post = (path: string, body: Readable | string | Buffer, headers: object = {}): Promise<string> =>
    send(path, { method: "POST", body, headers });
  const residentBytes = async (): Promise<number> =>
    Number(/^process_resident_memory_bytes (\S+)/m.exec(await send("/metrics", {}))?.[1]);

  it("takes a file three times larger than its heap, and tells what became of each line", async () => {
    const padding = "x".repeat(8_000);
    const lines = Array.from({ length: 50 }, (_, n) => {
      const event = viewEvent(`e${n}`, `C${n}`, { _tenant: { note: padding } });
      return `${JSON.stringify(event)}\n`;
    }).join("");
    const rounds = Math.ceil((3 * HEAP_MB * MB) / lines.length);
    const report = await post(
      "/collect/events?datasetId=web",
      Readable.from(
        (function* () {
          for (let n = 0; n < rounds; n += 1) yield n === rounds - 1 ? `${lines}not json\n` : lines;
        })(),
      ),
    );
    expect(JSON.parse(report)).toMatchObject({
      accepted: 50,
      duplicates: 50 * rounds - 50,
      rejected: [{ index: 50 * rounds, line: 50 * rounds + 1, code: "json.syntax" }],
    });
    expect(child?.exitCode).toBeNull();
  }, 300_000);

  it("stays up, with flat memory, through rounds of everything that attackers send", async () => {
    // a body that is refused half way may also end as a cut connection
    const fire = (path: string, body: string | Buffer, headers: object = {}): Promise<string> =>
      post(path, body, headers).catch(() => "");
    const graphql = (query: string, variables: object = {}): Promise<string> =>
      fire("/graphql", JSON.stringify({ query, variables }));
    let serial = 0;
    const attack = async (): Promise<void> => {
      const bomb = gzipSync(Buffer.alloc(30 * MB, 0x20));
      await Promise.all([
        graphql(`{${Array.from({ length: 500 }, (_, n) => `a${n}:audiences{id}`).join(" ")}}`),
        graphql("{audiences{id}}", { x: "y".repeat(10 * MB) }),
        fire("/graphql", JSON.stringify(Array.from({ length: 5_000 }, () => ({ query: "{audiences{id}}" })))),
        fire("/collect/events?datasetId=web", bomb, { "content-encoding": "gzip" }),
      ]);
      for (let n = 0; n < 4; n += 1) {
        serial += 1;
        const text = JSON.stringify(`${serial}${"z".repeat(4 * MB)}`);
        await graphql(`{profile(identity:{namespace:"CRMID",id:${text}}){personId}}`);
        await graphql(`{checkAudience(expression:{value:${JSON.stringify(`a = ${text}`)}}){valid}}`);
        await send(`/${"p".repeat(4_000)}${serial}`, { headers: { authorization: `Bearer ${serial}` } });
      }
    };
    const resident: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      await attack();
      resident.push(await residentBytes());
    }
    const [early, late] = [resident.slice(0, 3), resident.slice(3)].map((sizes) => Math.max(...sizes));
    // what each round would leave behind, were it kept, is 50 MB and more
    expect((late ?? Infinity) - (early ?? 0)).toBeLessThan(60 * MB);
    expect(child?.exitCode).toBeNull();
    expect(JSON.parse(await send("/readyz", {}))).toEqual({ status: "ready" });
  }, 300_000);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
