import type { HubStore, StoredDocument } from "@tessera/profile-store";
import { isObject } from "@tessera/xdm";
import { claimDocument, jsonObjectOf, writeDocuments } from "./documents.ts";
import type { Job, Jobs } from "./jobs.ts";

/** The jobs of one sandbox, those of other processes and of earlier ones among them. */
export interface JobRecords {
  /** Newest first, at most 1,000. */
  readonly list: () => Promise<readonly Job[]>;
  readonly get: (id: string) => Promise<Job | undefined>;
  /** Stops a job at its next step, whichever process is at it; one of another process hears of it within a second or two. */
  readonly cancel: (id: string) => Promise<Job | undefined>;
  /** Calls back with every step: of this process at once, of others within a second or two. */
  readonly follow: (listener: (job: Job) => void) => () => void;
  /** Resolves when all that happened so far is written. */
  readonly close: () => Promise<void>;
}

const KIND = "job";
const KEPT = 1_000;
/** How often progress is written, and others are looked at, in milliseconds. */
const PERIOD = 1_000;
/** Characters of a result that are kept in the store. */
const RESULT_MAX = 200_000;

const GONE = "The process that ran it ended before it was done. What was done so far stays; start it again.";

/** What jobs are recorded with. */
export interface JobRecordsOptions {
  readonly sandbox: string;
  readonly store: HubStore;
  readonly jobs: Jobs;
  readonly clock: () => number;
  /** Whether other processes share the store: then jobs give signs of life, and their requests are looked for. */
  readonly isShared: boolean;
  /** How long a job of another process may give no sign of life, in milliseconds. */
  readonly leaseMs: number;
  readonly onError: (what: string, error: unknown) => void;
}

/**
 * Keeps a record of every job in the store: its start and end at once, its progress once a second. Results of jobs that
 * name persons are told by their own process alone. A job whose process is gone is told as failed.
 */
export async function openJobRecords(options: JobRecordsOptions): Promise<JobRecords> {
  const { sandbox, store, jobs, clock, isShared, leaseMs, onError } = options;
  const waiting = new Map<string, Job>();
  const followers = new Set<(job: Job) => void>();
  let seen: Map<string, number> | undefined;
  let closed = false;

  const write = (job: Job): Promise<boolean> =>
    claimDocument(store, { kind: KIND, id: job.id }, (before) => {
      const isCancelled = before?.["cancel"] === true;
      if (isCancelled) jobs.cancel(job.id);
      return { ...recordOf(job), beatAt: clock(), ...(isCancelled && { cancel: true }) };
    });
  let writing: Promise<void> | undefined;
  const flush = (): Promise<void> => {
    writing ??= (async () => {
      for (let tries = 0; waiting.size > 0 && tries < 20; tries += 1) {
        const now = [...waiting.values()];
        for (const job of now) {
          // what came meanwhile waits on, and what somebody else wrote over, as all do while the store is away
          if ((await write(job)) && waiting.get(job.id) === job) waiting.delete(job.id);
        }
        if (now.some(({ status }) => status !== "running")) await forgetOldest(store);
      }
    })()
      .catch((error: unknown) => {
        onError("job records", error);
        wake();
      })
      .finally(() => (writing = undefined));
    return writing;
  };
  const unfollow = jobs.follow(
    (job) => {
      if (job.sandbox !== sandbox) return;
      const isStep = job.status === "running" && job.done > 0;
      waiting.set(job.id, job);
      if (!isStep) void flush();
      else wake();
    },
    { starts: true },
  );

  let timer: NodeJS.Timeout | undefined;
  const wake = (): void => {
    if (!closed) timer ??= setTimeout(() => void turn(), PERIOD).unref();
  };
  const turn = async (): Promise<void> => {
    timer = undefined;
    const own = jobs.list(sandbox).filter(({ status }) => status === "running");
    // a sign of life, and a look at whether somebody wants it stopped
    if (isShared) for (const job of own) if (!waiting.has(job.id)) waiting.set(job.id, job);
    await flush();
    if (isShared && followers.size > 0)
      await lookAtOthers().catch((error: unknown) => onError("job records", error));
    if (waiting.size > 0 || (isShared && (own.length > 0 || followers.size > 0))) wake();
  };

  const toldOf = ({ id, body }: StoredDocument): Job | undefined => {
    const job = jobOfRecord(id, sandbox, body);
    if (job?.status !== "running") return job;
    const isGone = !isShared || clock() - Number(body["beatAt"]) > 2 * leaseMs;
    return isGone ? { ...job, status: "failed", message: GONE, endedAt: Number(body["beatAt"]) } : job;
  };
  const lookAtOthers = async (): Promise<void> => {
    const documents = await store.documents(KIND);
    const before = seen;
    seen = new Map(documents.map(({ id, version }) => [id, version]));
    for (const document of documents) {
      const isOwn = jobs.get(document.id) !== undefined;
      const job =
        isOwn || before === undefined || before.get(document.id) === document.version
          ? undefined
          : toldOf(document);
      if (job !== undefined) followers.forEach((listener) => listener(job));
    }
  };

  if (!isShared) await endLeftovers(store, toldOf);
  const get = async (id: string): Promise<Job | undefined> => {
    const own = jobs.get(id);
    if (own !== undefined) return own.sandbox === sandbox ? own : undefined;
    const stored = await store.document(KIND, id);
    return stored === undefined ? undefined : toldOf(stored);
  };
  return {
    list: async () => {
      const own = jobs.list(sandbox);
      const known = new Set(own.map(({ id }) => id));
      const others = (await store.documents(KIND)).flatMap((document) =>
        known.has(document.id) ? [] : (toldOf(document) ?? []),
      );
      return [...own, ...others].sort((a, b) => b.startedAt - a.startedAt).slice(0, KEPT);
    },
    get,
    cancel: async (id) => {
      const found = await get(id);
      if (jobs.get(id) !== undefined) return found && jobs.cancel(id);
      if (found?.status !== "running") return found;
      for (let tries = 0; tries < 20; tries += 1) {
        const asked = await claimDocument(
          store,
          { kind: KIND, id },
          (body) => body && { ...body, cancel: true },
        );
        if (asked) break;
      }
      return found;
    },
    follow: (listener) => {
      followers.add(listener);
      const unfollowOwn = jobs.follow((job) => {
        if (job.sandbox === sandbox) listener(job);
      });
      if (isShared) {
        if (followers.size === 1) {
          seen = undefined;
          lookAtOthers().catch((error: unknown) => onError("job records", error));
        }
        wake();
      }
      return () => {
        followers.delete(listener);
        unfollowOwn();
      };
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      unfollow();
      await writing;
      await flush();
    },
  };
}

