import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, type AddressInfo, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { FileRequest } from "@tessera/destinations";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import ssh2 from "ssh2";
import { createSender } from "../src/transports/send.ts";

const SSHD = "/usr/sbin/sshd";
const SFTP_SERVER = "/usr/lib/openssh/sftp-server";
const missing = [SSHD, SFTP_SERVER].filter((path) => !existsSync(path));
const folder = mkdtempSync(join(tmpdir(), "tessera-sftp-"));
const secrets: Record<string, string> = { password: "correct horse", wrong: "battery staple" };
const send = createSender({
  filesFolder: folder,
  secret: (name) => secrets[name],
  now: () => Date.parse("2026-03-01T00:00:00Z"),
});
const write = (request: FileRequest, ms = 20_000): ReturnType<typeof send> =>
  send(request, AbortSignal.timeout(ms));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEXT = "id,city\r\n1,Köln\r\n";

function file(target: FileRequest["target"], changes: Partial<FileRequest> = {}): FileRequest {
  return {
    kind: "file",
    id: "f1",
    items: ["a"],
    target,
    name: "members.csv",
    contentType: "text/csv",
    encoding: "utf-8",
    compression: "none",
    content: [TEXT],
    ...changes,
  };
}

function keyPair(name: string): { readonly path: string; readonly fingerprint: string } {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
  const key = Buffer.from(readFileSync(`${path}.pub`, "utf8").split(" ")[1] ?? "", "base64");
  const digest = createHash("sha256").update(key).digest("base64").replace(/=+$/, "");
  return { path, fingerprint: `SHA256:${digest}` };
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

async function listens(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("sshd does not listen.");
}

if (missing.length > 0 && process.env["CI"] !== "true") {
  it("SFTP", ({ skip }) =>
    skip(`${missing.join(" and ")} not found (Debian: openssh-server, openssh-sftp-server)`));
} else {
  describe("SFTP (OpenSSH sshd, login by key)", () => {
    let server: ChildProcess;
    let port = 0;
    let fingerprint = "";
    const into = join(folder, "by-key");
    beforeAll(async () => {
      const host = keyPair("host");
      const user = keyPair("user");
      fingerprint = host.fingerprint;
      secrets["key"] = readFileSync(user.path, "utf8");
      secrets["strange key"] = readFileSync(keyPair("stranger").path, "utf8");
      writeFileSync(join(folder, "authorized"), readFileSync(`${user.path}.pub`));
      port = await freePort();
      const config = [
        `Port ${port}`,
        "ListenAddress 127.0.0.1",
        `HostKey ${host.path}`,
        `AuthorizedKeysFile ${join(folder, "authorized")}`,
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UsePAM no",
        "StrictModes no",
        "PidFile none",
        "Subsystem sftp internal-sftp",
      ];
      writeFileSync(join(folder, "sshd_config"), `${config.join("\n")}\n`);
      if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
      server = spawn(SSHD, ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: "ignore" });
      await listens(port);
    }, 30_000);
    afterAll(() => void server.kill("SIGKILL"));
    const target = (changes: object = {}): FileRequest["target"] => ({
      kind: "sftp",
      host: "127.0.0.1",
      port,
      user: userInfo().username,
      credential: { kind: "key", privateKey: { secret: "key" } },
      hostKeyFingerprint: fingerprint,
      folder: into,
      ...changes,
    });

    it("writes a file whole, in a folder it makes, and replaces one of the same name", async () => {
      const written = await write(file(target()));
      expect(written).toMatchObject({ kind: "file", bytes: Buffer.byteLength(TEXT) });
      expect(readFileSync(join(into, "members.csv"), "utf8")).toBe(TEXT);
      await write(file(target(), { content: ["second\r\n"] }));
      expect(readFileSync(join(into, "members.csv"), "utf8")).toBe("second\r\n");
      expect(readdirSync(into)).toEqual(["members.csv"]);
    });

    it("writes many megabytes as they are made", async () => {
      const line = `${"x".repeat(999)}\n`;
      const content = Array.from({ length: 5_000 }, () => line);
      expect(await write(file(target(), { name: "large.csv", content }))).toMatchObject({
        bytes: 5_000_000,
      });
      expect(readFileSync(join(into, "large.csv")).length).toBe(5_000_000);
    });

    it("leaves nothing of a file that breaks off, and the one before it as it was", async () => {
      await write(file(target(), { name: "kept.csv" }));
      const broken: FileRequest["content"] = {
        *[Symbol.iterator]() {
          yield* ["half"];
          throw new Error("no more");
        },
      };
      const refused = await write(file(target(), { name: "kept.csv", content: broken }));
      expect(refused).toMatchObject({ kind: "failure", reason: "storage" });
      expect(readFileSync(join(into, "kept.csv"), "utf8")).toBe(TEXT);
      expect(readdirSync(into).filter((name) => name.includes("partial"))).toEqual([]);
    });

    it("trusts no host key but the one agreed on, and says which one it was shown", async () => {
      for (const hostKeyFingerprint of [undefined, "SHA256:somethingelse"]) {
        const refused = await write(file(target({ hostKeyFingerprint }), { name: "untrusted.csv" }));
        expect(refused).toMatchObject({ kind: "failure", reason: "credential" });
        expect(JSON.stringify(refused)).toContain(fingerprint);
      }
      expect(existsSync(join(into, "untrusted.csv"))).toBe(false);
    });

    it("says that a strange key, a place it may not write to, and a silent server are failures", async () => {
      const strange = { kind: "key", privateKey: { secret: "strange key" } };
      expect(await write(file(target({ credential: strange })))).toMatchObject({ kind: "failure" });
      writeFileSync(join(folder, "a-file"), "");
      const impossible = target({ folder: join(folder, "a-file", "below") });
      expect(await write(file(impossible))).toMatchObject({ kind: "failure", reason: "storage" });
      expect(await write(file(target({ port: await freePort() })))).toMatchObject({ kind: "failure" });
      expect(
        await write(file(target({ credential: { kind: "key", privateKey: { secret: "none" } } }))),
      ).toMatchObject({ reason: "credential" });
    });
  });

  describe("SFTP (OpenSSH sftp-server behind a password)", () => {
    const into = join(folder, "by-password");
    let port = 0;
    let fingerprint = "";
    let readOnly = false;
    let children: ChildProcess[] = [];
    let server: ssh2.Server;
    beforeAll(async () => {
      const host = keyPair("password-host");
      fingerprint = host.fingerprint;
      server = new ssh2.Server({ hostKeys: [readFileSync(host.path)] }, (client) => {
        client.on("error", () => undefined);
        client.on("authentication", (login) =>
          login.method === "password" && login.password === secrets["password"]
            ? login.accept()
            : login.reject(),
        );
        client.on("ready", () =>
          client.on("session", (accept) =>
            accept().on("subsystem", (open) => {
              const child = spawn(SFTP_SERVER, readOnly ? ["-R"] : []);
              children.push(child);
              const channel = open();
              channel.pipe(child.stdin);
              child.stdout.pipe(channel);
              child.stdin.on("error", () => undefined);
              child.on("exit", () => channel.close());
            }),
          ),
        );
      });
      port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    });
    afterAll(() => {
      server.close();
      children.forEach((child) => child.kill("SIGKILL"));
    });
    const target = (secret = "password"): FileRequest["target"] => ({
      kind: "sftp",
      host: "127.0.0.1",
      port,
      user: "campaign",
      credential: { kind: "password", password: { secret } },
      hostKeyFingerprint: fingerprint,
      folder: into,
    });

    it("logs in with the password, and not with another", async () => {
      expect(await write(file(target()))).toMatchObject({ kind: "file" });
      expect(readFileSync(join(into, "members.csv"), "utf8")).toBe(TEXT);
      const refused = await write(file(target("wrong")));
      expect(refused).toMatchObject({ kind: "failure" });
      expect(JSON.stringify(refused)).not.toContain(secrets["wrong"]);
    });

    it("says when it may not write, and when the server dies in the middle", async () => {
      readOnly = true;
      expect(await write(file(target(), { name: "refused.csv" }))).toMatchObject({ reason: "storage" });
      readOnly = false;
      const content: FileRequest["content"] = {
        *[Symbol.iterator]() {
          for (let n = 0; n < 5_000; n += 1) {
            if (n === 1_000) children.forEach((child) => child.kill("SIGKILL"));
            yield `${"x".repeat(999)}\n`;
          }
        },
      };
      expect(await write(file(target(), { name: "cut.csv", content }), 2_000)).toMatchObject({
        kind: "failure",
      });
      expect(existsSync(join(into, "cut.csv"))).toBe(false);
      children = [];
      expect(await write(file(target(), { name: "cut.csv" }))).toMatchObject({ kind: "file" });
      expect(readFileSync(join(into, "cut.csv"), "utf8")).toBe(TEXT);
    });
  });
}
