import { createHash } from "node:crypto";
import type { ExportScheduler } from "../delivery/export-schedule.ts";
import { writeDocuments } from "../documents.ts";
import { type Job, JobRefused, type Jobs } from "../jobs.ts";
import type { Sandbox } from "../sandbox.ts";

/** Evaluations of audiences as jobs of this process, noted in the store until they have ended. */
export interface EvaluationRuns {
  /** Evaluates audiences, all published ones without ids; the one that runs already is given back. */
  readonly start: (audienceIds: readonly string[] | undefined) => Job;
  /** Goes on with what an earlier process left behind. */
  readonly resume: () => Promise<void>;
  /** From now on a run that is broken off is left for the next process. */
  readonly close: () => void;
}

const KIND = "evaluationRun";

/**
 * The runs of one sandbox. A run notes what it evaluates before it begins and takes the note away when it is done, failed
 * or was cancelled: a process that ends in between leaves it, and the next one goes on with those who still differ.
 */
export function createEvaluationRuns({
  sandbox,
  exports,
  jobs,
  keeps,
}: {
  readonly sandbox: Pick<Sandbox, "name" | "hub" | "store">;
  readonly exports: Pick<ExportScheduler, "afterEvaluation">;
  readonly jobs: Jobs;
  /** Whether runs are noted: not where several processes share the store, who divide runs in their own way. */
  readonly keeps: boolean;
}): EvaluationRuns {
  const { name, hub, store } = sandbox;
  let closed = false;
  const start = (audienceIds: readonly string[] | undefined): Job => {
    const ids = audienceIds?.toSorted();
    const kind = ids === undefined ? "evaluate" : `evaluate ${ids.join(" ")}`;
    const note = { kind: KIND, id: createHash("sha256").update(kind).digest("hex").slice(0, 32) };
    return jobs.start(name, kind, async (progress) => {
      if (keeps)
        await writeDocuments(store, [{ ...note, body: ids === undefined ? {} : { audienceIds: ids } }]);
      try {
        const evaluated = await hub.evaluateAudiences(ids, progress);
        if (!evaluated.ok) throw new JobRefused(evaluated.error.map(({ message }) => message).join(" "));
        await exports.afterEvaluation(evaluated.value.map(({ id }) => id));
        return evaluated.value.map(({ id, name: called, count }) => ({ id, name: called, count }));
      } finally {
        if (keeps && !closed) await writeDocuments(store, [note]);
      }
    });
  };
  return {
    start,
    resume: async () => {
      const { audiences } = hub.configuration();
      for (const { id, body } of await store.documents(KIND)) {
        const noted = body["audienceIds"] as unknown as readonly string[] | undefined;
        const ids = noted?.filter((one) => audiences.get(one)?.status === "published");
        const changed = ids !== undefined && ids.length < (noted?.length ?? 0);
        if (changed) await writeDocuments(store, [{ kind: KIND, id }]);
        if (ids === undefined || ids.length > 0) start(ids);
      }
    },
    close: () => {
      closed = true;
    },
  };
}
