/** Counters of one destination since the engine started. */
export interface DestinationMetrics {
  readonly destinationId: string;
  readonly requests: number;
  readonly failedRequests: number;
  readonly delivered: number;
  readonly accepted: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** Sum and largest of request durations. */
  readonly requestMs: { readonly sum: number; readonly max: number };
  readonly circuit: "closed" | "open" | "probing";
}

/** The counters while the engine runs. */
export type Counters = {
  -readonly [
    K in "requests" | "failedRequests" | "delivered" | "accepted" | "retried" | "deadLettered"
  ]: number;
} & { sumMs: number; maxMs: number };

/** Counters at zero. */
export function noCounts(): Counters {
  return {
    requests: 0,
    failedRequests: 0,
    delivered: 0,
    accepted: 0,
    retried: 0,
    deadLettered: 0,
    sumMs: 0,
    maxMs: 0,
  };
}

/** The counters as they stand, for whoever asks. */
export function metricsOf(
  destinationId: string,
  counters: Counters,
  circuit: DestinationMetrics["circuit"],
): DestinationMetrics {
  const { sumMs, maxMs, ...counts } = counters;
  return { destinationId, ...counts, requestMs: { sum: sumMs, max: maxMs }, circuit };
}
