import { formatInstant } from "@tessera/xdm";
import { breakerAt, CLOSED, DEFAULT_BREAKER } from "./circuit-breaker.ts";
import type { ConfiguredDestination } from "./definition.ts";
import {
  asBatch,
  batchesOf,
  type BatchLimits,
  type LeasedBatch,
  withReferences,
} from "./delivery-batches.ts";
import { type DestinationMetrics, metricsOf, noCounts } from "./delivery-metrics.ts";
import {
  clearance,
  contextOf,
  dead,
  type DeliveryOptions,
  type DeliveryPorts,
  type Line,
  maxAttempts,
  observe,
  type Round,
  settle,
  settlementOf,
  type Timing,
} from "./delivery-round.ts";
import type { DeliveryOutcome } from "./outcome.ts";
import { lessFinished, perform } from "./perform.ts";
import type { PlannedRequest } from "./planned-request.ts";
import { pollJobs } from "./poll-jobs.ts";
import { DEFAULT_RETRY } from "./retry.ts";
import { runRounds } from "./run-rounds.ts";

/**
 * What a round did. `worked`: `items` were settled. `idle`: nothing is ready. `held`: not before `until` (milliseconds),
 * because the circuit is open, the receiver asked for a pause, or a batch is still filling.
 */
export type DeliveryRound =
  | { readonly kind: "worked"; readonly items: number }
  | { readonly kind: "idle" }
  | {
      readonly kind: "held";
      readonly until: number;
      readonly because: "circuit" | "retry-after" | "filling";
    };

/** Delivers an outbox; see `createDeliveryEngine`. */
export interface DeliveryEngine {
  /** One round at one destination: lease, plan, send, settle. */
  readonly deliverOnce: (destinationId: string, signal?: AbortSignal) => Promise<DeliveryRound>;
  /** Rounds at every listed destination, each at its own pace, until `signal` is aborted. */
  readonly run: (destinationIds: () => readonly string[], signal: AbortSignal) => Promise<void>;
  readonly metrics: () => readonly DestinationMetrics[];
}

/**
 * The delivery engine: at least once, in order per person and destination, every record delivered or set aside with
 * its reason. What it holds in memory (circuit, rate, counters) may be lost at any moment without losing a record.
 */
export function createDeliveryEngine(ports: DeliveryPorts, options: DeliveryOptions): DeliveryEngine {
  const timing: Timing = {
    retry: DEFAULT_RETRY,
    breaker: DEFAULT_BREAKER,
    timeoutMs: 10_000,
    leaseMs: 60_000,
    concurrency: 8,
    idleMs: 250,
    pollMs: 10_000,
    ...options,
    batch: options.batch ?? {},
  };
  const lines = new Map<string, Line>();
  const lineOf = (id: string): Line => {
    let line = lines.get(id);
    if (!line)
      lines.set(id, (line = { counters: noCounts(), breaker: CLOSED, bucket: undefined, quietUntil: 0 }));
    return line;
  };
  const deliverOnce = async (id: string, signal?: AbortSignal): Promise<DeliveryRound> => {
    const destination = ports.destination(id);
    return destination
      ? deliverRound({ ports, timing, destination, line: lineOf(id), signal })
      : { kind: "idle" };
  };
  return {
    deliverOnce,
    run: (destinationIds, signal) =>
      runRounds({
        rounds: (id) => deliverOnce(id, signal),
        report: (id, error) => ports.report?.(id, error),
        destinationIds,
        now: ports.now,
        sleep: ports.sleep,
        idleMs: timing.idleMs,
        signal,
      }),
    metrics: () => [...lines].map(([id, { counters, breaker }]) => metricsOf(id, counters, breaker.kind)),
  };
}

async function deliverRound(round: Round): Promise<DeliveryRound> {
  const { ports, timing, destination, line } = round;
  const now = ports.now();
  line.breaker = breakerAt(line.breaker, now);
  if (line.breaker.kind === "open") return { kind: "held", until: line.breaker.until, because: "circuit" };
  if (now < line.quietUntil) return { kind: "held", until: line.quietUntil, because: "retry-after" };
  const polled = await pollJobs(round);
  const limits = limitsOf(destination, timing);
  const filling = await stillFilling(round, limits, now);
  if (filling !== undefined && polled === 0) return { kind: "held", until: filling, because: "filling" };

  const calls = line.breaker.kind === "probing" ? 1 : callsPerRound(destination, timing);
  const leased = await ports.outbox.lease({
    destinationId: destination.id,
    worker: timing.worker,
    max: calls * limits.maxItems,
    now: formatInstant(now),
    leasedUntil: formatInstant(now + timing.leaseMs),
  });
  if (leased.length === 0) return polled > 0 ? { kind: "worked", items: polled } : { kind: "idle" };

  const exhausted = leased.filter(({ attempts }) => attempts >= maxAttempts(destination, timing));
  const live = exhausted.length === 0 ? leased : leased.filter((item) => !exhausted.includes(item));
  const { batches, orphans } = batchesOf(live, ports.dataflow, limits);
  await settle(round, [
    ...exhausted.map((item) => dead(round, item.id, "attempts.exhausted")),
    ...orphans.map((item) => dead(round, item.id, "dataflow.removed")),
  ]);
  await eachLimited(batches, concurrencyOf(destination, timing), (batch) => deliverBatch(round, batch));
  return { kind: "worked", items: leased.length + polled };
}

