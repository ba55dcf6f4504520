import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFrontDoor } from "./front-door.ts";
import { type Answer, createListener } from "./listener.ts";

/** Tells back what was read of a request. */
const echo: Answer = async (request, address) => {
  const body = await request.body(1000);
  if (request.target === "/slow") await new Promise((resolve) => setTimeout(resolve, 100));
  const { method, target } = request;
  const read = {
    method,
    target,
    body,
    address,
    kind: request.header("content-type"),
    origin: request.header("origin"),
  };
  const text = JSON.stringify(read);
  if (target === "/nothing") return { status: 204, headers: [["x-nothing", "1"]], body: null };
  return { status: 200, headers: [["content-type", "application/json"]], body: text };
};

/** Every whole answer among bytes: its status and its body. */
function answersIn(bytes: Buffer): readonly string[] {
  const answers: string[] = [];
  let rest = bytes.toString("latin1");
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return answers;
    const head = rest.slice(0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (rest.length < end + 4 + length) return answers;
    answers.push(
      `${head.slice(9, 12)} ${Buffer.from(rest.slice(end + 4, end + 4 + length), "latin1").toString()}`,
    );
    rest = rest.slice(end + 4 + length);
  }
}

/** Sends pieces one after the other, and waits for so many answers, for the end, or until nothing comes any more. */
async function send(port: number, pieces: readonly Buffer[], wanted: number): Promise<readonly string[]> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let got = Buffer.alloc(0);
  let isClosed = false;
  const isOver = new Promise<void>((resolve) => {
    socket.on("data", (bytes: Buffer) => {
      got = Buffer.concat([got, bytes]);
      if (answersIn(got).length >= wanted) resolve();
    });
    socket.on("close", () => {
      isClosed = true;
      resolve();
    });
    socket.on("error", () => resolve());
    setTimeout(resolve, 1500).unref();
  });
  await once(socket, "connect");
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await isOver;
  socket.destroy();
  const answers = answersIn(got);
  return isClosed && answers.length < wanted ? [...answers, "closed"] : answers;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const withDoor = createServer(createListener(echo));
const bare = createServer(createListener(echo));
const door = openFrontDoor(withDoor, echo);
let ports: { readonly door: number; readonly bare: number };
beforeAll(async () => {
  ports = { door: await listen(withDoor), bare: await listen(bare) };
});
afterAll(() => {
  withDoor.closeAllConnections();
  bare.closeAllConnections();
  door.destroy();
  withDoor.close();
  bare.close();
});

const post = (lines: string, body = "{}", target = "/ee"): string =>
  `POST ${target} HTTP/1.1\r\nhost: a\r\n${lines}\r\n${body}`;
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/** Requests that leave room for two readings, or ask for more than an answer: text, and how many answers to wait for. */
const ODD: readonly (readonly [name: string, text: string, wanted?: 2])[] = [
  ["an empty body", post("content-length: 0\r\n", "")],
  ["no length", post("", SMUGGLED), 2],
  ["two lengths", post("content-length: 2\r\ncontent-length: 40\r\n", `{}${SMUGGLED}`)],
  ["twice the same length", post("content-length: 2\r\ncontent-length: 2\r\n")],
  ["a length with a sign", post("content-length: +2\r\n")],
  ["a length in hex", post("content-length: 0x2\r\n")],
  ["two lengths in one", post("content-length: 2, 2\r\n")],
  [
    "a length and chunks",
    post("content-length: 5\r\ntransfer-encoding: chunked\r\n", `0\r\n\r\n${SMUGGLED}`),
  ],
  [
    "a length and chunks of that length",
    post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
  ],
  ["a proxy's connection to be closed", post("proxy-connection: close\r\ncontent-length: 2\r\n")],
  ["chunks", post("transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")],
  ["an unknown encoding", post("transfer-encoding: gzip\r\n")],
  ["a length that is folded", post("content-length:\r\n 2\r\n")],
  ["a blank before the colon", post("content-length : 2\r\n")],
  ["a line without a colon", post("content-length: 2\r\nnothing\r\n")],
  ["a nameless header", post(": x\r\ncontent-length: 2\r\n")],
  ["a bare line feed", post("x: y\ncontent-length: 2\r\n")],
  ["a bare carriage return", post("x: y\rz: 1\r\ncontent-length: 2\r\n")],
  ["a zero byte", post("x: y\0\r\ncontent-length: 2\r\n")],
  ["a blank in a name", post("x y: z\r\ncontent-length: 2\r\n")],
  ["two hosts", post("host: b\r\ncontent-length: 2\r\n")],
  ["no host", "POST /ee HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"],
  ["an older version", "POST /ee HTTP/1.0\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"],
  ["an unknown version", "POST /ee HTTP/3.9\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"],
  ["a whole address as the target", "POST http://b/ee HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"],
  ["a blank in the target", "POST /e e HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"],
  ["a method in small letters", "post /ee HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"],
  ["another method", "PUT /ee HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"],
  ["a connection to be closed", post("connection: close\r\ncontent-length: 2\r\n"), 2],
  [
    "a connection to be closed and more",
    post("connection: close\r\ncontent-length: 2\r\n", `{}${SMUGGLED}`),
    2,
  ],
  [
    "a connection to be closed after one more",
    post("content-length: 2\r\n", `{}${post("connection: close\r\ncontent-length: 2\r\n")}`),
    2,
  ],
  ["a wish to go on", post("expect: 100-continue\r\ncontent-length: 2\r\n"), 2],
  ["an unknown wish", post("expect: more\r\ncontent-length: 2\r\n")],
  ["another protocol", post("connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n")],
  ["a second request at once", post("content-length: 2\r\n", `{}${SMUGGLED}`), 2],
  [
    "letters beyond ASCII",
    post("origin: https://caf\xe9.test\r\ncontent-length: 4\r\n", '"\xc3\xa9"'.slice(0, 4)),
  ],
  ["a body that is no UTF-8", post("content-length: 2\r\n", "\xff\xfe")],
  ["an origin between blanks", post("origin: \t https://a.test \t\r\ncontent-length: 2\r\n")],
  ["a value with another kind of space", post("origin: \xa0a\xa0\r\ncontent-length: 2\r\n")],
  [
    "names in capitals",
    "POST /ee HTTP/1.1\r\nHOST: a\r\nContent-Type: text/plain\r\nCONTENT-LENGTH: 2\r\n\r\n{}",
  ],
  ["a long head", post(`x: ${"y".repeat(9000)}\r\ncontent-length: 2\r\n`)],
  ["a head that is too long", post(`x: ${"y".repeat(20_000)}\r\ncontent-length: 2\r\n`)],
  ["a body beyond the limit", post("content-length: 1500\r\n", "1".repeat(1500))],
  ["a body far beyond the limit", post("content-length: 100000\r\n", "1".repeat(100_000))],
  ["an answer without a body", post("content-length: 2\r\n", "{}", "/nothing")],
  ["no HTTP", "hello\r\n\r\n"],
];