/** A job as it is stored. */
function recordOf({ id: _id, sandbox: _sandbox, namesPersons, result, ...job }: Job): object {
  if (result === undefined) return job;
  const text = namesPersons === true ? undefined : JSON.stringify(result);
  return text === undefined || text.length > RESULT_MAX
    ? { ...job, message: "Its result was told by the process that ran it, and is not kept." }
    : { ...job, result: jsonObjectOf({ value: result })["value"] };
}

const STATUSES = ["running", "done", "failed", "cancelled"] as const;

function jobOfRecord(id: string, sandbox: string, body: unknown): Job | undefined {
  if (!isObject(body)) return undefined;
  const { kind, status, done, total, startedAt, endedAt, result, message } = body;
  const known = STATUSES.find((one) => one === status);
  if (typeof kind !== "string" || known === undefined) return undefined;
  return {
    id,
    kind,
    sandbox,
    status: known,
    done: Number(done),
    total: Number(total),
    startedAt: Number(startedAt),
    ...(typeof endedAt === "number" && { endedAt }),
    ...(result !== undefined && { result }),
    ...(typeof message === "string" && { message }),
  };
}

/** Ends the records of jobs that the process before this one was at. */
async function endLeftovers(
  store: HubStore,
  toldOf: (document: StoredDocument) => Job | undefined,
): Promise<void> {
  const left = (await store.documents(KIND)).filter(({ body }) => body["status"] === "running");
  const ended = left.flatMap((document) => {
    const job = toldOf(document);
    return job === undefined ? [] : [{ kind: KIND, id: document.id, body: recordOf(job) }];
  });
  if (ended.length > 0) await writeDocuments(store, ended);
}

async function forgetOldest(store: HubStore): Promise<void> {
  const documents = await store.documents(KIND);
  if (documents.length <= KEPT) return;
  const oldest = documents
    .filter(({ body }) => body["status"] !== "running")
    .sort((a, b) => Number(a.body["startedAt"]) - Number(b.body["startedAt"]))
    .slice(0, documents.length - KEPT);
  await writeDocuments(
    store,
    oldest.map(({ id }) => ({ kind: KIND, id })),
  );
}
