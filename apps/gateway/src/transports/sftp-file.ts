import { createHash, randomBytes } from "node:crypto";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import type { FileRequest, FileTarget } from "@tessera/destinations";
import SftpClient from "ssh2-sftp-client";
import { encodedContent } from "./encoded-content.ts";

/** The server's key is not the one that was agreed on. `fingerprint` is the one it showed. */
export class HostKeyError extends Error {
  readonly fingerprint: string;
  constructor(fingerprint: string) {
    super("The server's host key is not the expected one.");
    this.fingerprint = fingerprint;
  }
}

/**
 * Writes one file under a temporary name and renames it. The server must show the host key whose fingerprint
 * (`SHA256:…`, as ssh-keygen prints it) was configured; without one no server is trusted. Gives the location and the bytes.
 */
export async function writeSftpFile(
  request: FileRequest,
  target: Extract<FileTarget, { readonly kind: "sftp" }>,
  { secret, signal }: { readonly secret: string; readonly signal: AbortSignal },
): Promise<{ readonly location: string; readonly bytes: number }> {
  const { host, port, user, credential, hostKeyFingerprint, folder } = target;
  const client = new SftpClient();
  let shown = "";
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const stop = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  /** A server that falls silent must not hold the file for ever. */
  const inTime = <T>(work: Promise<T>): Promise<T> => Promise.race([work, aborted.promise]);
  try {
    await inTime(connect());
    if (!(await inTime(client.exists(folder)))) await inTime(client.mkdir(folder, true));
    return await inTime(put());
  } finally {
    signal.removeEventListener("abort", stop);
    await Promise.race([client.end().catch(() => undefined), wait(END_WITHIN, undefined, { ref: false })]);
  }

  async function connect(): Promise<void> {
    await client
      .connect({
        host,
        port,
        username: user,
        ...(credential.kind === "key" ? { privateKey: secret } : { password: secret }),
        hostVerifier: (key: Buffer) => {
          shown = `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
          return shown === hostKeyFingerprint?.replace(/=+$/, "");
        },
        readyTimeout: 20_000,
      })
      .catch((error: unknown) => {
        throw shown !== "" && shown !== hostKeyFingerprint ? new HostKeyError(shown) : error;
      });
  }

  async function put(): Promise<{ readonly location: string; readonly bytes: number }> {
    const partial = posix.join(folder, `.${request.name}.${randomBytes(6).toString("hex")}.partial`);
    const location = posix.join(folder, request.name);
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const piece of inPieces(encodedContent(request))) {
        bytes += piece.length;
        yield piece;
      }
    };
    try {
      await client.put(Readable.from(counted(), { objectMode: false }), partial);
      // A server whose disk is full may say so to single writes alone, which the client does not report.
      const { size } = await client.stat(partial);
      if (size !== bytes) throw new Error(`${size} of ${bytes} bytes were stored`);
      await client.posixRename(partial, location);
    } catch (error) {
      await client.delete(partial, true).catch(() => undefined);
      throw error;
    }
    await removeLeftovers(client, folder, request.name);
    return { location: `sftp://${host}:${port}${posix.resolve("/", location)}`, bytes };
  }
}

/** How long a connection may take to say goodbye, in milliseconds. */
const END_WITHIN = 2_000;
const PIECE_BYTES = 262_144;

/** Gathers small pieces: each one that is written waits for the server's answer. */
async function* inPieces(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of content) {
    held.push(piece);
    size += piece.length;
    if (size < PIECE_BYTES) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(held);
}

/** Takes back what tries of the same file left when their connection broke. Whoever still writes it tries again. */
async function removeLeftovers(client: SftpClient, folder: string, name: string): Promise<void> {
  const isLeftover = (other: string): boolean =>
    other.startsWith(`.${name}.`) && /^[0-9a-f]{12}\.partial$/.test(other.slice(name.length + 2));
  const listed = await client.list(folder, ({ name: other }) => isLeftover(other)).catch(() => []);
  for (const { name: leftover } of listed)
    await client.delete(posix.join(folder, leftover), true).catch(() => undefined);
}
