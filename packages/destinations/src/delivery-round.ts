import { formatInstant } from "@tessera/xdm";
import { type Breaker, type BreakerPolicy, breakerAfter } from "./circuit-breaker.ts";
import type { ConfiguredDestination, PlanContext } from "./definition.ts";
import type { BatchLimits, DataflowContent } from "./delivery-batches.ts";
import type { Counters } from "./delivery-metrics.ts";
import type { LeasedItem, Outbox, Settlement } from "./outbox.ts";
import type { DeliveryOutcome } from "./outcome.ts";
import type { Send, Sleep } from "./perform.ts";
import { fullBucket, takeToken, type TokenBucket } from "./rate-limit.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";

/** What the engine needs from outside. `now` is milliseconds since 1970, `random` from 0 to 1. */
export interface DeliveryPorts {
  readonly outbox: Outbox;
  readonly destination: (id: string) => ConfiguredDestination | undefined;
  readonly dataflow: (id: string) => DataflowContent | undefined;
  readonly send: Send;
  readonly sleep: Sleep;
  readonly now: () => number;
  readonly random: () => number;
  /** Told of a broken port, such as a store that cannot be reached; the round is tried again. */
  readonly report?: (destinationId: string, error: unknown) => void;
}

/** How the engine works. Times in milliseconds. */
export interface DeliveryOptions {
  /** Names this worker among all that share the outbox. */
  readonly worker: string;
  readonly orgId: string;
  readonly sandbox: string;
  /** Smaller batches than destinations allow, or waiting up to `maxAgeMs` for a batch to fill where they ask for less. */
  readonly batch?: Partial<BatchLimits> & { readonly maxAgeMs?: number };
  readonly retry?: RetryPolicy;
  readonly breaker?: BreakerPolicy;
  /** For requests that name none (default 10,000). */
  readonly timeoutMs?: number;
  /** How long leased items are this worker's (default 60,000). */
  readonly leaseMs?: number;
  /** Requests in flight at a destination that names no number (default 8). */
  readonly concurrency?: number;
  /** How long to wait when there is nothing to do, and between questions about a job (default 250 and 10,000). */
  readonly idleMs?: number;
  readonly pollMs?: number;
}

/** What the engine remembers of a destination between rounds. */
export interface Line {
  readonly counters: Counters;
  breaker: Breaker;
  bucket: TokenBucket | undefined;
  /** The receiver asked for quiet until then. */
  quietUntil: number;
  moment?: { readonly now: number; readonly at: string };
}

/** The options with their defaults filled in. */
export type Timing = Required<Omit<DeliveryOptions, "batch">> & {
  readonly batch: NonNullable<DeliveryOptions["batch"]>;
};

/** One round's surroundings. */
export interface Round {
  readonly ports: DeliveryPorts;
  readonly timing: Timing;
  readonly destination: ConfiguredDestination;
  readonly line: Line;
  readonly signal: AbortSignal | undefined;
}

/** What the outbox is told of an item after `outcome`; `undefined`: it was not tried. */
export function settlementOf(
  round: Round,
  item: LeasedItem,
  outcome: DeliveryOutcome | undefined,
): Settlement {
  const { ports, timing, destination, line } = round;
  const { now, at } = moment(round);
  switch (outcome?.kind) {
    case undefined:
      return { kind: "released", id: item.id, at, notBefore: formatInstant(resumeAt(line, now)) };
    case "rejected":
      return dead(round, item.id, outcome.code, outcome.detail);
    case "accepted":
      if (!destination.poll) return delivered(line, { id: item.id, at });
      line.counters.accepted += 1;
      return {
        kind: "accepted",
        id: item.id,
        at,
        job: outcome.job,
        checkAt: formatInstant(now + timing.pollMs),
      };
    case "delivered": {
      const { reference } = outcome;
      return delivered(line, { id: item.id, at, ...(reference !== undefined && { reference }) });
    }
    case "retryable": {
      const failures = item.attempts + 1;
      if (failures >= maxAttempts(destination, timing))
        return dead(round, item.id, "attempts.exhausted", outcome.code);
      line.counters.retried += 1;
      const wait = backoffMs(failures, timing.retry, ports.random(), outcome.retryAfterMs);
      return { kind: "retry", id: item.id, at, code: outcome.code, notBefore: formatInstant(now + wait) };
    }
  }
}

/** The present, written out once a millisecond and not once an item. */
function moment({ ports, line }: Round): { readonly now: number; readonly at: string } {
  const now = ports.now();
  if (line.moment?.now !== now) line.moment = { now, at: formatInstant(now) };
  return line.moment;
}

function delivered(line: Line, told: Omit<Extract<Settlement, { kind: "delivered" }>, "kind">): Settlement {
  line.counters.delivered += 1;
  return { kind: "delivered", ...told };
}

/** The settlement of an item that is set aside. */
export function dead(round: Round, id: string, code: string, detail?: string): Settlement {
  round.line.counters.deadLettered += 1;
  return {
    kind: "dead",
    id,
    at: moment(round).at,
    code,
    ...(detail !== undefined && { detail }),
  };
}

/** Writes settlements, if there are any. */
export async function settle(
  { ports, timing, destination }: Round,
  settlements: readonly Settlement[],
): Promise<void> {
  if (settlements.length > 0) await ports.outbox.settle(destination.id, timing.worker, settlements);
}

/** Waits for the rate limit; a time (milliseconds) when nothing may be sent before it. */
export async function clearance({ ports, destination, line, signal }: Round): Promise<number | undefined> {
  const rate = destination.capabilities.requestsPerSecond;
  if (rate !== undefined) {
    const now = ports.now();
    const taken = takeToken(line.bucket ?? fullBucket(rate, now), rate, now);
    line.bucket = taken.bucket;
    if (taken.waitMs > 0) await ports.sleep(taken.waitMs, signal);
  }
  const now = ports.now();
  if (signal?.aborted) return now;
  if (line.breaker.kind === "open") return line.breaker.until;
  return now < line.quietUntil ? line.quietUntil : undefined;
}

/** Counts a request and moves the circuit. */
export function observe({ line, timing, ports }: Round, healthy: boolean, ms: number): void {
  const { counters } = line;
  counters.requests += 1;
  if (!healthy) counters.failedRequests += 1;
  counters.sumMs += ms;
  counters.maxMs = Math.max(counters.maxMs, ms);
  line.breaker = breakerAfter(line.breaker, healthy, ports.now(), timing.breaker);
}

function resumeAt(line: Line, now: number): number {
  return Math.max(now, line.quietUntil, line.breaker.kind === "open" ? line.breaker.until : 0);
}

/** How often an item is tried at this destination. */
export function maxAttempts({ capabilities }: ConfiguredDestination, { retry }: Timing): number {
  return capabilities.maxAttempts ?? retry.maxAttempts;
}

/** What a plan may know. */
export function contextOf({ ports, timing, destination }: Round): PlanContext {
  return {
    now: formatInstant(ports.now()),
    destinationId: destination.id,
    destinationName: destination.name,
    orgId: timing.orgId,
    sandbox: timing.sandbox,
  };
}
