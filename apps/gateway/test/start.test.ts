import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const EDGE = join(ROOT, "apps/edge-runtime/dist/node.js");

describe("npm start", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-start-"));
  const started: ChildProcess[] = [];
  beforeAll(async () => {
    // What `npm start` does before it starts: build what is needed.
    await promisify(execFile)(
      join(ROOT, "node_modules/.bin/turbo"),
      ["run", "build", "--filter=@tessera/gateway"],
      {
        cwd: ROOT,
        env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
      },
    );
  }, 240_000);
  afterAll(() => {
    for (const child of started) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (): Promise<{
    child: ChildProcess;
    said: () => string;
    url: string;
    edgeUrl: string;
    ended: Promise<number | null>;
  }> => {
    const [port, edgePort] = [await freePort(), await freePort()];
    const child = spawn(process.execPath, [join(ROOT, "apps/gateway/dist/start.js")], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: "",
        PORT: String(port),
        EDGE_PORT: String(edgePort),
        TESSERA_STORE: "sqlite:./data/tessera.db",
        TESSERA_ADMIN_TOKEN: "",
      },
    });
    started.push(child);
    let text = "";
    child.stdout.on("data", (piece: Buffer) => (text += piece.toString()));
    child.stderr.on("data", (piece: Buffer) => (text += piece.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    await expect.poll(() => text, { timeout: 20_000 }).toContain("Ctrl-C stops it.");
    const [url, edgeUrl] = [port, edgePort].map((at) => `http://127.0.0.1:${at}`) as [string, string];
    return { child, said: () => text, url, edgeUrl, ended };
  };

  it("starts, says where everything is, keeps token and data over a restart, and stops cleanly", async () => {
    const first = await start();
    const token = readFileSync(join(folder, "data/admin-token"), "utf8").trim();
    expect(statSync(join(folder, "data/admin-token")).mode & 0o777).toBe(0o600);
    expect(first.said()).toContain(token);
    expect(first.said()).toContain(join(folder, "data/tessera.db"));
    expect(first.said()).toContain(
      existsSync(EDGE) ? "Tessera edge     http://" : "Tessera edge     not started",
    );
    const headers = { authorization: `Bearer ${token}` };
    const event = {
      timestamp: "2026-01-31T12:00:00Z",
      identityMap: { CRMID: [{ id: "C1", primary: true }] },
    };
    const collected = await fetch(`${first.url}/collect/events?datasetId=web`, {
      method: "POST",
      headers,
      body: JSON.stringify([event]),
    });
    expect(await collected.json()).toMatchObject({ accepted: 1 });
    first.child.kill("SIGINT");
    expect(await first.ended).toBe(0);

    const second = await start();
    expect(readFileSync(join(folder, "data/admin-token"), "utf8").trim()).toBe(token);
    const again = await fetch(`${second.url}/collect/events?datasetId=web`, {
      method: "POST",
      headers,
      body: JSON.stringify([event]),
    });
    expect(await again.json()).toMatchObject({ accepted: 0, duplicates: 1 });
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(0);
  }, 60_000);

  it("takes its edge along when it is killed", async () => {
    const { child, edgeUrl, ended } = await start();
    const answers = (): Promise<boolean> =>
      fetch(edgeUrl).then(
        () => true,
        () => false,
      );
    await expect.poll(answers, { timeout: 20_000 }).toBe(existsSync(EDGE));
    child.kill("SIGKILL");
    await ended;
    await expect.poll(answers, { timeout: 20_000 }).toBe(false);
  }, 60_000);

  it("says that its folder cannot be made and exits with 1", async () => {
    writeFileSync(join(folder, "a-file"), "");
    const child = spawn(process.execPath, [join(ROOT, "apps/gateway/dist/start.js")], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: "",
        TESSERA_STORE: "sqlite:./a-file/tessera.db",
        TESSERA_ADMIN_TOKEN: "",
      },
    });
    started.push(child);
    let text = "";
    child.stderr.on("data", (piece: Buffer) => (text += piece.toString()));
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(1);
    expect(text).toMatch(/^The folder .\/a-file for data cannot be made .*TESSERA_STORE.*\n$/);
  }, 60_000);

  it("says all that is wrong with the configuration and exits with 1", async () => {
    const child = spawn(process.execPath, [join(ROOT, "apps/gateway/dist/start.js")], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: "",
        TESSERA_STORE: "ftp://x",
        PORT: "no",
        TESSERA_ADMIN_TOKEN: "with a blank",
      },
    });
    started.push(child);
    let text = "";
    child.stderr.on("data", (piece: Buffer) => (text += piece.toString()));
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(1);
    for (const name of ["TESSERA_STORE", "PORT", "TESSERA_ADMIN_TOKEN"]) expect(text).toContain(name);
    expect(text).not.toContain("with a blank");
  }, 60_000);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
