import type { Gateway } from "../gateway.ts";

const DELIVERED = ["requests", "failedRequests", "delivered", "accepted", "retried", "deadLettered"] as const;

/** Brings the gauges up to date, for a scrape. */
export async function readGauges({ metrics, openSandboxes, clock, delivery }: Gateway): Promise<void> {
  metrics.audienceMembers.reset();
  metrics.audienceAge.reset();
  for (const { name: sandbox, hub } of openSandboxes()) {
    metrics.queueDepth.set({ sandbox }, hub.queueDepth());
    for (const [what, number] of Object.entries(await hub.totals()))
      metrics.stored.set({ sandbox, what }, number);
    for (const told of delivery(sandbox).metrics()) {
      for (const what of DELIVERED) {
        metrics.deliveries.set({ sandbox, destination: told.destinationId, what }, told[what]);
      }
    }
    for (const { id: audience, status, count, evaluatedAt } of await hub.audiences()) {
      if (status !== "published") continue;
      metrics.audienceMembers.set({ sandbox, audience }, count);
      if (evaluatedAt !== undefined) {
        metrics.audienceAge.set({ sandbox, audience }, Math.max(0, clock() - evaluatedAt) / 1_000);
      }
    }
  }
}
