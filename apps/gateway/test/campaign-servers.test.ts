import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { BlobServiceClient } from "@azure/storage-blob";
import type { FieldMapping, FileTarget } from "@tessera/destinations";
import {
  campaignFiles,
  createMemoryRunDocuments,
  createRunLedger,
  type ExportCandidate,
  type Manifest,
  runDueExports,
} from "@tessera/destinations-campaign";
import { parse } from "csv-parse/sync";
import SftpClient from "ssh2-sftp-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSender } from "../src/transports/send.ts";

/*
 * Campaign's export runs over real servers, each of which has a disk of its own in a mount namespace of its own and is
 * reached through a proxy that can cut a connection in the middle of an upload.
 */

const require = createRequire(import.meta.url);
const SSHD = "/usr/sbin/sshd";
const folder = mkdtempSync(join(tmpdir(), "tessera-campaign-"));
const PASSWORD = "correct horse battery";
const AZURITE_KEY =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const MB = 1 << 20;
const secrets: Record<string, string> = { s3: "S3RVER", password: PASSWORD, wrong: "not it" };

const children: ChildProcess[] = [];
const proxies: Server[] = [];
afterAll(() => {
  for (const { pid } of children) if (pid !== undefined) process.kill(-pid, "SIGKILL");
  proxies.forEach((proxy) => proxy.close());
  rmSync(folder, { recursive: true, force: true });
});

/** Why these tests cannot run here: they need root for the mount namespaces, and sshd. */
const obstacle = ((): string | undefined => {
  if (!existsSync(SSHD)) return `${SSHD} not found (Debian: openssh-server)`;
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "no mount namespaces (run as root)";
  }
})();

/** A disk of its own, as the server sees it; `leave` gives it so many bytes more than are on it. */
interface Disk {
  readonly leave: (bytes: number) => void;
}

/** A server in a namespace where `at` is a file system of 256 MB; `before` runs in it first. It is started again when it dies. */
function startWithDisk(at: string, command: readonly string[], before = ""): Disk {
  mkdirSync(at, { recursive: true });
  const script = `mount -t tmpfs -o size=256m,mode=755 tmpfs '${at}' && ${before} while :; do "$@"; done`;
  const child = spawn("unshare", ["-m", "sh", "-c", script, "sh", ...command], {
    stdio: "ignore",
    detached: true,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  children.push(child);
  const within = (...call: readonly string[]): string =>
    execFileSync("nsenter", ["-m", "-t", String(child.pid), ...call]).toString();
  return {
    leave: (bytes) => {
      const used = Number(within("df", "--output=used", "-B1", at).split("\n")[1]);
      within("mount", "-o", `remount,size=${used + bytes}`, at);
    },
  };
}

/** Forwards to a port; cuts every connection once `cutAfter` bytes have gone up, until it is set to infinity. */
interface Proxy {
  readonly port: number;
  cutAfter: number;
}

async function startProxy(upstream: number): Promise<Proxy> {
  const proxy = { port: 0, cutAfter: Infinity };
  let up = 0;
  const server = createServer((client: Socket) => {
    const behind = connect({ port: upstream, host: "127.0.0.1", noDelay: true });
    client.setNoDelay(true);
    const close = (): void => {
      client.destroy();
      behind.destroy();
    };
    client.on("error", close).on("close", close);
    behind.on("error", close).on("close", close);
    client.on("data", (bytes: Buffer) => {
      up = proxy.cutAfter === Infinity ? 0 : up + bytes.length;
      if (up > proxy.cutAfter) close();
      else if (!behind.write(bytes)) client.pause();
    });
    behind.on("drain", () => client.resume());
    behind.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxies.push(server);
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}

/** One kind of server: where files go, and how a reader who is not us sees them. */
interface Place {
  readonly target: (changes?: object) => FileTarget;
  readonly proxy: Proxy;
  readonly disk: Disk;
  /** Every name there is, half ones too. */
  readonly list: () => Promise<readonly string[]>;
  readonly read: (name: string) => Promise<Buffer>;
  readonly put: (name: string, bytes: Buffer) => Promise<unknown>;
  readonly remove: (name: string) => Promise<unknown>;
  /** Settings under which the server refuses to write. */
  readonly denied: object;
}

async function startS3(): Promise<Place> {
  const port = await freePort();
  const folderOfDisk = join(folder, "s3");
  const bin = join(require.resolve("s3rver/package.json"), "../bin/s3rver.js");
  const options = ["-d", folderOfDisk, "-a", "127.0.0.1", "-p", `${port}`, "--configure-bucket", "exports"];
  const disk = startWithDisk(folderOfDisk, [process.execPath, bin, ...options]);
  await answers(`http://127.0.0.1:${port}`);
  const proxy = await startProxy(port);
  const client = new S3Client({
    region: "eu-central-1",
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" },
  });
  const at = (name: string): { readonly Bucket: string; readonly Key: string } => ({
    Bucket: "exports",
    Key: `in/${name}`,
  });
  return {
    proxy,
    disk,
    target: (changes) =>
      ({
        kind: "s3",
        bucket: "exports",
        region: "eu-central-1",
        prefix: "in/",
        endpoint: `http://127.0.0.1:${proxy.port}`,
        accessKeyId: "S3RVER",
        secretAccessKey: { secret: "s3" },
        ...changes,
      }) as FileTarget,
    list: async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "exports" }));
      return Contents.map(({ Key = "" }) => Key.replace("in/", ""));
    },
    read: async (name) => {
      const found = await client.send(new GetObjectCommand(at(name)));
      return Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    },
    put: (name, Body) => client.send(new PutObjectCommand({ ...at(name), Body })),
    remove: (name) => client.send(new DeleteObjectCommand(at(name))),
    denied: { accessKeyId: "STRANGER" },
  };
}

