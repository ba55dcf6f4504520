import type { GatewayConfig, Role } from "../config.ts";
import type { ExportScheduler } from "../delivery/export-schedule.ts";
import type { Jobs } from "../jobs.ts";
import type { Sandbox } from "../sandbox.ts";
import type { EvaluationRuns } from "../schedules/evaluation-runs.ts";
import { startScheduleWorker } from "../schedules/schedule-worker.ts";
import { startBatchRuns } from "./batch-runs.ts";
import { followConfiguration } from "./follow-configuration.ts";
import { startLeasedTimers } from "./leased-timers.ts";
import type { LeasedWork } from "./leased-work.ts";

/** Starts what a process does, by its roles, in a sandbox whose store several processes share. Delivery is apart. */
export function startSharedWork(
  leased: LeasedWork,
  options: {
    readonly config: GatewayConfig;
    readonly sandbox: Sandbox;
    readonly exports: ExportScheduler;
    readonly evaluations: EvaluationRuns;
    readonly jobs: Jobs;
    readonly clock: () => number;
    readonly onError: (what: string, error: unknown) => void;
  },
): { readonly close: () => Promise<void> } {
  const { config, sandbox, exports, clock, onError } = options;
  const { hub } = sandbox;
  const does = (role: Role): boolean => config.roles.includes(role);
  const following = followConfiguration(leased.shared, { reload: sandbox.reload, onError });
  const timers = does("timers") ? startLeasedTimers(leased, { hub, clock }) : undefined;
  const runs = does("batch")
    ? startBatchRuns(leased, { hub, finished: (ids) => exports.afterEvaluation(ids) })
    : undefined;
  const schedules =
    runs &&
    leased.divide({
      role: "schedules",
      parts: () => ["all"],
      work: async (_part, held) => {
        const worker = startScheduleWorker({ ...options, order: runs.order });
        await new Promise<void>((resolve) => {
          if (held.ended.aborted) resolve();
          else held.ended.addEventListener("abort", () => resolve(), { once: true });
        });
        await worker.close();
      },
    });
  return {
    close: async () => {
      await schedules?.close();
      await Promise.all([following.close(), timers?.close(), runs?.close()]);
    },
  };
}
