import { createHmac } from "node:crypto";
import type { HttpRequest, RawResponse, TransportFailure } from "@tessera/destinations";

/** Answers larger than this are cut: no destination's receipt is. */
const ANSWER_MAX = 5_000_000;

/** Makes one HTTP call. Redirects are not followed: they would carry credentials to a place nobody configured. */
export async function sendHttp(
  request: HttpRequest,
  ports: {
    readonly secret: (name: string) => string | undefined;
    readonly now: () => number;
    readonly signal: AbortSignal;
  },
): Promise<RawResponse | TransportFailure> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === "string") headers[name] = value;
    else {
      const secret = ports.secret(value.secret);
      if (secret === undefined) return unknownSecret(value.secret);
      headers[name] = `${value.prefix ?? ""}${secret}`;
    }
  }
  if (request.signature !== undefined) {
    const { header, prefix = "", key } = request.signature;
    const secret = ports.secret(key.secret);
    if (secret === undefined) return unknownSecret(key.secret);
    headers[header] =
      prefix +
      createHmac("sha256", secret)
        .update(request.body ?? "")
        .digest("hex");
  }
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers,
      redirect: "manual",
      signal: ports.signal,
      ...(request.body !== undefined && { body: request.body }),
    });
    return {
      kind: "http",
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await readUpTo(response, ANSWER_MAX),
      receivedAt: new Date(ports.now()).toISOString(),
    };
  } catch (error) {
    if (ports.signal.aborted)
      return { kind: "failure", reason: "timeout", detail: "no whole answer in time" };
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "no whole answer";
    return { kind: "failure", reason: "network", detail: code };
  }
}

function unknownSecret(name: string): TransportFailure {
  return { kind: "failure", reason: "credential", detail: `the secret ${name} is not known here` };
}

async function readUpTo(response: Response, limit: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > limit) break;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
