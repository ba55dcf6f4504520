import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** What the server does with a request. `+` behaviours take the records in before they misbehave: the answer is lost. */
export const BEHAVIOURS = [
  "ok",
  "slow+",
  "429",
  "500",
  "500+",
  "503",
  "destroyed",
  "destroyed+",
  "half-closed+",
  "cut+",
  "wrong-json+",
  "duplicate-ack",
  "mixed",
  "silent-about-some",
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

interface Received {
  readonly _id: string;
  readonly person: string;
  readonly n: number;
}

export interface MisbehavingServer {
  readonly url: string;
  /** Records in the order they were first taken in, by person. */
  readonly taken: ReadonlyMap<string, readonly number[]>;
  /** How often each record was taken in; a receiver keeps the first by its idempotency key. */
  readonly times: ReadonlyMap<string, number>;
  readonly close: () => Promise<void>;
}

/** A receiver that takes profile lists and behaves as `next` says; records whose number is in `refused` get 422. */
export async function misbehavingServer(
  next: () => Behaviour,
  refused: ReadonlySet<string>,
): Promise<MisbehavingServer> {
  const taken = new Map<string, number[]>();
  const times = new Map<string, number>();
  const sockets = new Set<Duplex>();
  const take = (records: readonly Received[]): void => {
    for (const { _id, person, n } of records) {
      if (refused.has(_id)) continue;
      times.set(_id, (times.get(_id) ?? 0) + 1);
      if (times.get(_id) !== 1) continue;
      const list = taken.get(person);
      if (list) list.push(n);
      else taken.set(person, [n]);
    }
  };
  const server = createServer(async (request, response) => {
    const { profiles } = JSON.parse(await readBody(request)) as { profiles: readonly Received[] };
    behave(next(), profiles, { response, take, refused });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/profiles`,
    taken,
    times,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function behave(
  behaviour: Behaviour,
  records: readonly Received[],
  {
    response,
    take,
    refused,
  }: { response: ServerResponse; take: (r: readonly Received[]) => void; refused: ReadonlySet<string> },
): void {
  const result = (record: Received): object => ({
    id: record._id,
    status: refused.has(record._id) ? 422 : 200,
  });
  const reply = (status: number, body: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  };
  const full = JSON.stringify({ results: records.map(result) });
  switch (behaviour) {
    case "ok":
      take(records);
      return reply(200, full);
    case "slow+":
      take(records);
      setTimeout(() => reply(200, full), 150);
      return;
    case "429":
      return reply(429, "", { "retry-after": "0" });
    case "500":
      return reply(500, "<html>sorry</html>");
    case "500+":
      take(records);
      return reply(500, "");
    case "503":
      return reply(503, "", { "retry-after": "not a number" });
    case "destroyed":
      response.destroy();
      return;
    case "destroyed+":
      take(records);
      response.destroy();
      return;
    case "half-closed+":
    case "cut+": {
      take(records);
      response.writeHead(200, { "content-type": "application/json", "content-length": String(full.length) });
      // One side says goodbye in the middle of its answer and listens on, the other breaks the connection.
      const end = behaviour === "cut+" ? () => response.destroy() : () => response.socket?.end();
      response.write(full.slice(0, full.length / 2), end);
      return;
    }
    case "wrong-json+":
      take(records);
      return reply(200, full.slice(0, -2));
    case "duplicate-ack":
      take(records);
      return reply(200, JSON.stringify({ results: [...records.map(result), ...records.map(result)] }));
    case "mixed": {
      const [good, bad] = [records.filter((_, i) => i % 2 === 0), records.filter((_, i) => i % 2 === 1)];
      take(good);
      const results = [...good.map(result), ...bad.map(({ _id }) => ({ id: _id, status: 503 }))];
      return reply(207, JSON.stringify({ results }));
    }
    case "silent-about-some": {
      const told = records.slice(0, Math.ceil(records.length / 2));
      take(told);
      return reply(200, JSON.stringify({ results: told.map(result) }));
    }
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
