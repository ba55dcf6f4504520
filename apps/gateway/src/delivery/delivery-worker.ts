import { setTimeout as wait } from "node:timers/promises";
import {
  createDeliveryEngine,
  createMemoryOutbox,
  createRelayedOutbox,
  type DeliveryJournal,
  type DeliveryStore,
  type DestinationMetrics,
  type FinishedItem,
  type OutboxItem,
  type OutboxSource,
} from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import type { DocumentWrite, HubCommit, HubStore } from "@tessera/profile-store";
import { type JsonObject, parseInstant, parseJson } from "@tessera/xdm";
import type { Sender } from "../transports/send.ts";

/** Tells the streaming destinations of one sandbox what stands in its outbox. */
export interface DeliveryWorker {
  /** Dead letters, the delivery log and pauses. */
  readonly store: DeliveryStore;
  readonly metrics: () => readonly DestinationMetrics[];
  /** Ends after the calls that are under way. */
  readonly close: () => Promise<void>;
}

/** What a worker is made of. */
export interface DeliveryWorkerOptions {
  readonly hub: Hub;
  readonly store: HubStore;
  readonly send: Sender;
  readonly clock: () => number;
  readonly organisation: string;
  readonly sandbox: string;
  readonly onError: (what: string, error: unknown) => void;
}

const NOTHING: HubCommit = {
  persons: [],
  events: [],
  records: [],
  memberships: [],
  outbox: [],
  quarantine: [],
  documents: [],
  counters: {},
};

/**
 * Runs the delivery engine over the hub's outbox: at least once, in order for each person and destination. What a
 * destination rejects is kept as a dead letter in the store, before the item leaves the outbox.
 */
export async function startDeliveryWorker(options: DeliveryWorkerOptions): Promise<DeliveryWorker> {
  const { hub, store, send, clock, organisation, sandbox, onError } = options;
  const delivery = createRelayedOutbox({ source: sourceOf(store), journal: await openJournal(store) });
  const engine = createDeliveryEngine(
    {
      outbox: delivery,
      destination: (id) => hub.destinations().get(id)?.configured,
      dataflow: (id) =>
        [...hub.destinations().values()].flatMap(({ dataflows }) => dataflows).find((flow) => flow.id === id),
      send,
      sleep: (ms, signal) =>
        wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
      now: clock,
      random: Math.random,
      report: (destinationId, error) => onError(`delivery to ${destinationId}`, error),
    },
    { worker: "gateway", orgId: organisation, sandbox },
  );
  const stop = new AbortController();
  const streaming = (): readonly string[] =>
    [...hub.destinations().values()]
      .filter(({ configured }) => configured.kind.startsWith("streaming"))
      .map(({ stored }) => stored.id);
  const running = engine.run(streaming, stop.signal).catch((error: unknown) => onError("delivery", error));
  return {
    store: delivery,
    metrics: engine.metrics,
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

function sourceOf(store: HubStore): OutboxSource {
  return {
    read: async (destinationId, after, limit) =>
      (await store.outbox(destinationId, after, limit)).map(({ sequence, body }) => ({
        sequence,
        item: body as unknown as OutboxItem,
      })),
    append: async (items) => {
      const outbox = items.map((item) => {
        const at = parseInstant(item.enqueuedAt);
        const { id, destinationId, lanes } = item;
        return { id, destinationId, personId: lanes[0] ?? "", at: at.ok ? at.value : 0, body: jsonOf(item) };
      });
      await store.commit({ ...NOTHING, outbox });
    },
    acknowledge: (ids) => store.acknowledge(ids),
  };
}

/** The journal in memory, its dead letters also as documents of the store, from which they come back at the start. */
async function openJournal(store: HubStore): Promise<DeliveryJournal> {
  const journal = createMemoryOutbox();
  const kept = (await store.documents(DEAD_LETTER)).map(({ body }) => body as unknown as FinishedItem);
  if (kept.length > 0) await journal.record(kept);
  const write = async (id: string, body?: JsonObject): Promise<DocumentWrite> => {
    const before = await store.document(DEAD_LETTER, id);
    return {
      kind: DEAD_LETTER,
      id,
      expectedVersion: before?.version ?? 0,
      ...(body !== undefined && { body }),
    };
  };
  const commit = async (documents: readonly DocumentWrite[]): Promise<void> => {
    if (documents.length > 0 && !(await store.commit({ ...NOTHING, documents })).ok) {
      throw new Error("Dead letters met a conflicting commit; they are written again.");
    }
  };
  return {
    record: async (finished) => {
      const rejected = finished.filter(({ outcome }) => outcome.kind === "rejected");
      await commit(await Promise.all(rejected.map((one) => write(one.item.id, jsonOf(one)))));
      await journal.record(finished);
    },
    deadLetters: (...query) => journal.deadLetters(...query),
    replaceDeadLetters: async (destinationId, ids, items) => {
      await journal.replaceDeadLetters(destinationId, ids, items);
      const stored = await Promise.all(ids.map((id) => store.document(DEAD_LETTER, id)));
      const present = stored.flatMap((document) => (document === undefined ? [] : [document.id]));
      await commit(await Promise.all(present.map((id) => write(id))));
    },
    deliveries: (...query) => journal.deliveries(...query),
    setPause: (...given) => journal.setPause(...given),
    pauseOf: (destinationId) => journal.pauseOf(destinationId),
  };
}

const DEAD_LETTER = "deadLetter";

function jsonOf(value: object): JsonObject {
  const json = parseJson(value);
  if ("badPath" in json) throw new Error("What is delivered is JSON data.");
  return json.value as JsonObject;
}
