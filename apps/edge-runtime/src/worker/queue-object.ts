import { backOffMs, drainStep, type ForwardQueue, type QueuedEntry } from "../forward-queue.ts";
import type { ForwardEntry } from "../hub-link.ts";
import type { HttpHub } from "../http-hub.ts";
import type { DurableNamespace, DurableState, WorkerEnv } from "./workers-types.ts";

const HERE = "https://forward-queue/";
const PREFIX = "q:";
/** If the object is gone before it has drained, it is woken again after this long, in milliseconds. */
const SAFETY_MS = 1000;

/** Entries wait this long for others to travel with, in milliseconds. */
const GATHER_MS = 15;

/** What a queue object needs of the edge it belongs to. */
export interface QueueServices {
  readonly hub: Pick<HttpHub, "send">;
  readonly delivered: (entries: readonly ForwardEntry[]) => Promise<void>;
}

/**
 * The Durable Object of one forward queue. An append is answered when it is stored; entries leave in order, one batch
 * at a time, and stay through any outage of the hub.
 */
export class ForwardQueueObject {
  readonly #state: DurableState;
  readonly #services: QueueServices;
  #next: number | undefined;
  #isDraining = false;
  #hasAlarm = false;
  #failures = 0;

  constructor(state: DurableState, services: QueueServices) {
    this.#state = state;
    this.#services = services;
  }

  /** POST: appends entries. GET: how many wait. */
  async fetch(request: Request): Promise<Response> {
    const { storage } = this.#state;
    if (request.method === "GET") {
      const waiting = await storage.list({ prefix: PREFIX, limit: 1000 });
      return new Response(JSON.stringify({ waiting: waiting.size, failures: this.#failures }));
    }
    const entries: readonly ForwardEntry[] = await request.json();
    let next = this.#next ?? (await this.#lastPosition()) + 1;
    const rows: Record<string, ForwardEntry> = {};
    for (const entry of entries) rows[keyOf(next++)] = entry;
    this.#next = next;
    await storage.put(rows);
    if (!this.#hasAlarm && (await storage.getAlarm()) === null)
      await storage.setAlarm(Date.now() + SAFETY_MS);
    this.#hasAlarm = true;
    if (this.#failures === 0 && !this.#isDraining) this.#state.waitUntil(this.#drain(GATHER_MS));
    return new Response(null, { status: 200 });
  }

  /** Goes on where draining stopped. */
  async alarm(): Promise<void> {
    this.#hasAlarm = false;
    await this.#drain(0);
  }

  async #lastPosition(): Promise<number> {
    const last = await this.#state.storage.list({ prefix: PREFIX, limit: 1, reverse: true });
    const [key] = [...last.keys()];
    const stored = (await this.#state.storage.get<number>("dropped")) ?? -1;
    return key === undefined ? stored : positionOf(key);
  }

  async #drain(gatherMs: number): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (;;) {
        if (gatherMs > 0) await new Promise((done) => setTimeout(done, gatherMs));
        const step = await drainStep({
          queue: this.#queue(),
          send: this.#services.hub.send,
          refuse: (entry, status) => this.#state.storage.put(`refused:${Date.now()}`, { entry, status }),
          delivered: (entries) => this.#state.waitUntil(this.#services.delivered(entries)),
        });
        if (step.kind === "empty") {
          this.#failures = 0;
          return;
        }
        if (step.kind === "sent") this.#failures = 0;
        else {
          const wait = step.afterMs ?? backOffMs(this.#failures, 0.5);
          this.#failures++;
          await this.#state.storage.setAlarm(Date.now() + wait);
          this.#hasAlarm = true;
          return;
        }
      }
    } finally {
      this.#isDraining = false;
    }
  }

  #queue(): Pick<ForwardQueue, "peek" | "drop" | "append"> {
    const { storage } = this.#state;
    return {
      append: () => Promise.reject(new Error("A queue object is appended to by its own requests.")),
      peek: async (max) => {
        const rows = await storage.list<ForwardEntry>({ prefix: PREFIX, limit: max });
        const found: QueuedEntry[] = [];
        for (const [key, entry] of rows)
          found.push({ position: positionOf(key), entry, text: JSON.stringify(entry.body) });
        return found;
      },
      drop: async (position) => {
        const rows = await storage.list({ prefix: PREFIX, end: keyOf(position + 1) });
        const keys = [...rows.keys()];
        // The platform deletes at most 128 keys in one call.
        for (let at = 0; at < keys.length; at += 128) await storage.delete(keys.slice(at, at + 128));
        await storage.put("dropped", position);
      },
    };
  }
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
      const response = await stub.fetch(HERE, { method: "POST", body: JSON.stringify(list) });
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
