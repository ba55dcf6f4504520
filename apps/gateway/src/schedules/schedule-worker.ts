import type { ExportScheduler } from "../delivery/export-schedule.ts";
import { forgetDestination } from "../delivery/journal.ts";
import type { Jobs } from "../jobs.ts";
import type { Sandbox } from "../sandbox.ts";
import { claimDueAudiences } from "./audience-schedule.ts";
import type { EvaluationRuns } from "./evaluation-runs.ts";
import { startSwitch } from "./switch-job.ts";

/** Does what stands in the schedules of one sandbox: evaluations, files, audiences whose time begins or ends, removals. */
export interface ScheduleWorker {
  /** Ends after what is under way. */
  readonly close: () => Promise<void>;
}

/** How often the schedules are looked at, in milliseconds; none of them is finer than a minute. */
const PERIOD = 5_000;
const DAY = 86_400_000;
/** Steps of expiry in one turn; the next turn goes on. */
const STEPS = 20;

/** Starts the worker. Evaluations run as jobs, so that they are seen and can be cancelled. */
export function startScheduleWorker(options: {
  readonly sandbox: Sandbox;
  readonly exports: ExportScheduler;
  readonly evaluations: EvaluationRuns;
  readonly jobs: Jobs;
  readonly clock: () => number;
  readonly onError: (what: string, error: unknown) => void;
  readonly period?: number;
  /** Orders evaluations from all processes that share the store; without it they run as jobs of this one. */
  readonly order?: ((audienceIds: readonly string[]) => Promise<void>) | undefined;
}): ScheduleWorker {
  const { sandbox, exports, evaluations, jobs, clock, onError, period = PERIOD } = options;
  let closed = false;
  let expiredOn: number | undefined;
  let running: Promise<void> = Promise.resolve();
  const turn = async (): Promise<void> => {
    try {
      const published = new Set(
        [...sandbox.hub.configuration().audiences.values()]
          .filter(({ status }) => status === "published")
          .map(({ id }) => id),
      );
      // Ordered before it is claimed: a process that ends in between leaves nothing undone.
      const due = await claimDueAudiences(sandbox.store, clock(), async (ids) =>
        options.order?.(ids.filter((id) => published.has(id))),
      );
      const wanted = due.filter((id) => published.has(id));
      if (wanted.length > 0 && options.order === undefined) evaluations.start(wanted);
      // Also what another process left undone.
      if (sandbox.hub.hasWaitingVersions()) startSwitch(jobs, sandbox);
      await sandbox.hub.followActivationTimes();
      await sandbox.hub.followRemovals((id) => forgetDestination(sandbox.store, id));
      await exports.run();
      await expire();
    } catch (error) {
      onError("schedules", error);
    }
    if (!closed) timer = setTimeout(next, period);
  };
  /** Once a day events and pseudonymous persons whose time is over go, in short steps. */
  const expire = async (): Promise<void> => {
    const today = Math.floor(clock() / DAY);
    if (today === expiredOn) return;
    for (let step = 0; step < STEPS && !closed; step += 1) {
      if (!(await sandbox.hub.runExpiry()).done) continue;
      expiredOn = today;
      return;
    }
  };
  const next = (): void => {
    running = turn();
  };
  let timer = setTimeout(next, period);
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