async function deliverBatch(round: Round, { items, batch }: LeasedBatch): Promise<void> {
  const { ports, timing, destination, line, signal } = round;
  const apart = async (): Promise<void> => {
    const middle = Math.ceil(items.length / 2);
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      const content = ports.dataflow(items[0]?.dataflowId ?? "") ?? { audiences: [], mapping: [] };
      await deliverBatch(round, { items: half, batch: asBatch(half, content) });
    }
  };
  const current =
    batch.kind === "audiences" ? withReferences(batch, await ports.outbox.references(destination.id)) : batch;
  let requests: readonly PlannedRequest[];
  try {
    requests = destination.plan(current, contextOf(round));
  } catch {
    // One bad record must not take its neighbours along: halve until it stands alone.
    if (items.length > 1) return apart();
    return settle(
      round,
      items.map((item) => dead(round, item.id, "plan.threw")),
    );
  }
  const outcomes = new Map<string, DeliveryOutcome>();
  const note = (told: readonly DeliveryOutcome[]): void => {
    for (const outcome of told) outcomes.set(outcome.item, lessFinished(outcomes.get(outcome.item), outcome));
  };
  for (const request of requests) {
    if (request.kind === "settled") {
      note(request.outcomes);
      continue;
    }
    const wait = await clearance(round);
    if (wait !== undefined) break;
    const before = ports.now();
    const done = await perform(request, destination.interpret, {
      send: ports.send,
      sleep: ports.sleep,
      timeoutMs: request.kind === "http" ? (request.timeoutMs ?? timing.timeoutMs) : timing.leaseMs / 2,
      ...(signal && { signal }),
    });
    observe(round, done.healthy, ports.now() - before);
    if (signal?.aborted && !done.healthy) break;
    note(done.outcomes);
  }
  if (items.length > 1 && items.every(({ id }) => wasRefusedWhole(outcomes.get(id)))) return apart();
  hold(line, outcomes, ports.now());
  const complete = outcomes.size >= items.length;
  const covered = complete ? outcomes : coveredBy(requests);
  await settle(
    round,
    items.map((item) =>
      settlementOf(round, item, outcomes.get(item.id) ?? missing(item.id, covered.has(item.id))),
    ),
  );
}

/** A receiver that asks for a pause is left alone altogether until then. */
function hold(line: Line, outcomes: ReadonlyMap<string, DeliveryOutcome>, now: number): void {
  let asked = 0;
  for (const outcome of outcomes.values()) {
    if (outcome.kind === "retryable" && outcome.retryAfterMs !== undefined)
      asked = Math.max(asked, outcome.retryAfterMs);
  }
  if (asked > 0) line.quietUntil = Math.max(line.quietUntil, now + asked);
}

function coveredBy(requests: readonly PlannedRequest[]): ReadonlySet<string> {
  return new Set(
    requests.flatMap((r) => (r.kind === "settled" ? r.outcomes.map(({ item }) => item) : r.items)),
  );
}

/** An item no request carries is a fault of the destination's plan; one whose request was held back is released. */
function missing(item: string, planned: boolean): DeliveryOutcome | undefined {
  return planned ? undefined : { kind: "rejected", item, code: "plan.dropped" };
}

function wasRefusedWhole(outcome: DeliveryOutcome | undefined): boolean {
  return outcome?.kind === "rejected" && outcome.whole === true;
}

async function stillFilling(round: Round, limits: BatchLimits, now: number): Promise<number | undefined> {
  const { ports, destination, timing } = round;
  const maxAgeMs = Math.max(timing.batch.maxAgeMs ?? 0, destination.capabilities.batchMaxAgeMs ?? 0);
  if (maxAgeMs === 0) return undefined;
  const { maxItems, maxBytes } = limits;
  const backlog = await ports.outbox.backlog(destination.id, formatInstant(now), maxBytes !== undefined);
  const { ready, oldestReadyAt, readyBytes = 0 } = backlog;
  if (ready === 0 || ready >= maxItems || oldestReadyAt === undefined) return undefined;
  if (maxBytes !== undefined && readyBytes >= maxBytes) return undefined;
  const due = Date.parse(oldestReadyAt) + maxAgeMs;
  return due > now ? due : undefined;
}

function limitsOf({ capabilities }: ConfiguredDestination, { batch }: Timing): BatchLimits {
  const maxItems = Math.max(1, Math.min(capabilities.batchMax, batch.maxItems ?? Infinity));
  const maxBytes = Math.min(capabilities.batchMaxBytes ?? Infinity, batch.maxBytes ?? Infinity);
  return maxBytes === Infinity ? { maxItems } : { maxItems, maxBytes };
}

function concurrencyOf({ capabilities }: ConfiguredDestination, timing: Timing): number {
  return Math.max(1, capabilities.concurrency ?? timing.concurrency);
}

/** Never more than half a lease's worth of calls under the rate limit, so that leases do not run out unused. */
function callsPerRound(destination: ConfiguredDestination, timing: Timing): number {
  const { requestsPerSecond } = destination.capabilities;
  const affordable =
    requestsPerSecond === undefined ? Infinity : Math.floor((requestsPerSecond * timing.leaseMs) / 2000);
  return Math.max(1, Math.min(concurrencyOf(destination, timing), affordable));
}

async function eachLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
