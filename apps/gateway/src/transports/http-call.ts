import {
  type HttpRequest,
  type RawResponse,
  resolveHeaders,
  type TransportFailure,
} from "@tessera/destinations";

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
  const resolved = await resolveHeaders(request, async (name) => ports.secret(name));
  if (resolved.kind === "failure") return resolved;
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: resolved.headers,
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
