import { setImmediate as breathe } from "node:timers/promises";
import { formatInstant, parseInstant } from "@tessera/xdm";
import type { Gateway } from "../gateway.ts";
import type { Sandbox } from "../sandbox.ts";

const DELIVERED = ["requests", "failedRequests", "delivered", "accepted", "retried", "deadLettered"] as const;
/** Costs of audiences are measured at most so often, in milliseconds. */
const COSTS_EVERY = 300_000;

/** Brings the gauges up to date, for a scrape. */
export async function readGauges(gateway: Gateway): Promise<void> {
  const { metrics, openSandboxes, clock, delivery } = gateway;
  metrics.audienceMembers.reset();
  metrics.audienceAge.reset();
  metrics.deliveryWaiting.reset();
  metrics.deliveryLag.reset();
  for (const sandbox of openSandboxes()) {
    const { name, hub } = sandbox;
    metrics.queueDepth.set({ sandbox: name }, hub.queueDepth());
    for (const [what, number] of Object.entries(await hub.totals()))
      metrics.stored.set({ sandbox: name, what }, number);
    for (const told of delivery(name).metrics()) {
      for (const what of DELIVERED) {
        metrics.deliveries.set({ sandbox: name, destination: told.destinationId, what }, told[what]);
      }
      const circuit = { sandbox: name, destination: told.destinationId, what: "circuitOpen" };
      metrics.deliveries.set(circuit, told.circuit === "closed" ? 0 : 1);
    }
    await readLags(gateway, sandbox);
    for (const { id: audience, status, count, evaluatedAt } of await hub.audiences()) {
      if (status !== "published") continue;
      metrics.audienceMembers.set({ sandbox: name, audience }, count);
      if (evaluatedAt !== undefined) {
        metrics.audienceAge.set({ sandbox: name, audience }, Math.max(0, clock() - evaluatedAt) / 1_000);
      }
    }
    measureCosts(gateway, sandbox);
  }
}

/** How far the sandbox is behind: with persons whose window lapsed, and with what destinations are to be told. */
async function readLags({ metrics, clock, delivery }: Gateway, { name, store, hub }: Sandbox): Promise<void> {
  const now = clock();
  const due = await store.nextDue();
  metrics.timerLag.set({ sandbox: name }, due === undefined ? 0 : Math.max(0, now - due) / 1_000);
  for (const [destination, { configured }] of hub.destinations()) {
    if (!configured.kind.startsWith("streaming")) continue;
    const { waiting, oldestReadyAt } = await delivery(name).store.backlog(destination, formatInstant(now));
    const oldest = oldestReadyAt === undefined ? undefined : parseInstant(oldestReadyAt);
    metrics.deliveryWaiting.set({ sandbox: name, destination }, waiting);
    const lag = oldest?.ok === true ? Math.max(0, now - oldest.value) / 1_000 : 0;
    metrics.deliveryLag.set({ sandbox: name, destination }, lag);
  }
}

interface Measured {
  readonly at: number;
  readonly audienceIds: readonly string[];
}

const measured = new WeakMap<Sandbox, Measured>();

/** Measures what audiences cost, beside the scrape: the next one tells it. */
function measureCosts({ metrics, log }: Gateway, sandbox: Sandbox): void {
  const now = performance.now();
  const { at, audienceIds: before } = measured.get(sandbox) ?? { at: -Infinity, audienceIds: [] };
  if (now - at < COSTS_EVERY) return;
  measured.set(sandbox, { at: now, audienceIds: before });
  sandbox.hub
    .audienceCosts({ seconds: () => performance.now() / 1_000, breathe: () => breathe() })
    .then((costs) => {
      for (const audience of before) metrics.audienceCost.remove({ sandbox: sandbox.name, audience });
      for (const { audienceId: audience, secondsPerPerson } of costs)
        metrics.audienceCost.set({ sandbox: sandbox.name, audience }, secondsPerPerson);
      // with nothing to measure yet it is tried again at the next scrape
      const next = costs.length === 0 ? -Infinity : now;
      measured.set(sandbox, { at: next, audienceIds: costs.map(({ audienceId }) => audienceId) });
    })
    .catch((error: unknown) => log.warn({ err: error, sandbox: sandbox.name }, "measuring audiences failed"));
}
