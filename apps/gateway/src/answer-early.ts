import type { Afterwards } from "@tessera/hub";
import type { Job, Jobs } from "./jobs.ts";

/** Where work is done that may take longer than its caller waits. */
export interface PatientCaller {
  readonly jobs: Jobs;
  readonly sandbox: string;
  /** How long the caller waits, in milliseconds. */
  readonly waitMs: number;
}

/**
 * Does work while its caller waits for it, for `waitMs` at most: what takes longer goes on as a job, which tells its
 * progress and can be cancelled. Work that fails in that time fails the caller. `id` names this piece of work: two of one
 * kind are two jobs.
 */
export async function answerEarly<T>(
  { jobs, sandbox, waitMs }: PatientCaller,
  { kind, id }: { readonly kind: string; readonly id: string },
  work: (progress: (done: number, total: number) => void) => Promise<T>,
): Promise<{ readonly value: T } | { readonly job: Job }> {
  let report = (_done: number, _total: number): void => undefined;
  let last: readonly [number, number] = [0, 0];
  const working = work((done, total) => {
    last = [done, total];
    report(done, total);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), waitMs)));
  try {
    const ended = await Promise.race([working.then((value) => ({ value })), late]);
    if (ended !== undefined) return ended;
  } finally {
    clearTimeout(timer);
  }
  const job = jobs.start(sandbox, `${kind} ${id}`, async (progress) => {
    report = progress;
    progress(...last);
    return working;
  });
  return { job };
}

/** Work that changes bring about, done as `answerEarly` does it. */
export function afterwardsEarly(caller: PatientCaller, newId: () => string): Afterwards {
  return async (kind, work) => {
    await answerEarly(caller, { kind, id: newId() }, work);
  };
}
