import { STATUS_CODES, type Server } from "node:http";
import type { Socket } from "node:net";
import type { EdgeReply, EdgeRequest } from "../exchange.ts";
import { MAX_BODY_BYTES } from "../request-units.ts";
import { decodeBody } from "./body-text.ts";
import type { Answer } from "./listener.ts";
import { readWholeRequest, type WholeRequest } from "./whole-request.ts";

/** The connections whose requests are read at the door. */
export interface FrontDoor {
  /** Ends those that wait for a request, and each other one with its answer. */
  readonly close: () => void;
  /** Ends all of them at once. */
  readonly destroy: () => void;
}

/** A request that came in more pieces than this is no longer looked at as a whole. */
const MOST_PIECES = 8;
/** Bytes that may wait behind a request under way before nothing more is read. */
const MOST_WAITING = 2 * MAX_BODY_BYTES;
/** What `node:http` waits beyond the time it tells clients, in milliseconds. */
const GRACE_MS = 1000;

/**
 * Reads requests of the common form (one whole POST at a time) straight from the connections of `server`, at half of
 * what its own reading costs. A connection on which anything else comes is handed to the server with every byte of it,
 * and stays there; so does all that is slow, large or strange.
 */
export function openFrontDoor(server: Server, answer: Answer): FrontDoor {
  const serve = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners("connection");
  const connections = new Set<Connection>();
  let isClosing = false;
  server.on("connection", (socket: Socket) => {
    const connection = meet(socket, {
      answer,
      firstMs: server.headersTimeout,
      idleMs: server.keepAliveTimeout,
      isClosing: () => isClosing,
      handOver: () => {
        connections.delete(connection);
        for (const one of serve) one.call(server, socket);
      },
    });
    connections.add(connection);
    socket.on("close", () => connections.delete(connection));
  });
  return {
    close: () => {
      isClosing = true;
      for (const connection of connections) if (!connection.isAnswering()) connection.socket.destroy();
    },
    destroy: () => {
      for (const { socket } of connections) socket.destroy();
    },
  };
}

/** A connection that is read at the door. */
interface Connection {
  readonly socket: Socket;
  readonly isAnswering: () => boolean;
}

function meet(
  socket: Socket,
  door: {
    readonly answer: Answer;
    /** How long a first request may take to come, and how long a further one, in milliseconds. */
    readonly firstMs: number;
    readonly idleMs: number;
    readonly isClosing: () => boolean;
    readonly handOver: () => void;
  },
): Connection {
  const address = socket.remoteAddress;
  let held: Buffer | undefined;
  let pieces = 0;
  let isAnswering = false;
  let isKept = false;
  let hasEnded = false;

  const onData = (bytes: Buffer): void => {
    held = held === undefined ? bytes : Buffer.concat([held, bytes]);
    pieces++;
    if (!isAnswering) read(held);
    else if (held.length > MOST_WAITING) socket.pause();
  };
  const read = (bytes: Buffer): void => {
    const reading = readWholeRequest(bytes, MAX_BODY_BYTES);
    if (reading.kind === "part" && pieces < MOST_PIECES && !hasEnded) return;
    if (reading.kind !== "whole") {
      handOver();
      return;
    }
    held = undefined;
    pieces = 0;
    isAnswering = true;
    void door.answer(asEdgeRequest(reading.request), address).then(onAnswer);
  };
  const onAnswer = (reply: EdgeReply): void => {
    isAnswering = false;
    const isLast = (hasEnded && held === undefined) || door.isClosing();
    const goesOn = write(socket, reply, isLast ? LAST : `${KEPT}${Math.floor(door.idleMs / 1000)}\r\n`);
    if (isLast) {
      socket.end();
      return;
    }
    if (!isKept) {
      isKept = true;
      socket.setTimeout(door.idleMs + GRACE_MS);
    }
    // What came while this answer was made belongs to a client that does not wait: the server knows how to serve it.
    if (held !== undefined) handOver();
    else if (!goesOn) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  };
  const onTimeout = (): void => {
    if (isAnswering) return;
    if (held === undefined) socket.destroy();
    else handOver();
  };
  const onEnd = (): void => {
    hasEnded = true;
    if (isAnswering) return;
    if (held === undefined) socket.end();
    else handOver();
  };
  const onError = (): void => {
    socket.destroy();
  };
  const handOver = (): void => {
    const bytes = held;
    held = undefined;
    socket.setTimeout(0);
    socket.off("data", onData).off("timeout", onTimeout).off("end", onEnd).off("error", onError);
    door.handOver();
    if (bytes !== undefined) socket.emit("data", bytes);
    if (hasEnded) socket.emit("end");
    socket.resume();
  };

  socket.setTimeout(door.firstMs);
  socket.on("data", onData).on("timeout", onTimeout).on("end", onEnd).on("error", onError);
  return { socket, isAnswering: () => isAnswering };
}

function asEdgeRequest({ method, target, header, body }: WholeRequest): EdgeRequest {
  return {
    method,
    target,
    header,
    body: (maxBytes) => (body.length > maxBytes ? { kind: "too-large" } : decodeBody(body)),
  };
}

const KEPT = "connection: keep-alive\r\nkeep-alive: timeout=";
const LAST = "connection: close\r\n";
const IMPROPER = /[^\t\x20-\x7e\x80-\xff]/;

/** Writes an answer in one piece; tells whether the client takes what is written. */
function write(socket: Socket, { status, headers, body }: EdgeReply, connection: string): boolean {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
  for (const [name, value] of headers) {
    // A value that could pass for more than one header is none.
    if (!IMPROPER.test(value)) head += `${name}: ${value}\r\n`;
  }
  head += `${dateLine()}${connection}`;
  if (typeof body === "string") {
    // Text of as many bytes as characters is the same in both encodings; this one needs no work.
    const whole = `${head}content-length: ${body.length}\r\n\r\n${body}`;
    if (Buffer.byteLength(whole) === whole.length) return socket.write(whole, "latin1");
  }
  if (body === null)
    return socket.write(status === 204 ? `${head}\r\n` : `${head}content-length: 0\r\n\r\n`, "latin1");
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
  head += `content-length: ${length}\r\n\r\n`;
  socket.cork();
  socket.write(head, "latin1");
  const goesOn = socket.write(body);
  socket.uncork();
  return goesOn;
}

let dateAt = 0;
let dateText = "";

/** The moment of the answer, told by the machine's clock as everywhere on the web. */
function dateLine(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateAt) {
    dateAt = second;
    dateText = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateText;
}
