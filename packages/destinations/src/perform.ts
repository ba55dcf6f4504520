import type { ConfiguredDestination } from "./definition.ts";
import type { DeliveryOutcome } from "./outcome.ts";
import type { FileRequest, HttpRequest } from "./planned-request.ts";
import type { RawResponse, TransportFailure } from "./raw-response.ts";

/** PORT. Performs one request; resolves with the answer, or with why there is none. Stops early on `signal`. */
export type Send = (
  request: HttpRequest | FileRequest,
  signal: AbortSignal,
) => Promise<RawResponse | TransportFailure>;

/** PORT. Waits; resolves early when `signal` is aborted. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** What became of one request: its items' outcomes, and whether the destination did its part. */
export interface Performed {
  readonly outcomes: readonly DeliveryOutcome[];
  /** `false` when there was no answer, or the answer was: not now. Feeds the circuit breaker. */
  readonly healthy: boolean;
}

/** One request: send it, give up after `timeoutMs`, read the answer. Never rejects. */
export async function perform(
  request: HttpRequest | FileRequest,
  interpret: ConfiguredDestination["interpret"],
  ports: {
    readonly send: Send;
    readonly sleep: Sleep;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<Performed> {
  const response = await answerInTime(request, ports);
  if (response.kind === "failure") {
    return {
      outcomes: everyItem(request.items, `transport.${response.reason}`, response.detail),
      healthy: false,
    };
  }
  let told: readonly DeliveryOutcome[];
  try {
    told = interpret(request, response);
  } catch {
    return { outcomes: everyItem(request.items, "interpret.threw"), healthy: true };
  }
  const outcomes = oneEach(request.items, told);
  const refused = outcomes.length > 0 && outcomes.every(({ kind }) => kind === "retryable");
  return { outcomes, healthy: !refused };
}

async function answerInTime(
  request: HttpRequest | FileRequest,
  ports: {
    readonly send: Send;
    readonly sleep: Sleep;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<RawResponse | TransportFailure> {
  const inTime = new AbortController();
  const timer = new AbortController();
  const stop = (): void => inTime.abort();
  if (ports.signal?.aborted) stop();
  else ports.signal?.addEventListener("abort", stop, { once: true });
  const failed: TransportFailure = { kind: "failure", reason: "network", detail: "the transport failed" };
  const timedOut: TransportFailure = {
    kind: "failure",
    reason: "timeout",
    detail: `no answer within ${ports.timeoutMs} ms`,
  };
  try {
    return await Promise.race([
      ports.send(request, inTime.signal).catch(() => failed),
      ports.sleep(ports.timeoutMs, timer.signal).then(() => timedOut),
    ]);
  } catch {
    return failed;
  } finally {
    timer.abort();
    inTime.abort();
    ports.signal?.removeEventListener("abort", stop);
  }
}

/** Exactly one outcome an item, whatever the destination's code said: a first word counts, silence is retried. */
function oneEach(items: readonly string[], told: readonly DeliveryOutcome[]): readonly DeliveryOutcome[] {
  if (told.length === items.length && told.every((outcome, index) => outcome.item === items[index]))
    return told;
  const first = new Map<string, DeliveryOutcome>();
  for (const outcome of told) if (!first.has(outcome.item)) first.set(outcome.item, outcome);
  return items.map((item) => first.get(item) ?? { kind: "retryable", item, code: "outcome.missing" });
}

function everyItem(items: readonly string[], code: string, detail?: string): readonly DeliveryOutcome[] {
  return items.map((item) => ({ kind: "retryable", item, code, ...(detail !== undefined && { detail }) }));
}

const WEIGHT = { delivered: 0, accepted: 1, rejected: 2, retryable: 3 } as const;

/** The outcome of an item that several requests carried: the least finished one. */
export function lessFinished(a: DeliveryOutcome | undefined, b: DeliveryOutcome): DeliveryOutcome {
  return a && WEIGHT[a.kind] >= WEIGHT[b.kind] ? a : b;
}
