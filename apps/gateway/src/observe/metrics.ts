import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { type LatencyWindow, latencyWindow } from "./latency-window.ts";

/** What the gateway counts, for Prometheus. */
export interface Metrics {
  readonly registry: Registry;
  readonly requests: Counter<"route" | "status">;
  readonly requestSeconds: Histogram<"route">;
  readonly items: Counter<"sandbox" | "kind" | "outcome">;
  readonly membershipChanges: Counter<"sandbox" | "to">;
  readonly refusals: Counter<"code">;
  readonly projections: Counter<"outcome">;
  readonly deliveries: Gauge<"sandbox" | "destination" | "what">;
  readonly queueDepth: Gauge<"sandbox">;
  readonly stored: Gauge<"sandbox" | "what">;
  readonly audienceMembers: Gauge<"sandbox" | "audience">;
  readonly audienceAge: Gauge<"sandbox" | "audience">;
  /** Streaming: from the arrival of events or records to their committed memberships. Batch: one evaluation of all persons. */
  readonly evaluating: { readonly streaming: LatencyWindow; readonly batch: LatencyWindow };
  /** From a committed membership to the answer of the destination. */
  readonly delivering: { readonly streaming: LatencyWindow; readonly "audience-manager": LatencyWindow };
  readonly audienceCost: Gauge<"sandbox" | "audience">;
  readonly commits: Counter<"sandbox" | "outcome">;
  readonly ingestSeconds: Histogram<"sandbox" | "kind">;
  readonly timerLag: Gauge<"sandbox">;
  readonly deliveryWaiting: Gauge<"sandbox" | "destination">;
  readonly deliveryLag: Gauge<"sandbox" | "destination">;
}

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Metrics in a registry of their own, so that several gateways can live in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    evaluating: { streaming: latencyWindow(), batch: latencyWindow() },
    delivering: { streaming: latencyWindow(), "audience-manager": latencyWindow() },
    requests: new Counter({
      name: "tessera_requests_total",
      help: "HTTP requests by route and status.",
      labelNames: ["route", "status"],
      registers,
    }),
    requestSeconds: new Histogram({
      name: "tessera_request_seconds",
      help: "Time to answer an HTTP request.",
      labelNames: ["route"],
      buckets: BUCKETS,
      registers,
    }),
    items: new Counter({
      name: "tessera_collected_items_total",
      help: "Events and records by outcome: accepted, duplicate, rejected.",
      labelNames: ["sandbox", "kind", "outcome"],
      registers,
    }),
    membershipChanges: new Counter({
      name: "tessera_membership_changes_total",
      help: "Changes of audience memberships by new status.",
      labelNames: ["sandbox", "to"],
      registers,
    }),
    refusals: new Counter({
      name: "tessera_refusals_total",
      help: "Requests refused before any work, by code.",
      labelNames: ["code"],
      registers,
    }),
    projections: new Counter({
      name: "tessera_edge_projections_total",
      help: "Persons projected to the edge: sent, failed (tried again).",
      labelNames: ["outcome"],
      registers,
    }),
    deliveries: new Gauge({
      name: "tessera_delivery",
      help: "Since the start, for each destination: requests, failedRequests, delivered, accepted, retried, deadLettered; and now: circuitOpen, 1 or 0.",
      labelNames: ["sandbox", "destination", "what"],
      registers,
    }),
    queueDepth: new Gauge({
      name: "tessera_ingest_queue_items",
      help: "Items waiting for their commit.",
      labelNames: ["sandbox"],
      registers,
    }),
    stored: new Gauge({
      name: "tessera_stored",
      help: "Numbers of stored events, records, persons, identities.",
      labelNames: ["sandbox", "what"],
      registers,
    }),
    audienceMembers: new Gauge({
      name: "tessera_audience_members",
      help: "Members of each audience.",
      labelNames: ["sandbox", "audience"],
      registers,
    }),
    audienceAge: new Gauge({
      name: "tessera_audience_age_seconds",
      help: "Seconds since all persons were last evaluated for the audience.",
      labelNames: ["sandbox", "audience"],
      registers,
    }),
    audienceCost: new Gauge({
      name: "tessera_audience_cost_seconds",
      help: "Seconds that evaluating the audience takes for one person, measured over up to 100 persons.",
      labelNames: ["sandbox", "audience"],
      registers,
    }),
    commits: new Counter({
      name: "tessera_commits_total",
      help: "Commits of the hub by outcome: done, or conflict (decided and tried again).",
      labelNames: ["sandbox", "outcome"],
      registers,
    }),
    ingestSeconds: new Histogram({
      name: "tessera_ingest_seconds",
      help: "Lag of taking in: seconds from the arrival of up to 1,000 items to their commit, waiting included.",
      labelNames: ["sandbox", "kind"],
      buckets: BUCKETS,
      registers,
    }),
    timerLag: new Gauge({
      name: "tessera_timer_lag_seconds",
      help: "Seconds that the person who is due longest waits for the timers; 0 when nobody is due.",
      labelNames: ["sandbox"],
      registers,
    }),
    deliveryWaiting: new Gauge({
      name: "tessera_delivery_waiting_items",
      help: "Items that a streaming destination is not yet told of.",
      labelNames: ["sandbox", "destination"],
      registers,
    }),
    deliveryLag: new Gauge({
      name: "tessera_delivery_lag_seconds",
      help: "Seconds that the oldest item that could be told waits for its delivery; 0 when none does.",
      labelNames: ["sandbox", "destination"],
      registers,
    }),
  };
}