async function startAzure(): Promise<Place> {
  const port = await freePort();
  const folderOfDisk = join(folder, "azure");
  const bin = join(require.resolve("azurite/package.json"), "../dist/src/blob/main.js");
  const options = ["--blobPort", `${port}`, "--location", folderOfDisk, "--silent", "--skipApiVersionCheck"];
  const disk = startWithDisk(folderOfDisk, [process.execPath, bin, ...options]);
  await answers(`http://127.0.0.1:${port}/devstoreaccount1`);
  const proxy = await startProxy(port);
  const connection = (to: number, key = AZURITE_KEY): string =>
    `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=http://127.0.0.1:${to}/devstoreaccount1;`;
  secrets["azure"] = connection(proxy.port);
  secrets["azure wrong"] = connection(proxy.port, Buffer.from("another key").toString("base64"));
  const container = BlobServiceClient.fromConnectionString(connection(port)).getContainerClient("exports");
  await container.create();
  return {
    proxy,
    disk,
    target: (changes) =>
      ({
        kind: "azure-blob",
        container: "exports",
        prefix: "in/",
        connectionString: { secret: "azure" },
        ...changes,
      }) as FileTarget,
    list: async () => {
      const names: string[] = [];
      for await (const { name } of container.listBlobsFlat()) names.push(name.replace("in/", ""));
      return names;
    },
    read: (name) => container.getBlobClient(`in/${name}`).downloadToBuffer(),
    put: (name, bytes) => container.getBlockBlobClient(`in/${name}`).uploadData(bytes),
    remove: (name) => container.getBlobClient(`in/${name}`).delete(),
    denied: { connectionString: { secret: "azure wrong" } },
  };
}

