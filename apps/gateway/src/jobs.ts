/** Long work: where it stands and what came of it. Times are milliseconds. */
export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly sandbox: string;
  readonly status: "running" | "done" | "failed" | "cancelled";
  readonly done: number;
  readonly total: number;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly result?: unknown;
  readonly message?: string;
  /** Whether its result names persons: then it is kept in the memory of its process alone. */
  readonly namesPersons?: true;
}

/** What a job does: it tells its progress, and stops when telling throws. */
type Work = (progress: (done: number, total: number) => void) => Promise<unknown>;

/** Starts, watches and cancels jobs. */
export interface Jobs {
  /** One job of a kind runs in a sandbox at a time; the running one is given back. */
  readonly start: (sandbox: string, kind: string | Pick<Job, "kind" | "namesPersons">, work: Work) => Job;
  readonly get: (id: string) => Job | undefined;
  readonly list: (sandbox: string) => readonly Job[];
  /** Stops a job at its next step; what it did so far stays. */
  readonly cancel: (id: string) => Job | undefined;
  /** Calls back with every step and the end of every job; with `starts`, when one begins as well. */
  readonly follow: (listener: (job: Job) => void, options?: { readonly starts?: boolean }) => () => void;
  /** Cancels what runs in one sandbox and resolves when it has ended; its jobs are forgotten. */
  readonly finish: (sandbox: string) => Promise<void>;
  /** Resolves when nothing runs any more; cancels what does. */
  readonly close: () => Promise<void>;
}

const KEPT = 1_000;
const CANCELLED = "Cancelled; what was done so far stays.";
const STOPPED = "Cancelled by the stop of its process; what was done so far stays.";

class Cancelled extends Error {}

/** Why a job could not do what it was asked; the message is for whoever asked. */
export class JobRefused extends Error {
  override readonly name = "JobRefused";
}

/** Jobs of this process. */
export function createJobs(made: {
  readonly clock: () => number;
  readonly newId: () => string;
  readonly onError: (kind: string, error: unknown) => void;
}): Jobs {
  const jobs = new Map<string, Job>();
  /** Why jobs are to end at their next step. */
  const cancelled = new Map<string, string>();
  const running = new Map<string, Promise<void>>();
  const listeners = new Map<(job: Job) => void, { readonly starts?: boolean }>();
  const update = (id: string, change: Partial<Job>): void => {
    const job = jobs.get(id);
    if (job === undefined) return;
    const next = { ...job, ...change };
    jobs.set(id, next);
    for (const listener of listeners.keys()) listener(next);
  };
  const run = async (id: string, work: Work): Promise<void> => {
    try {
      const result = await work((done, total) => {
        update(id, { done, total });
        const why = cancelled.get(id);
        if (why !== undefined) throw new Cancelled(why);
      });
      update(id, { status: "done", result, endedAt: made.clock() });
    } catch (error) {
      const status = error instanceof Cancelled ? "cancelled" : "failed";
      const message = error instanceof Cancelled ? error.message : messageOf(error);
      if (status === "failed") made.onError(jobs.get(id)?.kind ?? "job", error);
      update(id, { status, message, endedAt: made.clock() });
    } finally {
      running.delete(id);
      cancelled.delete(id);
    }
  };
  return {
    start: (sandbox, what, work) => {
      const { kind, ...options } = typeof what === "string" ? { kind: what } : what;
      const same = [...jobs.values()].find(
        (job) => job.sandbox === sandbox && job.kind === kind && job.status === "running",
      );
      if (same !== undefined) return same;
      const id = made.newId();
      const begun = { status: "running", done: 0, total: 0, startedAt: made.clock() } as const;
      const job: Job = { id, kind, sandbox, ...begun, ...options };
      if (jobs.size >= KEPT) {
        const oldest = [...jobs.values()].find(({ status }) => status !== "running");
        if (oldest !== undefined) jobs.delete(oldest.id);
      }
      jobs.set(id, job);
      for (const [listener, { starts }] of listeners) if (starts === true) listener(job);
      running.set(id, run(id, work));
      return job;
    },
    get: (id) => jobs.get(id),
    list: (sandbox) => [...jobs.values()].filter((job) => job.sandbox === sandbox).toReversed(),
    cancel: (id) => {
      if (jobs.get(id)?.status === "running") cancelled.set(id, CANCELLED);
      return jobs.get(id);
    },
    follow: (listener, options = {}) => {
      listeners.set(listener, options);
      return () => listeners.delete(listener);
    },
    finish: async (sandbox) => {
      const own = [...jobs.values()].filter((job) => job.sandbox === sandbox).map(({ id }) => id);
      for (const id of own) if (running.has(id)) cancelled.set(id, STOPPED);
      await Promise.all(own.map((id) => running.get(id)));
      for (const id of own) jobs.delete(id);
    },
    close: async () => {
      for (const id of running.keys()) cancelled.set(id, STOPPED);
      await Promise.all(running.values());
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof JobRefused || (error instanceof Error && error.name === "GraphQLError")
    ? error.message
    : "It failed; the reason is logged.";
}
