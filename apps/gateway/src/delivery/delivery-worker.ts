import { setTimeout as wait } from "node:timers/promises";
import {
  createDeliveryEngine,
  createRelayedOutbox,
  type DeliveryStore,
  type DestinationMetrics,
  type OutboxItem,
  type OutboxSource,
} from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { parseInstant } from "@tessera/xdm";
import { jsonObjectOf, NOTHING } from "../documents.ts";
import { createDeliveryTraces, type DeliveryTraces } from "../observe/tracing.ts";
import type { Sender } from "../transports/send.ts";
import { createExportScheduler, type ExportScheduler } from "./export-schedule.ts";
import { createJournal } from "./journal.ts";
import type { ExportPorts } from "./write-exports.ts";

/** Tells the streaming destinations of one sandbox what stands in its outbox. */
export interface DeliveryWorker {
  /** Dead letters, the delivery log and pauses. */
  readonly store: DeliveryStore;
  /** Files, by schedule and after evaluations. */
  readonly exports: ExportScheduler;
  /** What files are written with when someone asks for them. */
  readonly exportPorts: ExportPorts;
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
  /** Whether this process tells the streaming destinations. */
  readonly runs: boolean;
  readonly onError: (what: string, error: unknown) => void;
}

/**
 * Runs the delivery engine over the hub's outbox: at least once, in order for each person and destination. What
 * became of an item stands in the journal before the item leaves the outbox.
 */
export function startDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { hub, store, send, clock, organisation, sandbox, onError } = options;
  const traces = createDeliveryTraces(sandbox);
  const delivery = createRelayedOutbox({ source: sourceOf(store, traces), journal: createJournal(store) });
  const engine = createDeliveryEngine(
    {
      outbox: delivery,
      destination: (id) => hub.destinations().get(id)?.configured,
      dataflow: (id) =>
        [...hub.destinations().values()].flatMap(({ dataflows }) => dataflows).find((flow) => flow.id === id),
      send: traces.traced(send),
      sleep: (ms, signal) =>
        wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
      now: clock,
      random: Math.random,
      report: (destinationId, error) => onError(`delivery to ${destinationId}`, error),
    },
    { worker: "gateway", orgId: organisation, sandbox },
  );
  const exportPorts = { send, clock, delivery };
  const stop = new AbortController();
  const streaming = (): readonly string[] =>
    [...hub.destinations().values()]
      .filter(({ configured }) => configured.kind.startsWith("streaming"))
      .map(({ stored }) => stored.id);
  const running = options.runs
    ? engine.run(streaming, stop.signal).catch((error: unknown) => onError("delivery", error))
    : undefined;
  return {
    store: delivery,
    exports: createExportScheduler({ hub, store }, exportPorts),
    exportPorts,
    metrics: engine.metrics,
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

function sourceOf(store: HubStore, traces: DeliveryTraces): OutboxSource {
  return {
    read: async (destinationId, after, limit) =>
      (await store.outbox(destinationId, after, limit)).map(({ sequence, body }) => {
        const item = body as unknown as OutboxItem;
        traces.note(item);
        return { sequence, item };
      }),
    append: async (items) => {
      const outbox = items.map((item) => {
        const at = parseInstant(item.enqueuedAt);
        const { id, destinationId, lanes } = item;
        return {
          id,
          destinationId,
          personId: lanes[0] ?? "",
          at: at.ok ? at.value : 0,
          body: jsonObjectOf(item),
        };
      });
      await store.commit({ ...NOTHING, outbox });
    },
    acknowledge: (ids) => store.acknowledge(ids),
  };
}
