import { connect, type Socket } from "node:net";

/** What a load came to. Latencies are the client's, in milliseconds, from writing a request to the end of its answer. */
export interface LoadResult {
  readonly answered: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** How many answers had another status than 2xx. */
  readonly failed: number;
  /** What the load itself took of a processor for one request, in microseconds. */
  readonly ownMicros: number;
  /** At a steady rate: how much later than due the load itself came to send, in milliseconds. Not in the latencies. */
  readonly ownLateness: { readonly p50: number; readonly p99: number };
}

/** How requests are sent. */
export interface LoadOptions {
  readonly port: number;
  readonly request: () => Buffer;
  readonly connections: number;
  /** Stops after this long, in milliseconds, … */
  readonly forMs?: number;
  /** … or after so many requests. */
  readonly requests?: number;
  /**
   * A steady rate. A request that is due while all connections wait for answers waits as well, and its waiting counts;
   * what the load itself comes too late for (its timers, its garbage) is told apart, since no server causes it.
   */
  readonly perSecond?: number;
}

/** Sends prepared requests over kept connections: as fast as they are answered, or at a steady rate. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { port, connections } = options;
  const lines = await Promise.all(Array.from({ length: connections }, () => openLine(port)));
  const cpu = process.cpuUsage();
  const start = performance.now();
  const told = await (options.perSecond === undefined
    ? flatOut(lines, options, start)
    : steadily(lines, options, options.perSecond));
  const elapsed = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  for (const line of lines) line.close();
  const latency = percentiles(told.latencies);
  const lateness = percentiles(told.lateness);
  return {
    answered: told.latencies.length,
    perSecond: told.latencies.length / elapsed,
    p50: latency(0.5),
    p95: latency(0.95),
    p99: latency(0.99),
    failed: lines.reduce((sum, line) => sum + line.failed(), 0),
    ownMicros: (used.user + used.system) / Math.max(1, told.latencies.length),
    ownLateness: { p50: lateness(0.5), p99: lateness(0.99) },
  };
}

interface Told {
  readonly latencies: readonly number[];
  readonly lateness: readonly number[];
}

function percentiles(values: readonly number[]): (share: number) => number {
  const sorted = Float64Array.from(values).sort();
  return (share) => sorted[Math.floor(sorted.length * share)] ?? 0;
}

function flatOut(lines: readonly Line[], options: LoadOptions, start: number): Promise<Told> {
  const { request, forMs = Infinity, requests = Infinity } = options;
  const latencies: number[] = [];
  let begun = 0;
  let open = lines.length;
  return new Promise((resolve, reject) => {
    for (const line of lines) {
      let sent = 0;
      const next = (): void => {
        if (begun >= requests || performance.now() - start >= forMs) {
          if (--open === 0) resolve({ latencies, lateness: [] });
          return;
        }
        begun++;
        sent = performance.now();
        line.send(request());
      };
      line.onAnswer = () => {
        latencies.push(performance.now() - sent);
        next();
      };
      line.onLost = reject;
      next();
    }
  });
}

function steadily(lines: readonly Line[], options: LoadOptions, perSecond: number): Promise<Told> {
  const { request, forMs = Infinity, requests = Infinity } = options;
  const all = Math.min(requests, Math.floor((forMs * perSecond) / 1000));
  const latencies: number[] = [];
  const lateness: number[] = [];
  const free = [...lines];
  /** When requests that found no free connection were to be sent. */
  const waiting: number[] = [];
  const start = performance.now();
  let due = 0;
  return new Promise((resolve, reject) => {
    const since = new Map<Line, number>();
    const send = (line: Line, from: number): void => {
      since.set(line, from);
      line.send(request());
    };
    for (const line of lines) {
      line.onAnswer = () => {
        latencies.push(performance.now() - (since.get(line) ?? 0));
        const from = waiting.shift();
        if (from === undefined) free.push(line);
        else send(line, from);
        if (latencies.length === all) {
          clearInterval(timer);
          resolve({ latencies, lateness });
        }
      };
      line.onLost = reject;
    }
    const timer = setInterval(() => {
      for (; due < all; due++) {
        const now = performance.now();
        const late = now - (start + (due * 1000) / perSecond);
        if (late < 0) return;
        lateness.push(late);
        const line = free.pop();
        if (line === undefined) waiting.push(now);
        else send(line, now);
      }
    }, 1);
  });
}

/** A kept connection with one request under way at a time. */
interface Line {
  readonly send: (bytes: Buffer) => void;
  readonly close: () => void;
  readonly failed: () => number;
  onAnswer: () => void;
  onLost: (error: Error) => void;
}

async function openLine(port: number): Promise<Line> {
  const socket = await open(port);
  let failed = 0;
  let isClosed = false;
  let held: Buffer | undefined;
  const line: Line = {
    send: (bytes) => socket.write(bytes),
    close: () => {
      isClosed = true;
      socket.destroy();
    },
    failed: () => failed,
    onAnswer: () => undefined,
    onLost: () => undefined,
  };
  socket.on("data", (piece: Buffer) => {
    held = held === undefined ? piece : Buffer.concat([held, piece]);
    const end = endOfAnswer(held);
    if (end < 0) return;
    if ((held[9] ?? 0) !== TWO) failed++;
    held = end < held.length ? held.subarray(end) : undefined;
    line.onAnswer();
  });
  const lost = (error?: Error): void => {
    if (!isClosed) line.onLost(error ?? new Error("The server closed the connection."));
  };
  socket.on("error", lost);
  socket.on("close", () => lost());
  return line;
}

const TWO = 0x32;
const LENGTHS = [Buffer.from("ontent-length: "), Buffer.from("ontent-Length: ")];

/** Where the first answer among the bytes ends; -1 when it is not whole yet. Works on bytes: the load has to be light. */
function endOfAnswer(bytes: Buffer): number {
  const head = bytes.indexOf("\r\n\r\n", 0, "latin1");
  if (head < 0) return -1;
  for (const name of LENGTHS) {
    const at = bytes.indexOf(name);
    if (at < 0 || at > head) continue;
    let length = 0;
    for (let place = at + name.length; (bytes[place] ?? 0) >= 0x30; place++)
      length = length * 10 + (bytes[place] ?? 0) - 0x30;
    const end = head + 4 + length;
    return bytes.length < end ? -1 : end;
  }
  if (!bytes.toString("latin1", 0, head).toLowerCase().includes("transfer-encoding: chunked"))
    return head + 4;
  const last = bytes.indexOf("\r\n0\r\n\r\n", head + 2, "latin1");
  return last < 0 ? -1 : last + 7;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.removeListener("error", reject);
      resolve(socket);
    });
    socket.setNoDelay(true);
    socket.once("error", reject);
  });
}
