import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { BlobServiceClient } from "@azure/storage-blob";
import type { FileRequest, HttpRequest } from "@tessera/destinations";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSender } from "../src/transports/send.ts";

const require = createRequire(import.meta.url);
const AZURITE_KEY =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const folder = mkdtempSync(join(tmpdir(), "tessera-transports-"));
const secrets: Record<string, string> = { s3: "S3RVER", hook: "hook-secret" };
const send = createSender({
  filesFolder: join(folder, "files"),
  secret: (name) => secrets[name],
  now: () => Date.parse("2026-03-01T00:00:00Z"),
});
const write = (request: FileRequest): ReturnType<typeof send> => send(request, AbortSignal.timeout(20_000));

function file(target: FileRequest["target"], changes: Partial<FileRequest> = {}): FileRequest {
  return {
    kind: "file",
    id: "f1",
    items: ["a", "b"],
    target,
    name: "members.csv",
    contentType: "text/csv",
    encoding: "utf-8",
    compression: "none",
    content: ["id,city\r\n", "1,Köln\r\n"],
    ...changes,
  };
}
const TEXT = "id,city\r\n1,Köln\r\n";
/** 20 MB in lines: more than two parts. */
const LARGE: FileRequest["content"] = {
  *[Symbol.iterator]() {
    for (let n = 0; n < 200_000; n += 1) yield `${"x".repeat(99)}\n`;
  },
};
const BROKEN: FileRequest["content"] = {
  *[Symbol.iterator]() {
    yield* ["half"];
    throw new Error("no more");
  },
};

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("local folders", () => {
  const local = (into: string): FileRequest["target"] => ({ kind: "local", folder: into });

  it("writes a file whole, in its encoding and compression, and replaces it", async () => {
    expect(await write(file(local("a/b")))).toEqual({
      kind: "file",
      location: join(folder, "files/a/b/members.csv"),
      bytes: Buffer.byteLength(TEXT),
      receivedAt: "2026-03-01T00:00:00.000Z",
    });
    expect(readFileSync(join(folder, "files/a/b/members.csv"), "utf8")).toBe(TEXT);
    await write(file(local("a/b"), { encoding: "utf-16", compression: "gzip" }));
    expect(gunzipSync(readFileSync(join(folder, "files/a/b/members.csv"))).toString("utf16le")).toBe(
      `\uFEFF${TEXT}`,
    );
    expect(readdirSync(join(folder, "files/a/b"))).toEqual(["members.csv"]);
  });

  it("leaves nothing of a file that breaks off, and keeps the one before", async () => {
    await write(file(local("c")));
    expect(await write(file(local("c"), { content: BROKEN }))).toMatchObject({
      kind: "failure",
      reason: "storage",
    });
    expect(readFileSync(join(folder, "files/c/members.csv"), "utf8")).toBe(TEXT);
    expect(readdirSync(join(folder, "files/c"))).toEqual(["members.csv"]);
  });

  it("never leaves its folder: by dots, absolute paths, names or links", async () => {
    mkdirSync(join(folder, "outside"));
    symlinkSync(join(folder, "outside"), join(folder, "files/link"));
    const attempts = [
      file(local("../outside")),
      file(local(join(folder, "outside"))),
      file(local("link")),
      file(local("a"), { name: "../../outside/x" }),
      file(local("a"), { name: ".." }),
    ];
    for (const attempt of attempts)
      expect(await write(attempt)).toMatchObject({ kind: "failure", reason: "storage" });
    expect(readdirSync(join(folder, "outside"))).toEqual([]);
  });
});

describe("S3 (s3rver)", () => {
  let server: ChildProcess;
  let endpoint: string;
  beforeAll(async () => {
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    mkdirSync(join(folder, "s3"));
    const bin = join(require.resolve("s3rver/package.json"), "../bin/s3rver.js");
    server = start(bin, [
      "-d",
      join(folder, "s3"),
      "-a",
      "127.0.0.1",
      "-p",
      String(port),
      "--configure-bucket",
      "exports",
    ]);
    await answers(endpoint);
  }, 30_000);
  afterAll(() => void server.kill("SIGKILL"));
  const target = (changes = {}): FileRequest["target"] => ({
    kind: "s3",
    bucket: "exports",
    region: "eu-central-1",
    prefix: "daily",
    endpoint,
    accessKeyId: "S3RVER",
    secretAccessKey: { secret: "s3" },
    ...changes,
  });
  const read = async (Key: string): Promise<string> => {
    const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
    const client = new S3Client({ region: "eu-central-1", endpoint, forcePathStyle: true, credentials });
    const found = await client.send(new GetObjectCommand({ Bucket: "exports", Key }));
    return (await found.Body?.transformToString()) ?? "";
  };

  it("writes small files and large ones in parts", async () => {
    expect(await write(file(target()))).toMatchObject({
      kind: "file",
      location: "s3://exports/daily/members.csv",
    });
    expect(await read("daily/members.csv")).toBe(TEXT);
    expect(await write(file(target(), { name: "large.csv", content: LARGE }))).toMatchObject({
      bytes: 20_000_000,
    });
    expect((await read("daily/large.csv")).length).toBe(20_000_000);
  }, 30_000);

  it("leaves no object of a file that breaks off, and says why a file was not written", async () => {
    expect(await write(file(target(), { name: "broken.csv", content: BROKEN }))).toMatchObject({
      reason: "storage",
    });
    await expect(read("daily/broken.csv")).rejects.toThrow();
    expect(await write(file(target({ bucket: "none" })))).toMatchObject({
      kind: "failure",
      reason: "storage",
    });
    expect(await write(file(target({ secretAccessKey: { secret: "gone" } })))).toMatchObject({
      reason: "credential",
    });
  });
});

