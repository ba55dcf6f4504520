import { createMemoryOutbox } from "./memory-outbox.ts";
import type { DeliveryStore, FinishedItem, Outbox, OutboxItem, Settlement } from "./outbox.ts";

/** PORT. The durable queue that items are committed into, together with the change that causes them. */
export interface OutboxSource {
  /** Unfinished items of a destination with a sequence above `after`, in order. */
  read(
    destinationId: string,
    after: number,
    limit: number,
  ): Promise<readonly { readonly sequence: number; readonly item: OutboxItem }[]>;
  append(items: readonly OutboxItem[]): Promise<void>;
  /** Removes finished items. */
  acknowledge(ids: readonly string[]): Promise<void>;
}

/** PORT. Where ends and pauses are kept: log lines, dead letters, pauses, what destinations call audiences. */
export type DeliveryJournal = Pick<
  DeliveryStore,
  "record" | "deadLetters" | "replaceDeadLetters" | "deliveries" | "setPause" | "pauseOf" | "references"
>;

const PAGE = 1000;

/**
 * A delivery store over a plain durable queue, for one worker process a destination: scheduling is kept in memory, the
 * queue and the journal are the truth. An item is acknowledged after its end was journalled, so a process killed at
 * any moment loses nothing: what was not acknowledged is read and told again. Attempts and accepted jobs begin anew,
 * and so does the memory of ids that came to their end.
 * At most `window` items of a destination are held in memory (default 20,000).
 */
export function createRelayedOutbox(ports: {
  readonly source: OutboxSource;
  readonly journal: DeliveryJournal;
  readonly window?: number;
}): DeliveryStore {
  const { source, journal, window = 20_000 } = ports;
  const schedule = createMemoryOutbox({ keep: 0 });
  const held = new Map<string, OutboxItem>();
  const read = new Map<string, number>();
  let ended: FinishedItem[] = [];
  /** Ids that came to their end here lately: a queue that forgets what was acknowledged may bring them once more. */
  const done = new Set<string>();

  /** Journals and acknowledges ends that could not be written before. */
  const flush = async (): Promise<void> => {
    if (ended.length === 0) return;
    const writing = ended;
    ended = [];
    try {
      await journal.record(writing);
      await source.acknowledge(writing.map(({ item }) => item.id));
      for (const { item } of writing) done.add(item.id);
      for (const oldest of done) {
        if (done.size <= window) break;
        done.delete(oldest);
      }
    } catch (error) {
      ended = [...writing, ...ended];
      throw error;
    }
  };
  const fill = async (destinationId: string, now: string, wanted: number): Promise<void> => {
    await flush();
    for (;;) {
      const { ready, waiting } = await schedule.backlog(destinationId, now);
      if (ready >= wanted || waiting >= window) return;
      const page = await source.read(destinationId, read.get(destinationId) ?? 0, PAGE);
      const last = page.at(-1);
      if (!last) return;
      read.set(destinationId, last.sequence);
      const again = page.filter(({ item }) => done.has(item.id)).map(({ item }) => item.id);
      if (again.length > 0) await source.acknowledge(again);
      const news = page.flatMap(({ item }) => (done.has(item.id) ? [] : [item]));
      for (const item of news) held.set(item.id, item);
      await schedule.append(news);
    }
  };
  const settle: Outbox["settle"] = async (destinationId, worker, settlements) => {
    const applied = await schedule.settle(destinationId, worker, settlements);
    const still = new Set(applied);
    const dead: string[] = [];
    for (const settlement of settlements) {
      const item = held.get(settlement.id);
      const outcome = endOf(settlement);
      if (!item || !outcome || !still.has(settlement.id)) continue;
      held.delete(settlement.id);
      ended.push({ item, at: settlement.at, outcome });
      if (settlement.kind === "dead") dead.push(settlement.id);
    }
    if (dead.length > 0) await schedule.replaceDeadLetters(destinationId, dead, []);
    await flush();
    return applied;
  };

  return {
    append: (items) => source.append(items),
    lease: async (request) => {
      if (await journal.pauseOf(request.destinationId)) return [];
      await fill(request.destinationId, request.now, request.max);
      return schedule.lease(request);
    },
    settle,
    backlog: async (destinationId, now, measured) => {
      await fill(destinationId, now, window);
      return schedule.backlog(destinationId, now, measured);
    },
    dueJobs: async (request) =>
      (await journal.pauseOf(request.destinationId)) ? [] : schedule.dueJobs(request),
    setPause: (destinationId, pause) => journal.setPause(destinationId, pause),
    pauseOf: (destinationId) => journal.pauseOf(destinationId),
    references: (destinationId) => journal.references(destinationId),
    deadLetters: (query) => journal.deadLetters(query),
    replaceDeadLetters: async (destinationId, ids, by) => {
      // Appending first: a process that ends in between sends again rather than not at all.
      if (by.length > 0) await source.append(by);
      await journal.replaceDeadLetters(destinationId, ids, []);
    },
    deliveries: (query) => journal.deliveries(query),
    record: (finished) => journal.record(finished),
  };
}

function endOf(settlement: Settlement): FinishedItem["outcome"] | undefined {
  if (settlement.kind === "delivered") {
    const { reference } = settlement;
    return { kind: "delivered", ...(reference !== undefined && { reference }) };
  }
  if (settlement.kind !== "dead") return undefined;
  const { code, detail } = settlement;
  return { kind: "rejected", code, ...(detail !== undefined && { detail }) };
}
