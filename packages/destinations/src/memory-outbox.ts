import { audienceKey } from "./activation-batch.ts";
import type { AcceptedJob } from "./definition.ts";
import {
  type Backlog,
  type DeadLetter,
  type DeadLetterQuery,
  type DeliveryLogEntry,
  type DeliveryLogQuery,
  type DeliveryStore,
  type LeasedItem,
  type LeaseRequest,
  logEntry,
  type OutboxItem,
  type Pause,
  personOf,
  rowKey,
  type Settlement,
} from "./outbox.ts";
import { Heap } from "./heap.ts";

interface Entry {
  readonly item: OutboxItem;
  readonly seq: number;
  attempts: number;
  /** Size as JSON, once somebody asked. */
  bytes?: number;
  /** Lanes in which something earlier is unfinished. */
  blockedBy: number;
  state:
    | { readonly kind: "blocked" | "ready" }
    | { readonly kind: "delayed"; readonly until: string }
    | { readonly kind: "leased"; readonly worker: string; readonly until: string }
    | { readonly kind: "accepted"; readonly job: string; readonly until: string; readonly worker?: string };
}

interface Timed {
  readonly entry: Entry;
  readonly until: string;
  readonly state: Entry["state"];
}

interface Queue {
  /** Unfinished items in order, by lane; the first is the head. */
  readonly lanes: Map<string, Set<Entry>>;
  readonly ready: Heap<Entry>;
  /** Entries that wait for a time: delayed, or leased until. Stale ones are passed over. */
  timed: Heap<Timed>;
  readonly entries: Map<string, Entry>;
  readonly dead: Map<string, DeadLetter>;
  /** Ids of the dead letters of rows, by `rowKey`. */
  readonly rows: Map<string, string>;
  readonly done: Set<string>;
  readonly references: Map<string, string>;
  readyCount: number;
  pause: Pause | undefined;
}

const byTime = (a: Timed, b: Timed): number =>
  a.until < b.until ? -1 : a.until > b.until ? 1 : a.entry.seq - b.entry.seq;

const BLOCKED: Entry["state"] = { kind: "blocked" };
const READY: Entry["state"] = { kind: "ready" };

/**
 * The delivery store in memory: the executable specification of the port, and what tests and small set-ups use.
 * Nothing survives the process. Finished ids and log lines are kept up to `keep` each, oldest out first.
 */
export function createMemoryOutbox({ keep = 1_000_000 }: { readonly keep?: number } = {}): DeliveryStore {
  const queues = new Map<string, Queue>();
  const log = new Map<string, DeliveryLogEntry[]>();
  let seq = 0;

  const queueOf = (destinationId: string): Queue => {
    let queue = queues.get(destinationId);
    if (!queue) queues.set(destinationId, (queue = emptyQueue()));
    return queue;
  };
  const record = (entry: DeliveryLogEntry | undefined): void => {
    if (!entry) return;
    const lines = log.get(entry.personId);
    if (lines) lines.push(entry);
    else log.set(entry.personId, [entry]);
    if (log.size > keep) dropOldest(log);
  };
  const append = (items: readonly OutboxItem[]): void => {
    for (const item of items) {
      const queue = queueOf(item.destinationId);
      if (queue.entries.has(item.id) || queue.done.has(item.id) || queue.dead.has(item.id)) continue;
      seq += 1;
      enqueue(queue, { item, seq, attempts: 0, blockedBy: 0, state: BLOCKED });
    }
  };
  const settleOne = (queue: Queue, worker: string, settlement: Settlement): boolean => {
    const entry = queue.entries.get(settlement.id);
    if (!entry || !("worker" in entry.state) || entry.state.worker !== worker) return false;
    apply({ queue, entry, settlement, record, keep });
    return true;
  };

  return {
    append: async (items) => append(items),
    lease: async (request) => lease(queueOf(request.destinationId), request),
    settle: async (destinationId, worker, settlements) => {
      const queue = queueOf(destinationId);
      return settlements.filter((settlement) => settleOne(queue, worker, settlement)).map(({ id }) => id);
    },
    backlog: async (destinationId, now, measured = false) => backlogOf(queueOf(destinationId), now, measured),
    dueJobs: async (request) => dueJobs(queueOf(request.destinationId), request),
    setPause: async (destinationId, pause) => {
      queueOf(destinationId).pause = pause;
    },
    pauseOf: async (destinationId) => queueOf(destinationId).pause,
    references: async (destinationId) => new Map(queueOf(destinationId).references),
    deadLetters: async (query) => findLetters(queueOf(query.destinationId), query),
    replaceDeadLetters: async (destinationId, ids, by) => {
      const { dead, done } = queueOf(destinationId);
      for (const id of ids) if (dead.delete(id)) remember(done, id, keep);
      append(by);
    },
    deliveries: async (query) => findDeliveries(log, query),
    record: async (finished) => {
      for (const { item, at, outcome } of finished) {
        record(logEntry(item, at, outcome));
        const queue = queueOf(item.destinationId);
        const row = rowKey(item);
        if (row !== undefined) {
          queue.dead.delete(queue.rows.get(row) ?? "");
          queue.rows.delete(row);
        }
        if (outcome.kind === "delivered") {
          refer(queue, item, outcome.reference);
          continue;
        }
        const { code, detail } = outcome;
        const letter = { item, at, code, ...(detail !== undefined && { detail }), attempts: 1 };
        queue.dead.set(item.id, letter);
        if (row !== undefined) queue.rows.set(row, item.id);
      }
    },
  };
}