describe("Azure Blob (azurite)", () => {
  let server: ChildProcess;
  beforeAll(async () => {
    const port = await freePort();
    mkdirSync(join(folder, "azure"));
    const bin = join(require.resolve("azurite/package.json"), "../dist/src/blob/main.js");
    server = start(bin, [
      "--blobPort",
      String(port),
      "--location",
      join(folder, "azure"),
      "--silent",
      "--skipApiVersionCheck",
    ]);
    const endpoint = `http://127.0.0.1:${port}/devstoreaccount1`;
    await answers(endpoint);
    secrets["azure"] =
      `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${AZURITE_KEY};BlobEndpoint=${endpoint};`;
    await BlobServiceClient.fromConnectionString(secrets["azure"]).createContainer("exports");
  }, 30_000);
  afterAll(() => void server.kill("SIGKILL"));
  const target = (container = "exports"): FileRequest["target"] => ({
    kind: "azure-blob",
    container,
    prefix: "daily/",
    connectionString: { secret: "azure" },
  });

  it("writes blobs and leaves none of a file that breaks off", async () => {
    expect(await write(file(target()))).toMatchObject({
      kind: "file",
      location: "azure-blob://exports/daily/members.csv",
    });
    const container = BlobServiceClient.fromConnectionString(secrets["azure"] ?? "").getContainerClient(
      "exports",
    );
    expect((await container.getBlobClient("daily/members.csv").downloadToBuffer()).toString()).toBe(TEXT);
    expect(await write(file(target(), { name: "broken.csv", content: BROKEN }))).toMatchObject({
      reason: "storage",
    });
    expect(await container.getBlobClient("daily/broken.csv").exists()).toBe(false);
    expect(await write(file(target("none")))).toMatchObject({ kind: "failure", reason: "storage" });
  });
});

describe("HTTP calls", () => {
  const seen: { readonly headers: Record<string, unknown>; readonly body: string }[] = [];
  const server = createHttpServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    seen.push({ headers: request.headers, body });
    if (request.url === "/slow") return;
    if (request.url === "/away") response.writeHead(302, { location: "/stolen" }).end();
    else response.writeHead(207, { "x-thing": "1" }).end("told");
  });
  let url = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const call = (path: string, changes: Partial<HttpRequest> = {}): HttpRequest => ({
    kind: "http",
    id: "h1",
    items: ["a"],
    method: "POST",
    url: url + path,
    headers: { authorization: { prefix: "Bearer ", secret: "hook" } },
    body: "{}",
    ...changes,
  });

  it("puts secrets in and signs the body", async () => {
    const signature = {
      scheme: "hmac-sha256",
      header: "x-signature",
      prefix: "sha256=",
      key: { secret: "hook" },
    } as const;
    const answer = await send(call("/", { signature }), AbortSignal.timeout(5_000));
    expect(answer).toMatchObject({ kind: "http", status: 207, body: "told", headers: { "x-thing": "1" } });
    expect(seen.at(-1)).toMatchObject({ headers: { authorization: "Bearer hook-secret" }, body: "{}" });
    expect(seen.at(-1)?.headers["x-signature"]).toMatch(/^sha256=[0-9a-f]{64}$/);
  });

  it("follows no redirect, gives up in time, and sends nothing without its secret", async () => {
    expect(await send(call("/away"), AbortSignal.timeout(5_000))).toMatchObject({ status: 302 });
    const count = seen.length;
    expect(await send(call("/slow"), AbortSignal.timeout(100))).toMatchObject({
      kind: "failure",
      reason: "timeout",
    });
    const without = call("/", { headers: { authorization: { secret: "unknown" } } });
    expect(await send(without, AbortSignal.timeout(5_000))).toMatchObject({
      kind: "failure",
      reason: "credential",
    });
    expect(seen.length).toBe(count + 1);
    expect(await send(call("/", { url: "http://127.0.0.1:1/" }), AbortSignal.timeout(5_000))).toMatchObject({
      reason: "network",
    });
  });
});

function start(script: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [script, ...args], {
    stdio: "ignore",
    env: { ...process.env, NODE_OPTIONS: "" },
  });
}

async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const up = await fetch(url).then(
      () => true,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The server did not come up.");
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
