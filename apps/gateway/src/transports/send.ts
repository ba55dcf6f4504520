import type {
  FileRequest,
  HttpRequest,
  RawResponse,
  SecretReference,
  Send,
  TransportFailure,
} from "@tessera/destinations";
import { writeAzureBlob } from "./azure-blob.ts";
import { sendHttp } from "./http-call.ts";
import { writeLocalFile } from "./local-folder.ts";
import { writeS3Object } from "./s3-object.ts";
import { HostKeyError, writeSftpFile } from "./sftp-file.ts";

/** Performs the requests of destinations: HTTP calls and files. Secrets are put in here and nowhere before. */
export type Sender = Send;

/** What a sender is made of. */
export interface SenderOptions {
  /** The folder that local files go under. */
  readonly filesFolder: string;
  /** The value of a secret by its name. */
  readonly secret: (name: string) => string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The one way out for everything a destination plans. */
export function createSender(options: SenderOptions): Sender {
  return (request: HttpRequest | FileRequest, signal: AbortSignal) =>
    request.kind === "http" ? sendHttp(request, { ...options, signal }) : sendFile(request, signal, options);
}

async function sendFile(
  request: FileRequest,
  signal: AbortSignal,
  { filesFolder, secret, now }: SenderOptions,
): Promise<RawResponse | TransportFailure> {
  const { target } = request;
  if (target.kind === "local") return writeLocalFile(request, { root: filesFolder, now, signal });
  const reference = credentialOf(target);
  const value = secret(reference.secret);
  if (value === undefined) {
    return {
      kind: "failure",
      reason: "credential",
      detail: `the secret ${reference.secret} is not known here`,
    };
  }
  try {
    const written = await writeRemote(request, value, signal);
    return { kind: "file", ...written, receivedAt: new Date(now()).toISOString() };
  } catch (error) {
    if (error instanceof HostKeyError) {
      const detail = `the server shows the host key ${error.fingerprint}; when it is the right one, set hostKeyFingerprint to it`;
      return { kind: "failure", reason: "credential", detail };
    }
    return { kind: "failure", reason: signal.aborted ? "timeout" : "storage", detail: reasonOf(error) };
  }
}

function writeRemote(
  request: FileRequest,
  secret: string,
  signal: AbortSignal,
): Promise<{ readonly location: string; readonly bytes: number }> {
  const { target } = request;
  switch (target.kind) {
    case "s3":
      return writeS3Object(request, target, { secretAccessKey: secret, signal });
    case "azure-blob":
      return writeAzureBlob(request, target, { connectionString: secret, signal });
    case "sftp":
      return writeSftpFile(request, target, { secret, signal });
    case "local":
      throw new Error("Local files are written without a secret.");
  }
}

function credentialOf(target: Exclude<FileRequest["target"], { readonly kind: "local" }>): SecretReference {
  switch (target.kind) {
    case "s3":
      return target.secretAccessKey;
    case "azure-blob":
      return target.connectionString;
    case "sftp":
      return target.credential.kind === "key" ? target.credential.privateKey : target.credential.password;
  }
}

/** A code or a class of failure; messages of servers may carry names and are left out. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "the transport failed";
  const code = "code" in error ? String(error.code) : "";
  return `the transport failed (${code === "" ? error.name : code})`;
}
