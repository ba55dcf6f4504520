import {
  backOffMs,
  type DrainStep,
  drainStep,
  type ForwardQueue,
  MAX_BATCH,
  MAX_BATCH_BYTES,
  type QueuedEntry,
} from "../forward-queue.ts";
import type { ForwardEntry } from "../hub-link.ts";
import type { HttpHub } from "../http-hub.ts";
import type { DurableNamespace, DurableState, WorkerEnv } from "./workers-types.ts";

const HERE = "https://forward-queue/";
const PREFIX = "q:";
/** If the object is gone before it has drained, it is woken again after this long, in milliseconds. */
const SAFETY_MS = 1000;
/** Entries wait this long for others to travel with, in milliseconds. */
const GATHER_MS = 50;
/** The platform writes and deletes at most so many keys in one call. */
const MAX_KEYS = 128;
/** Rows read in one call: an object's memory is small, and an entry may have 64 KB. */
const PAGE = 64;

/** What a queue object needs of the edge it belongs to. */
export interface QueueServices {
  readonly hub: Pick<HttpHub, "send">;
  readonly delivered: (entries: readonly QueuedEntry["entry"][]) => Promise<void>;
}

/**
 * The Durable Object of one forward queue. An append is answered when it is stored; entries leave in order, one batch
 * at a time, and stay through any outage of the hub.
 *
 * As long as entries wait there is an alarm in storage: whatever ends the object, it is woken again.
 */
export class ForwardQueueObject {
  readonly #state: DurableState;
  readonly #services: QueueServices;
  #next: number | undefined;
  #draining: Promise<void> | undefined;
  #endGathering: (() => void) | undefined;
  #hasNews = false;
  /** Whether an alarm is known to be in storage. */
  #hasAlarm = false;
  #failures = 0;

  constructor(state: DurableState, services: QueueServices) {
    this.#state = state;
    this.#services = services;
  }

  /** POST: appends entries, as `writeEntries` writes them. GET: how many wait. */
  async fetch(request: Request): Promise<Response> {
    const { storage } = this.#state;
    if (request.method === "GET") {
      const waiting = await storage.list({ prefix: PREFIX, limit: 1000 });
      return new Response(JSON.stringify({ waiting: waiting.size, failures: this.#failures }));
    }
    const { rows, isUrgent } = readEntries(await request.text());
    await this.#append(rows);
    this.#hasNews = true;
    // After a failure the alarm tries again, and nobody before it.
    if (this.#failures === 0) this.#state.waitUntil(this.#drain());
    if (isUrgent) this.#endGathering?.();
    return new Response(null, { status: 200 });
  }

  /** Goes on where draining stopped; while somebody else drains, watches over them. */
  async alarm(): Promise<void> {
    this.#hasAlarm = false;
    if (this.#draining === undefined) await this.#drain();
    else await this.#wakeAfter(SAFETY_MS);
  }

  async #append(entries: readonly string[]): Promise<void> {
    if (this.#next === undefined) {
      const free = (await this.#lastPosition()) + 1;
      this.#next ??= free;
    }
    this.#hasAlarm ||= (await this.#state.storage.getAlarm()) !== null;
    const first = this.#next;
    this.#next = first + entries.length;
    // Writes that follow each other without waiting are one: all of them are kept, or none.
    const writes: Promise<void>[] = this.#hasAlarm ? [] : [this.#wakeAfter(SAFETY_MS)];
    for (let from = 0; from < entries.length; from += MAX_KEYS) {
      const part = entries.slice(from, from + MAX_KEYS);
      writes.push(
        this.#state.storage.put(
          Object.fromEntries(part.map((entry, index) => [keyOf(first + from + index), entry])),
        ),
      );
    }
    await Promise.all(writes);
  }

  async #lastPosition(): Promise<number> {
    const last = await this.#state.storage.list({ prefix: PREFIX, limit: 1, reverse: true });
    const [key] = [...last.keys()];
    const stored = (await this.#state.storage.get<number>("dropped")) ?? -1;
    return key === undefined ? stored : positionOf(key);
  }

  #wakeAfter(ms: number): Promise<void> {
    this.#hasAlarm = true;
    return this.#state.storage.setAlarm(Date.now() + ms);
  }

  /** Sends what waits; whoever asks meanwhile gets the same run. */
  #drain(): Promise<void> {
    return (this.#draining ??= this.#run().finally(() => {
      this.#draining = undefined;
      if (this.#hasNews && this.#failures === 0) this.#state.waitUntil(this.#drain());
    }));
  }

  async #run(): Promise<void> {
    let gathers = this.#failures === 0;
    for (;;) {
      if (gathers) await this.#gather();
      this.#hasNews = false;
      const step = await this.#step();
      if (step.kind === "retry") {
        const wait = step.afterMs ?? backOffMs(this.#failures, 0.5);
        this.#failures++;
        await this.#wakeAfter(wait);
        return;
      }
      this.#failures = 0;
      if (step.kind === "empty" && !this.#hasNews) return;
      gathers = step.kind === "empty" || step.count < MAX_BATCH;
    }
  }

  #gather(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, GATHER_MS);
      this.#endGathering = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  #step(): Promise<DrainStep> {
    const { storage } = this.#state;
    return drainStep({
      queue: this.#queue(),
      send: this.#services.hub.send,
      refuse: ({ entry, position, text }, status) =>
        storage.put(`refused:${keyOf(position)}`, { entry: { ...entry, body: JSON.parse(text) }, status }),
      delivered: (entries) => this.#state.waitUntil(this.#services.delivered(entries).catch(() => undefined)),
    }).catch((): DrainStep => ({ kind: "retry" }));
  }

  #queue(): Pick<ForwardQueue, "peek" | "drop"> {
    const { storage } = this.#state;
    return {
      peek: async (max) => {
        const found: QueuedEntry[] = [];
        let bytes = 0;
        let after: string | undefined;
        while (found.length < max && bytes <= MAX_BATCH_BYTES) {
          const limit = Math.min(PAGE, max - found.length);
          const rows = await storage.list<Row>({
            prefix: PREFIX,
            limit,
            ...(after === undefined ? {} : { startAfter: after }),
          });
          for (const [key, row] of rows) {
            const queued = readRow(row);
            found.push({ position: positionOf(key), ...queued });
            bytes += queued.text.length;
            after = key;
          }
          if (rows.size < limit) break;
        }
        return found;
      },
      drop: async (position) => {
        const rows = await storage.list({ prefix: PREFIX, end: keyOf(position + 1) });
        const keys = [...rows.keys()];
        const writes: Promise<unknown>[] = [storage.put("dropped", position)];
        for (let at = 0; at < keys.length; at += MAX_KEYS)
          writes.push(storage.delete(keys.slice(at, at + MAX_KEYS)));
        await Promise.all(writes);
      },
    };
  }
}

