import { setTimeout as wait } from "node:timers/promises";
import {
  createDeliveryEngine,
  createRelayedOutbox,
  type Dataflow,
  type DeliveryEngine,
  type DeliveryStore,
  type DestinationMetrics,
} from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { createDeliveryTraces } from "../observe/tracing.ts";
import type { Sender } from "../transports/send.ts";
import type { LeasedWork } from "../workers/leased-work.ts";
import { createExportScheduler, type ExportScheduler } from "./export-schedule.ts";
import { createJournal } from "./journal.ts";
import { outboxSource } from "./outbox-source.ts";
import { watchedJournal } from "./watched-journal.ts";
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
  /** How they are divided among processes that share the store. */
  readonly leased?: LeasedWork | undefined;
  readonly onError: (what: string, error: unknown) => void;
  /** Told of each delivered item how many seconds it waited and travelled. */
  readonly onDelivered: (destinationId: string, seconds: number) => void;
}

/**
 * Runs the delivery engine over the hub's outbox: at least once, in order for each person and destination. What
 * became of an item stands in the journal before the item leaves the outbox.
 */
export function startDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { hub, store, clock, organisation, sandbox, leased, onError } = options;
  // A destination is not told by a process that lost its lease meanwhile.
  const send: Sender =
    leased === undefined
      ? options.send
      : async (request, signal) => (leased.mayAct() ? options.send(request, signal) : LEASE_LOST);
  const traces = createDeliveryTraces(sandbox);
  const newStore = (): DeliveryStore =>
    createRelayedOutbox({
      source: outboxSource(store, traces.note),
      journal: watchedJournal(createJournal(store), options.onDelivered),
    });
  const delivery = newStore();
  const newEngine = (outbox: DeliveryStore): DeliveryEngine =>
    createDeliveryEngine(
      {
        outbox,
        destination: (id) => hub.destinations().get(id)?.configured,
        dataflow: (id) => deliveredDataflows(hub).find((flow) => flow.id === id),
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
  const engines = new Map<string, DeliveryEngine>();
  const divided = options.runs
    ? leased?.divide({
        role: "deliver",
        parts: streaming,
        // What is held in memory of an earlier time is not used again: others have worked on it since.
        work: async (id, held) => {
          const engine = newEngine(newStore());
          engines.set(id, engine);
          await engine.run(() => [id], held.ended);
        },
      })
    : undefined;
  const engine = newEngine(delivery);
  const running =
    options.runs && divided === undefined
      ? engine.run(streaming, stop.signal).catch((error: unknown) => onError("delivery", error))
      : undefined;
  return {
    store: delivery,
    exports: createExportScheduler({ hub, store }, exportPorts),
    exportPorts,
    metrics: () => [engine, ...engines.values()].flatMap((one) => one.metrics()),
    close: async () => {
      stop.abort();
      await divided?.close();
      await running;
    },
  };
}

/**
 * The dataflows that items are delivered by: those that were removed too, while something of them waits. What waits for
 * a destination that is discarded has none, and is set aside as of a removed dataflow.
 */
function deliveredDataflows(hub: Hub): readonly Dataflow[] {
  return [...hub.destinations().values()].flatMap(({ stored, dataflows, leaving }) =>
    stored.removal?.pending === "discard" ? [] : [...dataflows, ...leaving],
  );
}

/** Nothing was sent; what is told of it goes nowhere, since the lease of its destination is lost. */
const LEASE_LOST = {
  kind: "failure",
  reason: "network",
  detail: "This process lost its lease on the destination; who has it now goes on.",
} as const;