/** OpenSSH's sshd with a user of its own, who exists in the namespace alone and logs in by password or by key. */
async function startSftp(): Promise<Place> {
  const port = await freePort();
  const root = join(folder, "sftp");
  const host = keyPair("host");
  const user = keyPair("user");
  secrets["key"] = readFileSync(user.path, "utf8");
  const hash = execFileSync("openssl", ["passwd", "-6", "-stdin"], { input: PASSWORD }).toString().trim();
  const passwd = readFileSync("/etc/passwd", "utf8");
  writeFileSync(join(folder, "passwd"), `${passwd}campaign:x:28017:28017::/:/bin/sh\n`);
  writeFileSync(join(folder, "shadow"), `campaign:${hash}:19700:0:99999:7:::\n`);
  chmodSync(join(folder, "shadow"), 0o600);
  writeFileSync(join(folder, "authorized"), readFileSync(`${user.path}.pub`));
  chmodSync(folder, 0o755);
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${host.path}`,
    `AuthorizedKeysFile ${join(folder, "authorized")}`,
    "PasswordAuthentication yes",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "StrictModes no",
    "PidFile none",
    "Subsystem sftp internal-sftp",
  ];
  writeFileSync(join(folder, "sshd_config"), `${config.join("\n")}\n`);
  mkdirSync("/run/sshd", { recursive: true });
  const before = [
    `mount --bind '${join(folder, "passwd")}' /etc/passwd`,
    `mount --bind '${join(folder, "shadow")}' /etc/shadow`,
    `mkdir '${root}/in' '${root}/closed'`,
    `chown 28017 '${root}/in' &&`,
  ].join(" && ");
  const disk = startWithDisk(root, [SSHD, "-D", "-e", "-f", join(folder, "sshd_config")], before);
  await listens(port);
  const proxy = await startProxy(port);
  const reader = new SftpClient();
  reader.on("error", () => undefined);
  await reader.connect({ host: "127.0.0.1", port, username: "campaign", password: PASSWORD });
  const at = (name: string): string => join(root, "in", name);
  return {
    proxy,
    disk,
    target: (changes) =>
      ({
        kind: "sftp",
        host: "127.0.0.1",
        port: proxy.port,
        user: "campaign",
        credential: { kind: "password", password: { secret: "password" } },
        hostKeyFingerprint: host.fingerprint,
        folder: join(root, "in"),
        ...changes,
      }) as FileTarget,
    list: async () => (await reader.list(join(root, "in"))).map(({ name }) => name),
    read: async (name) => {
      const copy = join(folder, "copy");
      await reader.fastGet(at(name), copy);
      return readFileSync(copy);
    },
    put: (name, bytes) => reader.put(bytes, at(name)),
    remove: (name) => reader.delete(at(name)),
    denied: { folder: join(root, "closed") },
  };
}

const NOW = Date.parse("2026-02-01T06:00:00Z");
const MAPPING: readonly FieldMapping[] = [
  { source: { kind: "identity", namespace: "CRMID" }, target: "external_id", dedup: true },
  { source: { kind: "attribute", path: "note" }, target: "note" },
  { source: { kind: "membership-status" }, target: "segmentMembershipStatus" },
];
const HOSTILE = ['say "hi"', "a,b", "line\nbreak", "\r\n", "😀 ünï", "=1+1", "x".repeat(MB), '"', " lead"];
const BASE = "Campaign_segmentaud-1_20260201060000";

/** One run of an export at six o'clock, over the gateway's transports. `notes` has one row each, three to a file. */
function createRun(target: FileTarget, notes: readonly string[]) {
  const send = createSender({ filesFolder: folder, secret: (name) => secrets[name], now: () => NOW });
  const definition = campaignFiles({ createHash: sha256 });
  const settings = definition.parseSettings({ storage: target, rowsPerFile: 3 });
  if (!settings.ok) throw new Error(JSON.stringify(settings.error));
  const failures: string[] = [];
  const ledger = createRunLedger(createMemoryRunDocuments());
  let tokens = 0;
  const people = notes.map((note, n): ExportCandidate => ({
    item: {
      personId: `p${n}`,
      trigger: "schedule",
      identities: [{ namespace: "CRMID", id: `crm-${n}`, target: "external_id" }],
      attributes: { note },
      memberships: {},
    },
    membership: { status: "realized", lastQualificationTime: "2026-02-01T05:00:00Z" },
  }));
  const scheduled = {
    destinationId: "d1",
    dataflowId: "f1",
    audience: { id: "aud-1", namespace: "ups", name: "Buyers" },
    mapping: MAPPING,
    schedule: { mode: "incremental", everyHours: 3, startAt: "2026-02-01T06:00:00Z" },
  } as const;
  const run = async (parsed = settings.value): Promise<string> => {
    const [result] = await runDueExports([scheduled], {
      ledger,
      now: () => NOW,
      newToken: () => `t${(tokens += 1)}`,
      candidates: () => Promise.resolve(people),
      store: async (batch, { at }) => {
        const context = {
          now: at,
          destinationId: "d1",
          destinationName: "Campaign",
          orgId: "O",
          sandbox: "prod",
        };
        for (const request of definition.plan(batch, parsed, context)) {
          if (request.kind !== "file") continue;
          const answer = await send(request, AbortSignal.timeout(15_000));
          if (answer.kind === "failure") failures.push(`${answer.reason}: ${answer.detail}`);
          if (answer.kind !== "file") return false;
        }
        return true;
      },
    });
    return result?.kind ?? "none";
  };
  const against = (changed: FileTarget): Promise<string> => run({ ...settings.value, storage: changed });
  return { run, against, failures };
}

/** What a reader finds: every file that the manifest names, with its checksum, gives these notes; and nothing else is there. */
async function expectWhole(
  place: Place,
  notes: readonly string[],
  beside: readonly string[] = [],
): Promise<void> {
  const manifest = JSON.parse((await place.read(`${BASE}.manifest.json`)).toString()) as Manifest;
  const names = manifest.files.map(({ name }) => name);
  expect([...(await place.list())].sort()).toEqual([...names, `${BASE}.manifest.json`, ...beside].sort());
  const rows: string[][] = [];
  for (const { name, rows: count, contentBytes, contentSha256 } of manifest.files) {
    const bytes = await place.read(name);
    expect(bytes.length).toBe(contentBytes);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(contentSha256);
    const read = parse(bytes.toString("utf8"), { from_line: 1, record_delimiter: "\n" }) as string[][];
    expect(read).toHaveLength(count + 1);
    rows.push(...read.slice(1));
  }
  const wanted = notes.map((note, n) => [`crm-${n}`, note, "realized"]);
  expect(rows.length).toBe(wanted.length);
  // Compared one by one, so that a difference does not print megabytes.
  rows.forEach((row, n) => expect(row.join("\u0000") === wanted[n]?.join("\u0000"), `row ${n}`).toBe(true));
}

const LARGE = Array.from({ length: 6 }, (_, n) => `${n}`.repeat(2 * MB));

if (obstacle !== undefined && process.env["CI"] !== "true") {
  it("Campaign over real servers", ({ skip }) => skip(obstacle));
} else {
  describe.each<[string, () => Promise<Place>]>([
    ["an S3-compatible server (s3rver)", startS3],
    ["Azure Blob (azurite)", startAzure],
    ["SFTP (OpenSSH sshd)", startSftp],
  ])("Campaign's files on %s", (_, start) => {
    let place: Place;
    beforeAll(async () => {
      place = await start();
    }, 40_000);
    const clear = async (): Promise<void> => {
      for (const name of await place.list()) await place.remove(name);
    };

    it("arrive whole, with hostile values, a manifest last, and nothing beside them", async () => {
      const run = createRun(place.target(), HOSTILE);
      expect(await run.run()).toBe("exported");
      expect(await run.run()).toBe("wait");
      await expectWhole(place, HOSTILE);
      await clear();
    }, 40_000);

    it("an upload that is cut leaves nothing half to be seen, and is redone under the same names", async () => {
      const old = Buffer.from("the file of yesterday\n");
      await place.put(`${BASE}_2.csv`, old);
      const run = createRun(place.target(), LARGE);
      place.proxy.cutAfter = 9 * MB;
      expect(await run.run()).toBe("failed");
      place.proxy.cutAfter = Infinity;
      const seen = (await place.list()).filter((name) => !name.startsWith("."));
      expect(seen.sort()).toEqual([`${BASE}.csv`, `${BASE}_2.csv`]);
      expect((await place.read(`${BASE}_2.csv`)).equals(old)).toBe(true);
      expect((await place.read(`${BASE}.csv`)).length).toBeGreaterThan(6 * MB);
      expect(await run.run()).toBe("exported");
      await expectWhole(place, LARGE);
      await clear();
    }, 60_000);

    it("a full disk fails the run, and once there is room it is redone", async () => {
      place.disk.leave(5 * MB);
      const run = createRun(place.target(), LARGE);
      expect(await run.run()).toBe("failed");
      expect(run.failures[0]).toMatch(/^storage: /);
      place.disk.leave(64 * MB);
      await until(() => place.put("probe", Buffer.from("up")).then(yes, no));
      await place.remove("probe");
      expect((await place.list()).filter((name) => !name.startsWith("."))).toEqual([]);
      // A server may need a while to see that there is room again.
      await until(async () => (await run.run()) === "exported");
      await expectWhole(place, LARGE);
      await clear();
    }, 60_000);

    it("a permission denied fails the run with nothing written, and the next try is whole", async () => {
      const run = createRun(place.target(), ["a", "b"]);
      expect(await run.against(place.target(place.denied))).toBe("failed");
      expect(run.failures).toHaveLength(1);
      expect(run.failures[0]).not.toContain(PASSWORD);
      expect(await place.list()).toEqual([]);
      expect(await run.run()).toBe("exported");
      await expectWhole(place, ["a", "b"]);
      await clear();
    }, 40_000);

    it("a file of the same name is replaced whole, others are left alone", async () => {
      await place.put(`${BASE}.csv`, Buffer.alloc(MB));
      await place.put("somebody else's.csv", Buffer.from("theirs"));
      const run = createRun(place.target(), ["a"]);
      expect(await run.run()).toBe("exported");
      await expectWhole(place, ["a"], ["somebody else's.csv"]);
      expect((await place.read("somebody else's.csv")).toString()).toBe("theirs");
      await clear();
    }, 40_000);

    it("two processes at the same moment: one file each, whole", async () => {
      const runs = [createRun(place.target(), ["a", "b"]), createRun(place.target(), ["a", "b"])];
      const results = await Promise.all(runs.map(({ run }) => run()));
      expect(results).toContain("exported");
      await expectWhole(place, ["a", "b"]);
      await clear();
    }, 40_000);

    if (start !== startSftp) return;

    it("logs in by key, and not with another password or to another host key", async () => {
      const byKey = { credential: { kind: "key", privateKey: { secret: "key" } } };
      const run = createRun(place.target(byKey), ["a"]);
      const refused = [
        { credential: { kind: "password", password: { secret: "wrong" } } },
        { credential: { kind: "key", privateKey: { secret: "wrong" } } },
        { hostKeyFingerprint: "SHA256:AAAA" },
      ];
      for (const changes of refused) expect(await run.against(place.target(changes))).toBe("failed");
      expect(run.failures).toHaveLength(3);
      expect(run.failures[2]).toMatch(/^credential: the server shows the host key SHA256:/);
      expect(run.failures.join()).not.toContain(secrets["wrong"]);
      expect(await place.list()).toEqual([]);
      expect(await run.run()).toBe("exported");
      await expectWhole(place, ["a"]);
      await clear();
    }, 40_000);
  });
}

function sha256(): { readonly update: (bytes: Uint8Array) => unknown; readonly digest: () => string } {
  const hash = createHash("sha256");
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
}

function keyPair(name: string): { readonly path: string; readonly fingerprint: string } {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
  const key = Buffer.from(readFileSync(`${path}.pub`, "utf8").split(" ")[1] ?? "", "base64");
  return {
    path,
    fingerprint: `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`,
  };
}

const yes = (): boolean => true;
const no = (): boolean => false;

async function answers(url: string): Promise<void> {
  await until(() => fetch(url).then(yes, no));
}

async function listens(port: number): Promise<void> {
  await until(
    () =>
      new Promise((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.destroy();
          resolve(true);
        });
        socket.on("error", () => resolve(false));
      }),
  );
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await holds()) return;
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