/** An entry as it is stored: a line about it, and its body as JSON text. An entry whole is how it was stored before. */
type Row = string | ForwardEntry;

/** Entries as they go to a queue object and are stored there: a body is made into text once, and never taken apart. */
export function writeEntries(entries: readonly ForwardEntry[]): string {
  return entries.map(({ body, ...entry }) => `${JSON.stringify(entry)}\n${JSON.stringify(body)}`).join("\n");
}

function readEntries(text: string): { readonly rows: readonly string[]; readonly isUrgent: boolean } {
  const lines = text.split("\n");
  const rows: string[] = [];
  let isUrgent = false;
  for (let line = 0; line + 1 < lines.length; line += 2) {
    const about = lines[line] ?? "";
    isUrgent ||= about.includes('"refresh":');
    rows.push(`${about}\n${lines[line + 1] ?? ""}`);
  }
  return { rows, isUrgent };
}

function readRow(row: Row): Omit<QueuedEntry, "position"> {
  if (typeof row !== "string") {
    const { body, ...entry } = row;
    return { entry, text: JSON.stringify(body) };
  }
  const end = row.indexOf("\n");
  return { entry: JSON.parse(row.slice(0, end)) as QueuedEntry["entry"], text: row.slice(end + 1) };
}

function keyOf(position: number): string {
  return PREFIX + String(position).padStart(16, "0");
}

function positionOf(key: string): number {
  return Number(key.slice(PREFIX.length));
}

/** Hands entries to the queue objects: all of one order key to the same one, so that their order is kept. */
export async function appendToQueues(
  namespace: DurableNamespace,
  options: { readonly shards: number; readonly scope: string },
  entries: readonly ForwardEntry[],
): Promise<void> {
  const byShard = new Map<number, ForwardEntry[]>();
  for (const entry of entries) {
    const shard = shardOf(entry.orderKey, options.shards);
    const list = byShard.get(shard);
    if (list === undefined) byShard.set(shard, [entry]);
    else list.push(entry);
  }
  await Promise.all(
    [...byShard].map(async ([shard, list]) => {
      const stub = namespace.get(namespace.idFromName(`${options.scope}\n${shard}`));
      const response = await stub.fetch(HERE, { method: "POST", body: writeEntries(list) });
      if (response.status !== 200) throw new Error("The forward queue did not take the entries.");
    }),
  );
}

function shardOf(orderKey: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < orderKey.length; index++) {
    hash = Math.imul(hash ^ orderKey.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % shards;
}

/** The number of queues a worker's settings ask for. */
export function shardCount(env: Pick<WorkerEnv, "FORWARD_SHARDS">): number {
  const count = Number(env.FORWARD_SHARDS ?? "8");
  return Number.isInteger(count) && count > 0 && count <= 1024 ? count : 8;
}