describe("the front door", () => {
  const odd = ODD.map(([name, text, wanted = 1]) => ({ name, text, wanted }));
  it.each(odd)("reads $name as the server itself does", async ({ text, wanted }) => {
    const bytes = Buffer.from(text, "latin1");
    const [read, expected] = await Promise.all([
      send(ports.door, [bytes], wanted),
      send(ports.bare, [bytes], wanted),
    ]);
    expect(expected.length).toBeGreaterThan(0);
    expect(read).toEqual(expected);
    const cut = Math.floor(bytes.length / 2);
    expect(await send(ports.door, [bytes.subarray(0, cut), bytes.subarray(cut)], wanted)).toEqual(expected);
  });

  const bodies = fc.string({ maxLength: 60, unit: "grapheme" });
  const requests = fc.record({
    body: bodies,
    form: fc.constantFrom("whole", "whole", "whole", "chunks", "get"),
    target: fc.constantFrom("/a", "/b?c=d", "/slow"),
  });

  it("answers every request in order, however the bytes are cut and whatever follows what", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(requests, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(600), { maxLength: 10 }),
        async (all, cuts) => {
          const bytes = Buffer.concat(
            all.map(({ body, form, target }) => {
              const text = Buffer.from(body);
              if (form === "get") return Buffer.from(`GET ${target} HTTP/1.1\r\nhost: a\r\n\r\n`);
              const chunks = text.length === 0 ? "" : `${text.length.toString(16)}\r\n${body}\r\n`;
              return form === "chunks"
                ? Buffer.from(
                    `POST ${target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
                  )
                : Buffer.from(
                    `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${body}`,
                  );
            }),
          );
          const places = [
            0,
            ...cuts.filter((at) => at < bytes.length).toSorted((a, b) => a - b),
            bytes.length,
          ];
          const pieces = places.slice(1).map((to, index) => bytes.subarray(places[index], to));
          const read = await send(ports.door, pieces, all.length);
          expect(read.map((answer) => JSON.parse(answer.slice(4)) as unknown)).toMatchObject(
            all.map(({ body, form, target }) => ({
              method: form === "get" ? "GET" : "POST",
              target,
              body: { kind: "text", text: form === "get" ? "" : body },
              address: "127.0.0.1",
            })),
          );
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  const open = async (port: number): Promise<Socket & { text: string }> => {
    const socket = Object.assign(connect(port, "127.0.0.1"), { text: "" });
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => (socket.text += bytes.toString()));
    await once(socket, "connect");
    return socket;
  };
  const ownServer = async (): Promise<{
    readonly server: Server;
    readonly port: number;
    readonly closing: ReturnType<typeof openFrontDoor>;
  }> => {
    const server = createServer(createListener(echo));
    const closing = openFrontDoor(server, echo);
    return { server, port: await listen(server), closing };
  };

  it("lets a request under way be answered when it closes, and ends connections that wait", async () => {
    const { server, port, closing } = await ownServer();
    const [idle, busy] = [await open(port), await open(port)];
    busy.write(post("content-length: 2\r\n", "{}", "/slow"));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const ended = [once(idle, "close"), once(busy, "close"), once(server, "close")];
    server.close();
    closing.close();
    await Promise.all(ended);
    expect(idle.text).toBe("");
    expect(busy.text).toMatch(/^HTTP\/1\.1 200 OK\r\n(?=[^]*connection: close\r\n)[^]*\/slow/);
  });

  it("answers a client that has said its last word, and outlives one that is gone", async () => {
    const { server, port, closing } = await ownServer();
    const last = await open(port);
    last.end(post("content-length: 2\r\n", "{}", "/slow"));
    const gone = await open(port);
    gone.write(post("content-length: 2\r\n", "{}", "/slow"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    gone.resetAndDestroy();
    await once(last, "close");
    expect(last.text).toContain("/slow");
    expect(await send(port, [Buffer.from(post("content-length: 2\r\n"))], 1)).toHaveLength(1);
    closing.close();
    server.close();
  });

  it("ends a connection on which nothing comes for as long as the server says", async () => {
    const { server, port, closing } = await ownServer();
    server.keepAliveTimeout = 100;
    const socket = await open(port);
    socket.write(post("content-length: 2\r\n"));
    const start = Date.now();
    await once(socket, "close");
    expect(socket.text).toContain("HTTP/1.1 200 OK");
    expect(Date.now() - start).toBeGreaterThan(500);
    closing.close();
    server.close();
  });
});
