import { formatInstant } from "@tessera/xdm";
import type { AcceptedJob, ConfiguredDestination } from "./definition.ts";
import { clearance, contextOf, dead, observe, type Round, settle, settlementOf } from "./delivery-round.ts";
import type { LeasedItem, Settlement } from "./outbox.ts";
import { perform } from "./perform.ts";
import type { HttpRequest } from "./planned-request.ts";

/** Asks after accepted jobs whose time has come; gives the number of items whose job finished. */
export async function pollJobs(round: Round): Promise<number> {
  const { ports, timing, destination } = round;
  if (!destination.poll) return 0;
  const now = ports.now();
  const jobs = await ports.outbox.dueJobs({
    destinationId: destination.id,
    worker: timing.worker,
    now: formatInstant(now),
    leasedUntil: formatInstant(now + timing.leaseMs),
  });
  let finished = 0;
  for (const job of jobs) {
    const settlements = await pollJob(round, job, destination.poll);
    finished += settlements.filter(({ kind }) => kind !== "accepted").length;
    await settle(round, settlements);
  }
  return finished;
}

async function pollJob(
  round: Round,
  job: AcceptedJob,
  poll: NonNullable<ConfiguredDestination["poll"]>,
): Promise<readonly Settlement[]> {
  const { ports, timing, signal } = round;
  const again = (wait: number): readonly Settlement[] =>
    job.items.map((id) => ({
      kind: "accepted",
      id,
      at: formatInstant(ports.now()),
      job: job.job,
      checkAt: formatInstant(ports.now() + wait),
    }));
  let pendingMs: number | undefined;
  let request: HttpRequest;
  try {
    request = { ...poll.plan(job, contextOf(round)), items: job.items };
  } catch {
    return job.items.map((id) => dead(round, id, "plan.threw"));
  }
  if ((await clearance(round)) !== undefined) return again(timing.pollMs);
  const before = ports.now();
  const { outcomes, healthy } = await perform(
    request,
    (_, response) => {
      const state = poll.interpret(job, response);
      if (state.kind === "finished") return state.outcomes;
      pendingMs = state.checkAfterMs ?? timing.pollMs;
      return [];
    },
    {
      send: ports.send,
      sleep: ports.sleep,
      timeoutMs: request.timeoutMs ?? timing.timeoutMs,
      ...(signal && { signal }),
    },
  );
  observe(round, healthy || pendingMs !== undefined, ports.now() - before);
  if (pendingMs !== undefined) return again(pendingMs);
  // The answer itself failed to come: the job stands, only the question is repeated.
  if (outcomes.some((o) => o.kind === "retryable" && /^(transport|outcome|interpret)\./.test(o.code))) {
    return again(timing.pollMs);
  }
  return outcomes.map((outcome) => {
    const item = { id: outcome.item, attempts: 0 } as LeasedItem;
    return settlementOf(round, item, outcome);
  });
}