function emptyQueue(): Queue {
  return {
    lanes: new Map(),
    ready: new Heap((a, b) => a.seq - b.seq),
    timed: new Heap(byTime),
    entries: new Map(),
    dead: new Map(),
    rows: new Map(),
    done: new Set(),
    references: new Map(),
    readyCount: 0,
    pause: undefined,
  };
}

function enqueue(queue: Queue, entry: Entry): void {
  queue.entries.set(entry.item.id, entry);
  for (const lane of lanesOf(entry.item)) {
    const waiting = queue.lanes.get(lane);
    if (waiting) {
      entry.blockedBy += 1;
      waiting.add(entry);
    } else {
      queue.lanes.set(lane, new Set([entry]));
    }
  }
  if (entry.blockedBy === 0) makeReady(queue, entry);
}

function makeReady(queue: Queue, entry: Entry): void {
  entry.state = READY;
  queue.readyCount += 1;
  queue.ready.push(entry);
}

/** Puts back what waited for a time that has come: retries, and leases that ran out. */
function wake(queue: Queue, now: string): void {
  for (let next = queue.timed.peek(); next && next.until <= now; next = queue.timed.peek()) {
    queue.timed.pop();
    if (next.entry.state !== next.state) continue;
    if (next.state.kind === "leased") next.entry.attempts += 1;
    makeReady(queue, next.entry);
  }
}

function waitUntil(queue: Queue, entry: Entry, state: Entry["state"] & { readonly until: string }): void {
  entry.state = state;
  queue.timed.push({ entry, until: state.until, state });
  if (queue.timed.size > 2 * queue.entries.size + 10_000) dropStale(queue);
}

/** Settled leases stay in the heap until their time comes; they must not outgrow what is alive. */
function dropStale(queue: Queue): void {
  const alive = new Heap(byTime);
  for (let next = queue.timed.pop(); next; next = queue.timed.pop()) {
    if (next.entry.state === next.state) alive.push(next);
  }
  queue.timed = alive;
}

function lease(queue: Queue, request: LeaseRequest): readonly LeasedItem[] {
  if (queue.pause) return [];
  wake(queue, request.now);
  const leased: LeasedItem[] = [];
  while (leased.length < request.max) {
    const entry = queue.ready.pop();
    if (!entry) break;
    queue.readyCount -= 1;
    waitUntil(queue, entry, { kind: "leased", worker: request.worker, until: request.leasedUntil });
    leased.push({ ...entry.item, attempts: entry.attempts });
  }
  return leased;
}

function apply(change: {
  readonly queue: Queue;
  readonly entry: Entry;
  readonly settlement: Settlement;
  readonly record: (entry: DeliveryLogEntry | undefined) => void;
  readonly keep: number;
}): void {
  const { queue, entry, settlement, record, keep } = change;
  switch (settlement.kind) {
    case "released":
      waitUntil(queue, entry, { kind: "delayed", until: settlement.notBefore });
      break;
    case "retry":
      entry.attempts += 1;
      waitUntil(queue, entry, { kind: "delayed", until: settlement.notBefore });
      break;
    case "accepted": {
      // Asking after a job again is no news.
      const known = entry.state.kind === "accepted" && entry.state.job === settlement.job;
      entry.state = { kind: "accepted", job: settlement.job, until: settlement.checkAt };
      if (!known) record(logEntry(entry.item, settlement.at, { kind: "accepted" }));
      break;
    }
    case "delivered":
      finish(queue, entry);
      refer(queue, entry.item, settlement.reference);
      remember(queue.done, entry.item.id, keep);
      record(logEntry(entry.item, settlement.at, { kind: "delivered" }));
      break;
    case "dead": {
      finish(queue, entry);
      const { at, code, detail } = settlement;
      const attempts = entry.attempts + 1;
      queue.dead.set(entry.item.id, {
        item: entry.item,
        at,
        code,
        ...(detail !== undefined && { detail }),
        attempts,
      });
      record(logEntry(entry.item, at, { kind: "rejected", code }));
    }
  }
}

