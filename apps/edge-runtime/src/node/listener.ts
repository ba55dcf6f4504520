import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { BodyOutcome, EdgeReply, EdgeRequest } from "../exchange.ts";
import { answerFor, type Edges } from "../sandboxes.ts";
import { decodeBody } from "./body-text.ts";

/** Settings of the Node rim. */
export interface ListenerOptions {
  /** Believe `X-Forwarded-For`: only behind a proxy of one's own. */
  readonly trustProxy: boolean;
  /** Told of all work that outlives its request. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** Answers a request of a client at an address (that of the connection). Never rejects. */
export type Answer = (request: EdgeRequest, address: string | undefined) => Promise<EdgeReply>;

/** The edges behind whatever reads requests on Node. */
export function createAnswer(edges: Edges, { trustProxy, waitUntil }: ListenerOptions): Answer {
  return (request, address) => {
    const ip = clientAddress(trustProxy ? request.header("x-forwarded-for") : undefined, address);
    return answerFor(edges, request, ip === undefined ? { waitUntil } : { waitUntil, ip });
  };
}

/** The edges as a listener of `node:http` and `node:https`, without building Web requests in between. */
export function createListener(answer: Answer): RequestListener {
  return (message, response) => {
    const request = {
      method: message.method ?? "GET",
      target: message.url ?? "/",
      header: (name: string) => headerOf(message, name),
      body: (maxBytes: number) => readBody(message, maxBytes),
    };
    void answer(request, message.socket.remoteAddress).then((reply) => {
      write(message, response, reply);
    });
  };
}

/**
 * A header by its lower-case name, out of the few that are asked for: the object of all of them is only made where one
 * came twice, since what that means depends on the header.
 */
function headerOf(message: IncomingMessage, name: string): string | undefined {
  const raw = message.rawHeaders;
  let found: string | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const came = raw[index];
    if (came?.length !== name.length || (came !== name && came.toLowerCase() !== name)) continue;
    if (found !== undefined) {
      const value = message.headers[name];
      return typeof value === "string" ? value : value?.join(", ");
    }
    found = raw[index + 1];
  }
  return found;
}

function clientAddress(forwarded: string | undefined, remote: string | undefined): string | undefined {
  const address = forwarded?.split(",", 1)[0]?.trim() ?? remote;
  return address?.startsWith("::ffff:") === true ? address.slice(7) : address;
}

function readBody(message: IncomingMessage, maxBytes: number): Promise<BodyOutcome> {
  if (Number(headerOf(message, "content-length") ?? "0") > maxBytes)
    return Promise.resolve({ kind: "too-large" });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        message.removeAllListeners("data");
        resolve({ kind: "too-large" });
      } else chunks.push(chunk);
    });
    message.on("end", () => {
      resolve(decodeBody(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    });
    // Told when the connection ends before the body.
    message.on("error", () => resolve({ kind: "unreadable" }));
  });
}

function write(message: IncomingMessage, response: ServerResponse, reply: EdgeReply): void {
  const { status, body } = reply;
  const headers: string[] = [];
  for (const [name, value] of reply.headers) headers.push(name, value);
  const length = typeof body === "string" ? Buffer.byteLength(body) : body?.byteLength;
  if (length !== undefined) headers.push("content-length", String(length));
  // An unread body would be taken for the next request: the connection ends with this answer.
  if (!message.complete && headerOf(message, "content-length") !== undefined)
    headers.push("connection", "close");
  response.writeHead(status, headers);
  // Text of as many bytes as characters is the same in both encodings; this one needs no work.
  if (typeof body === "string") response.end(body, body.length === length ? "latin1" : "utf8");
  else response.end(body ?? undefined);
}
