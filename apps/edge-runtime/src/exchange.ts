/** A request as the edge reads it: plain data, so that every runtime can hand it over without building more than it has. */
export interface EdgeRequest {
  readonly method: string;
  /** The path with its query, `/ee/v1/interact?configId=…`. */
  readonly target: string;
  /** The value of a header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The body as text, or why it cannot be had. Called at most once. */
  readonly body: (maxBytes: number) => BodyOutcome | Promise<BodyOutcome>;
}

/** What reading a body gave. */
export type BodyOutcome =
  | { readonly kind: "text"; readonly text: string; readonly bytes: number }
  | { readonly kind: "too-large" }
  | { readonly kind: "unreadable" };

/** An answer as plain data. `body` is text, bytes (a pixel) or nothing. Header names are lower case. */
export interface EdgeReply {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

/** What the runtime knows beside the request. */
export interface EdgeContext {
  /** Keeps the process or isolate alive until `work` is done, after the answer has left. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** The client's address as the trusted rim saw it. */
  readonly ip?: string;
}

/** A Web `Request` as an `EdgeRequest`. */
export function fromWebRequest(request: Request): EdgeRequest {
  const slash = request.url.indexOf("/", request.url.indexOf("//") + 2);
  return {
    method: request.method,
    target: slash < 0 ? "/" : request.url.slice(slash),
    header: (name) => request.headers.get(name) ?? undefined,
    body: (maxBytes) => readWebBody(request, maxBytes),
  };
}

async function readWebBody(request: Request, maxBytes: number): Promise<BodyOutcome> {
  const announced = Number(request.headers.get("content-length") ?? "0");
  if (announced > maxBytes) return { kind: "too-large" };
  if (request.body === null) return { kind: "text", text: "", bytes: 0 };
  const reader = request.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        await reader.cancel();
        return { kind: "too-large" };
      }
      text += decoder.decode(value, { stream: true });
    }
    return { kind: "text", text: text + decoder.decode(), bytes };
  } catch {
    return { kind: "unreadable" };
  }
}

/** An `EdgeReply` as a Web `Response`. */
export function toWebResponse(reply: EdgeReply): Response {
  const headers = new Headers();
  for (const [name, value] of reply.headers) headers.append(name, value);
  return new Response(reply.body, { status: reply.status, headers });
}
