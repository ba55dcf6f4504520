import { connect, type Socket } from "node:net";

/** What a load came to. Latencies are the client's, in milliseconds. */
export interface LoadResult {
  readonly answered: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** How many answers had another status than 2xx. */
  readonly failed: number;
}

/**
 * Sends prepared requests over kept connections: as fast as they are answered, or with `perSecond` at a steady rate
 * (a request that finds no free connection waits, and its waiting counts).
 */
export async function load(options: {
  readonly port: number;
  readonly request: () => Buffer;
  readonly connections: number;
  /** Stops after this long, in milliseconds, … */
  readonly forMs?: number;
  /** … or after so many requests. */
  readonly requests?: number;
  readonly perSecond?: number;
}): Promise<LoadResult> {
  const { port, request, connections, forMs = Infinity, requests = Infinity, perSecond } = options;
  const latencies: number[] = [];
  let failed = 0;
  let begun = 0;
  const start = performance.now();
  const due = (): number => (perSecond === undefined ? 0 : start + (begun * 1000) / perSecond);
  const isOver = (): boolean => begun >= requests || performance.now() - start >= forMs;
  const run = async (socket: Socket): Promise<void> => {
    const next = answers(socket);
    while (!isOver()) {
      const at = due();
      begun++;
      const wait = at - performance.now();
      if (wait > 0.5) await new Promise((done) => setTimeout(done, wait));
      const sent = perSecond === undefined ? performance.now() : Math.max(at, start);
      socket.write(request());
      const status = await next();
      latencies.push(performance.now() - sent);
      if (status < 200 || status > 299) failed++;
    }
    socket.destroy();
  };
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  await Promise.all(sockets.map(run));
  const elapsed = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return {
    answered: latencies.length,
    perSecond: latencies.length / elapsed,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    failed,
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.setNoDelay(true);
    socket.once("error", reject);
  });
}

/** Reads answers off a socket one by one: gives the status of each. */
function answers(socket: Socket): () => Promise<number> {
  let held: Buffer = Buffer.alloc(0);
  let waiting: ((status: number) => void) | undefined;
  const take = (): void => {
    const head = held.indexOf("\r\n\r\n");
    if (head < 0 || waiting === undefined) return;
    const text = held.toString("latin1", 0, head).toLowerCase();
    const length = /\r\ncontent-length: (\d+)/.exec(text)?.[1];
    let end = head + 4 + Number(length ?? 0);
    if (length === undefined && text.includes("transfer-encoding: chunked")) {
      const last = held.indexOf("\r\n0\r\n\r\n", head + 2);
      if (last < 0) return;
      end = last + 7;
    }
    if (held.length < end) return;
    held = held.subarray(end);
    const answer = waiting;
    waiting = undefined;
    answer(Number(text.slice(9, 12)));
  };
  socket.on("data", (piece: Buffer) => {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    take();
  });
  let lost: Error | undefined;
  let giveUp: ((error: Error) => void) | undefined;
  const end = (error?: Error): void => {
    lost ??= error ?? new Error("The server closed the connection.");
    giveUp?.(lost);
  };
  socket.on("error", end);
  socket.on("close", () => end());
  return () =>
    new Promise((resolve, reject) => {
      if (lost !== undefined) {
        reject(lost);
        return;
      }
      giveUp = reject;
      waiting = resolve;
      take();
    });
}
