import type { ForwardEntry } from "./hub-link.ts";

/** A durable first-in-first-out queue. Positions grow; what was appended is read in the same order after a restart. */
export interface ForwardQueue {
  /** Resolves when the entries are kept durably. */
  readonly append: (entries: readonly ForwardEntry[]) => Promise<void>;
  /** The oldest entries, at most `max`. */
  readonly peek: (max: number) => Promise<readonly QueuedEntry[]>;
  /** Forgets everything up to and including `position`. */
  readonly drop: (position: number) => Promise<void>;
}

/** An entry at its place in the queue. */
export interface QueuedEntry {
  readonly position: number;
  readonly entry: Omit<ForwardEntry, "body">;
  /** Its body as JSON text, as it is sent. */
  readonly text: string;
}

/** Entries of one kind for one dataset, in order, as they are sent. */
export interface ForwardBatch {
  readonly kind: ForwardEntry["kind"];
  readonly datasetId: string;
  readonly sandbox?: string | undefined;
  /** JSON texts. */
  readonly bodies: readonly string[];
}

/** How a delivery of one batch ended. `refused` is final for the batch, `retry` is not. */
export type SendOutcome =
  | { readonly kind: "accepted"; readonly rejected: number }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "retry"; readonly afterMs?: number };

/** What draining works with. */
export interface DrainPorts {
  readonly queue: Pick<ForwardQueue, "peek" | "drop">;
  readonly send: (batch: ForwardBatch) => Promise<SendOutcome>;
  /** Told of each entry the hub will never take, with the hub's status. */
  readonly refuse: (queued: QueuedEntry, status: number) => Promise<void> | void;
  /** Told of entries that arrived and asked for the person to be fetched again. */
  readonly delivered: (entries: readonly QueuedEntry["entry"][]) => void;
}

/** What one step of draining did. */
export type DrainStep =
  | { readonly kind: "empty" }
  | { readonly kind: "sent"; readonly count: number }
  | { readonly kind: "retry"; readonly afterMs?: number };

/** Entries sent at once, at most. */
export const MAX_BATCH = 500;
/** Text sent at once, at most, in characters; a single entry may be longer. */
export const MAX_BATCH_BYTES = 900_000;

/**
 * Sends the oldest run of entries for one dataset, and forgets them when the hub has taken them. One batch is under
 * way at a time, so order is kept; a batch the hub refuses is taken apart, so that one bad entry costs only itself.
 */
export async function drainStep(ports: DrainPorts): Promise<DrainStep> {
  const head = await ports.queue.peek(MAX_BATCH);
  const run = sameDatasetRun(head);
  const last = run.at(-1);
  if (last === undefined) return { kind: "empty" };
  const outcome = await ports.send(batchOf(last.entry, run));
  if (outcome.kind === "retry") return outcome;
  if (outcome.kind === "accepted") {
    await ports.queue.drop(last.position);
    ports.delivered(run.map(({ entry }) => entry));
    return { kind: "sent", count: run.length };
  }
  return sendOneByOne(ports, run, outcome.status);
}

async function sendOneByOne(
  ports: DrainPorts,
  run: readonly QueuedEntry[],
  status: number,
): Promise<DrainStep> {
  let count = 0;
  for (const queued of run) {
    const { entry, position } = queued;
    const outcome: SendOutcome =
      run.length === 1 ? { kind: "refused", status } : await ports.send(batchOf(entry, [queued]));
    if (outcome.kind === "retry") return outcome;
    if (outcome.kind === "refused") await ports.refuse(queued, outcome.status);
    else ports.delivered([entry]);
    await ports.queue.drop(position);
    count++;
  }
  return { kind: "sent", count };
}

function batchOf(
  { kind, datasetId, sandbox }: QueuedEntry["entry"],
  run: readonly QueuedEntry[],
): ForwardBatch {
  return { kind, datasetId, sandbox, bodies: run.map(({ text }) => text) };
}

function sameDatasetRun(head: readonly QueuedEntry[]): readonly QueuedEntry[] {
  const first = head[0]?.entry;
  if (first === undefined) return [];
  let bytes = 0;
  const end = head.findIndex(({ entry, text }, index) => {
    bytes += text.length;
    const isOther =
      entry.kind !== first.kind || entry.datasetId !== first.datasetId || entry.sandbox !== first.sandbox;
    return isOther || (index > 0 && bytes > MAX_BATCH_BYTES);
  });
  return end < 0 ? head : head.slice(0, end);
}

/** How long to wait before trying again, in milliseconds: doubling from 250 to 10,000, spread by `random` (0 to 1). */
export function backOffMs(failures: number, random: number): number {
  return Math.round(Math.min(10_000, 250 * 2 ** Math.min(failures, 10)) * (0.75 + random / 2));
}