/** Keeps what the destination calls an audience, until its definition is removed there. */
function refer({ references }: Queue, { payload }: OutboxItem, reference: string | undefined): void {
  if (payload.kind !== "audience") return;
  const key = audienceKey(payload.item.audience);
  if (payload.item.change === "unmapped") references.delete(key);
  else if (reference !== undefined) references.set(key, reference);
}

function finish(queue: Queue, entry: Entry): void {
  queue.entries.delete(entry.item.id);
  // Its lease still stands among the timed: with another state it is passed over there.
  entry.state = BLOCKED;
  for (const lane of lanesOf(entry.item)) {
    const waiting = queue.lanes.get(lane);
    waiting?.delete(entry);
    const next = waiting?.values().next();
    if (!next || next.done) queue.lanes.delete(lane);
    else {
      next.value.blockedBy -= 1;
      if (next.value.blockedBy === 0) makeReady(queue, next.value);
    }
  }
}

function remember(done: Set<string>, id: string, keep: number): void {
  done.add(id);
  if (done.size > keep) dropOldest(done);
}

function dropOldest(kept: { keys: () => Iterator<string>; delete: (key: string) => boolean }): void {
  const oldest = kept.keys().next();
  if (!oldest.done) kept.delete(oldest.value);
}

/** The lanes of an item, each once. */
function lanesOf({ lanes }: OutboxItem): Iterable<string> {
  return lanes.length < 2 ? lanes : new Set(lanes);
}

function backlogOf(queue: Queue, now: string, measured: boolean): Backlog {
  wake(queue, now);
  const oldest = queue.ready.peek();
  return {
    waiting: queue.entries.size,
    ready: queue.readyCount,
    ...(oldest && { oldestReadyAt: oldest.item.enqueuedAt }),
    ...(measured && { readyBytes: readyBytes(queue) }),
  };
}

function readyBytes({ entries }: Queue): number {
  let sum = 0;
  for (const entry of entries.values())
    if (entry.state.kind === "ready") sum += entry.bytes ??= JSON.stringify(entry.item.payload.item).length;
  return sum;
}

function dueJobs(queue: Queue, request: Omit<LeaseRequest, "max">): readonly AcceptedJob[] {
  if (queue.pause) return [];
  const jobs = new Map<string, string[]>();
  for (const entry of queue.entries.values()) {
    const { state } = entry;
    if (state.kind !== "accepted" || state.until > request.now) continue;
    entry.state = { ...state, until: request.leasedUntil, worker: request.worker };
    const items = jobs.get(state.job);
    if (items) items.push(entry.item.id);
    else jobs.set(state.job, [entry.item.id]);
  }
  return [...jobs].map(([job, items]) => ({ job, items }));
}

function findLetters(queue: Queue, query: DeadLetterQuery): readonly DeadLetter[] {
  const found: DeadLetter[] = [];
  const ids = query.ids && new Set(query.ids);
  let reached = query.after === undefined;
  for (const letter of queue.dead.values()) {
    if (found.length === query.limit) break;
    const matches =
      reached &&
      (!ids || ids.has(letter.item.id)) &&
      (!query.codes || query.codes.includes(letter.code)) &&
      (query.dataflowId === undefined || query.dataflowId === letter.item.dataflowId) &&
      (!query.personIds || query.personIds.includes(personOf(letter.item) ?? "")) &&
      (query.since === undefined || letter.at >= query.since);
    if (matches) found.push(letter);
    if (letter.item.id === query.after) reached = true;
  }
  return found;
}

function findDeliveries(
  log: ReadonlyMap<string, readonly DeliveryLogEntry[]>,
  query: DeliveryLogQuery,
): readonly DeliveryLogEntry[] {
  return query.personIds
    .flatMap((personId) => log.get(personId) ?? [])
    .filter(
      (entry) =>
        (query.destinationId === undefined || entry.destinationId === query.destinationId) &&
        (query.before === undefined || entry.at < query.before),
    )
    .reverse()
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
    .slice(0, query.limit);
}
