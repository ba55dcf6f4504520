import { setTimeout as wait } from "node:timers/promises";
import {
  accessDocument,
  nextSteps,
  parsePrivacyRequest,
  type PrivacyJob,
  privacyJobs,
  type PrivacyReceipt,
  type PrivacyStep,
  type PrivacySystem,
  recordReceipt,
  resultExpiresAt,
  retryPrivacyJob,
  suppressionHash,
} from "@tessera/governance";
import { type ErasureReceipt, idsOfPerson } from "@tessera/hub";
import type { DeliveryJournal } from "@tessera/destinations";
import {
  err,
  formatInstant,
  type Identity,
  type Issue,
  type JsonObject,
  ok,
  type Result,
} from "@tessera/xdm";
import { jsonObjectOf, writeDocuments } from "../documents.ts";
import { eraseDeliveries } from "../delivery/journal.ts";
import type { Sandbox } from "../sandbox.ts";
import { scrubExports } from "./scrub-exports.ts";

/** Privacy requests of one sandbox: access and deletion, with a receipt of each system. */
export interface PrivacyJobs {
  /** Takes a request (the body of the privacy jobs API); one job for each action of each person. */
  readonly submit: (
    request: unknown,
  ) => Promise<
    Result<{ readonly jobs: readonly PrivacyJob[]; readonly issues: readonly Issue[] }, readonly Issue[]>
  >;
  /** Works on a job until it is complete or stuck. */
  readonly run: (jobId: string) => Promise<Result<PrivacyJob, readonly Issue[]>>;
  /** Opens the failed steps of a job again and works on it. */
  readonly retry: (jobId: string) => Promise<Result<PrivacyJob, readonly Issue[]>>;
  readonly get: (jobId: string) => Promise<PrivacyJob | undefined>;
  /** Newest first. */
  readonly list: () => Promise<readonly PrivacyJob[]>;
  /** The one file of an access job; gone 30 days after completion. */
  readonly result: (jobId: string) => Promise<JsonObject | undefined>;
  /** Goes on with jobs that a stop interrupted, and deletes results that have expired. */
  readonly resume: () => Promise<void>;
}

/** What privacy jobs work with. */
export interface PrivacyJobsOptions {
  readonly sandbox: Pick<Sandbox, "name" | "hub" | "projection" | "store">;
  readonly journal: DeliveryJournal;
  readonly clock: () => number;
  readonly newId: () => string;
  /** The folder of local exports. */
  readonly filesFolder: string;
  /** Salt of the hashes that stay of those who were deleted. */
  readonly salt: string | undefined;
  /** Takes persons off the edge; undefined without an edge. */
  readonly forgetOnEdge?: (identities: readonly Identity[]) => Promise<number>;
}

const KIND = "privacyJob";
const RESULT = "privacyResult";
const LOG_LINES_MAX = 100_000;

/** The systems whose data goes and comes together with the person. */
const WITH_PERSON: ReadonlySet<PrivacySystem> = new Set([
  "suppression-list",
  "identity-graph",
  "fragments",
  "events",
  "person-state",
  "outbox",
  "quarantine",
]);

/** The privacy jobs of a sandbox, kept in its store. */
export function createPrivacyJobs(options: PrivacyJobsOptions): PrivacyJobs {
  const { sandbox, journal, clock, newId, filesFolder, salt } = options;
  const { hub, store, name } = sandbox;
  const get = async (jobId: string): Promise<PrivacyJob | undefined> =>
    (await store.document(KIND, jobId))?.body as unknown as PrivacyJob | undefined;
  const save = async (job: PrivacyJob): Promise<void> => {
    if (!(await writeDocuments(store, [{ kind: KIND, id: job.jobId, body: job }])))
      throw new Error("Another process works on the same privacy job.");
  };
  const missing = err([{ code: "notFound", path: ["id"], message: "No such privacy job in this sandbox." }]);

  /** Everyone the job is about, under all ids, as they stand before anything is deleted. */
  const scopeOf = async (job: PrivacyJob): Promise<Scope> => {
    const given = job.userIDs.map(({ namespace, value }) => ({ namespace, id: value }));
    const expandIds = job.steps.some(({ operation }) => operation === "expand");
    const access = await hub.accessPerson(given, { expandIds });
    // Answers of earlier jobs may name the person in the form in which they were asked.
    const values = new Set([...given, ...access.identities].map(({ id }) => id));
    // Logs stay under the id a person had when they were written, also after a merge.
    const personIds = access.persons.flatMap((one) => idsOfPerson(one.personId, one.identities));
    return { given, expandIds, access, values, personIds };
  };

  const access = async (job: PrivacyJob): Promise<PrivacyJob> => {
    const scope = await scopeOf(job);
    const deliveries = await journal.deliveries({ personIds: scope.personIds, limit: LOG_LINES_MAX });
    const counts: { readonly [system in PrivacySystem]?: number } = {
      "identity-graph": scope.access.persons.length,
      fragments: scope.access.persons.reduce((sum, { fragments }) => sum + fragments.length, 0),
      "person-state": scope.access.persons.length,
      events: scope.access.events.length,
      quarantine: scope.access.quarantined.length,
      "delivery-log": deliveries.length,
      "edge-profiles": 0,
    };
    const wanted = new Set(job.steps.map(({ system }) => system));
    const result = partOf(scope, wanted, deliveries);
    await writeDocuments(store, [
      { kind: RESULT, id: job.jobId, body: accessDocument(job, [{ sandbox: name, result }]) },
    ]);
    return settleAll(job, (step) => {
      const count = counts[step.system];
      if (step.system.startsWith("destination-")) return { outcome: "not-applicable", note: NOT_ASKED };
      if (step.system === "edge-profiles") return { outcome: "done", count: 0, note: EDGE_NOTE };
      return { outcome: "done", ...(count === undefined ? {} : { count }) };
    });
  };

  const erase = async (job: PrivacyJob): Promise<PrivacyJob> => {
    const own = job.steps.some(({ system }) => WITH_PERSON.has(system));
    const scope = await scopeOf(job);
    const receipts = new Map<PrivacySystem, Omit<PrivacyReceipt, "at">>();
    const attempt = async (system: PrivacySystem, work: () => Promise<number | undefined>): Promise<void> => {
      try {
        const count = await work();
        receipts.set(
          system,
          count === undefined
            ? { outcome: "not-applicable", note: NOT_CONNECTED }
            : { outcome: "done", count },
        );
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
        receipts.set(system, { outcome: "failed", note: code });
      }
    };
    if (own) {
      const { personIds } = scope;
      const names = (body: object): boolean => carries(body, scope.values);
      const destinationIds = [...hub.destinations().keys()];
      await attempt("delivery-log", () => eraseDeliveries(store, { personIds, destinationIds, names }));
      await attempt("export-files", async () => (await scrubExports(filesFolder, scope.values)).rows);
      await attempt("edge-profiles", async () => options.forgetOnEdge?.(scope.access.identities));
      const erased = await hub.erasePerson(scope.given, { expandIds: scope.expandIds });
      for (const system of WITH_PERSON) {
        receipts.set(
          system,
          erased.ok
            ? { outcome: "done", count: countOf(system, erased.value, scope) }
            : { outcome: "failed", note: erased.error.map(({ code }) => code).join(", ") },
        );
      }
      await eraseAnswers(job, names);
      // What destinations are still to be told names the person: the storage is clean only once they know.
      const waits = !(await drained(destinationIds, names));
      if (waits) receipts.set("storage", { outcome: "failed", note: EXITS_WAIT });
      else await attempt("storage", async () => ("compact" in store ? compact(sandbox) : undefined));
    }
    return settleAll(job, ({ system }) => {
      if (system.startsWith("destination-"))
        return { outcome: own ? "done" : "not-applicable", note: own ? EXITS : NOT_ASKED };
      return receipts.get(system) ?? { outcome: "failed", note: "no answer" };
    });
  };

  /** What earlier jobs answered about the same person goes as well. */
  const eraseAnswers = async (job: PrivacyJob, names: (body: object) => boolean): Promise<void> => {
    for (const { body } of await store.documents(KIND)) {
      const other = body as unknown as PrivacyJob;
      if (other.jobId === job.jobId || !names(other.userIDs)) continue;
      await writeDocuments(store, [
        { kind: RESULT, id: other.jobId },
        ...(other.state === "complete"
          ? [{ kind: KIND, id: other.jobId, body: withoutValues(other, salt) }]
          : []),
      ]);
    }
  };

  /** Waits a while for the outbox to name the person no more. */
  const drained = async (
    destinationIds: readonly string[],
    names: (body: object) => boolean,
  ): Promise<boolean> => {
    const waiting = async (): Promise<boolean> => {
      for (const id of destinationIds) {
        for (let after = 0; ;) {
          const page = await store.outbox(id, after, PAGE);
          const last = page.at(-1);
          if (last === undefined) break;
          if (page.some(({ body }) => names(body))) return true;
          after = last.sequence;
        }
      }
      return false;
    };
    for (let attempt = 0; attempt < DRAIN_ATTEMPTS; attempt += 1) {
      if (!(await waiting())) return true;
      await wait(DRAIN_PAUSE_MS);
    }
    return false;
  };

  /** Records a receipt for every open step, phase by phase; stops where a failure keeps the next phase from beginning. */
  const settleAll = (
    job: PrivacyJob,
    answer: (step: PrivacyStep) => Omit<PrivacyReceipt, "at">,
  ): PrivacyJob => {
    let at = job;
    for (let steps = nextSteps(at); steps.length > 0; steps = nextSteps(at)) {
      for (const step of steps) {
        const settled = recordReceipt(at, step, { at: formatInstant(clock()), ...answer(step) });
        if (!settled.ok) throw new Error(settled.error.message);
        at = settled.value;
      }
    }
    return at;
  };

  const run = async (job: PrivacyJob): Promise<PrivacyJob> => {
    const done = job.action === "access" ? await access(job) : await erase(job);
    const kept = done.action === "delete" && done.state === "complete" ? withoutValues(done, salt) : done;
    await save(kept);
    return kept;
  };

  const jobs: PrivacyJobs = {
    submit: async (input) => {
      const parsed = parsePrivacyRequest(input);
      if (!parsed.ok) return parsed;
      const { request, issues } = parsed.value;
      const made = privacyJobs(request, { requestId: newId(), now: formatInstant(clock()), newId });
      await writeDocuments(
        store,
        made.map((job) => ({ kind: KIND, id: job.jobId, body: job })),
      );
      return ok({ jobs: made, issues });
    },
    run: async (jobId) => {
      const job = await get(jobId);
      return job === undefined ? missing : ok(await run(job));
    },
    retry: async (jobId) => {
      const job = await get(jobId);
      if (job === undefined) return missing;
      const opened = retryPrivacyJob(job);
      return opened.ok ? ok(await run(opened.value)) : err([opened.error]);
    },
    get,
    list: async () =>
      (await store.documents(KIND))
        .map(({ body }) => body as unknown as PrivacyJob)
        .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0)),
    result: async (jobId) => {
      const job = await get(jobId);
      const expires = job === undefined ? undefined : resultExpiresAt(job);
      if (expires === undefined || expires <= formatInstant(clock())) return undefined;
      return (await store.document(RESULT, jobId))?.body;
    },
    resume: async () => {
      const now = formatInstant(clock());
      for (const job of await jobs.list()) {
        if (job.state === "submitted" || job.state === "processing") await run(job);
        if (job.state === "error") await jobs.retry(job.jobId);
        const expires = resultExpiresAt(job);
        if (job.action === "access" && expires !== undefined && expires <= now)
          await writeDocuments(store, [{ kind: RESULT, id: job.jobId }]);
      }
    },
  };
  return jobs;
}

const PAGE = 500;
const DRAIN_ATTEMPTS = 20;
const DRAIN_PAUSE_MS = 250;
const EXITS_WAIT = "destinations are still to be told of the exits; retry the job when they were";
const NOT_CONNECTED = "not connected here";
const NOT_ASKED = "this destination offers no privacy interface here; ask it directly";
const EXITS = "the exits of the person are on their way";
const EDGE_NOTE = "the edge holds a copy of what stands here, for at most 14 days";

interface Scope {
  readonly given: readonly Identity[];
  readonly expandIds: boolean;
  readonly access: Awaited<ReturnType<Sandbox["hub"]["accessPerson"]>>;
  /** Every identity value of the person. */
  readonly values: ReadonlySet<string>;
  readonly personIds: readonly string[];
}

/** Whether a value stands as a string anywhere in JSON data. */
function carries(body: object, values: ReadonlySet<string>): boolean {
  const text = JSON.stringify(body);
  return [...values].some((value) => text.includes(JSON.stringify(value)));
}

/** What the products that were asked for hold. */
function partOf(
  { access }: Scope,
  wanted: ReadonlySet<PrivacySystem>,
  deliveries: readonly object[],
): JsonObject {
  const { identities, persons, events, records, waiting, quarantined, decisions } = access;
  return jsonObjectOf({
    identities,
    ...(wanted.has("identity-graph") && { graphs: persons.map(({ graph }) => graph), decisions }),
    ...(wanted.has("fragments") && {
      persons: persons.map(({ personId, fragments }) => ({ personId, fragments })),
      records,
    }),
    ...(wanted.has("person-state") && {
      memberships: persons.map(({ personId, segmentMembership, membershipLog, regions }) => ({
        personId,
        segmentMembership,
        membershipLog,
        ...(regions && { regions }),
      })),
      waiting,
    }),
    ...(wanted.has("events") && { events }),
    ...(wanted.has("quarantine") && { quarantined }),
    ...(wanted.has("delivery-log") && { deliveries }),
  });
}

function countOf(system: PrivacySystem, erased: ErasureReceipt, { access }: Scope): number {
  switch (system) {
    case "events":
      return erased.events;
    case "fragments":
      return erased.records;
    case "quarantine":
      return erased.quarantined;
    case "person-state":
      return erased.persons;
    case "outbox":
      return access.waiting.length;
    default:
      return erased.identities;
  }
}

/** A finished deletion names nobody any more: what stays of each identifier is its hash. */
function withoutValues(job: PrivacyJob, salt = ""): PrivacyJob {
  return {
    ...job,
    userKey: "",
    userIDs: job.userIDs.map(({ namespace, value, type }) => ({
      namespace,
      type,
      value: suppressionHash({ namespace, id: value }, salt),
    })),
  };
}

/** Neither the file nor what is derived from it keeps a value of those who were erased. */
async function compact({ store, projection }: Pick<Sandbox, "store" | "projection">): Promise<number> {
  await (store as object as { readonly compact: () => Promise<void> }).compact();
  await projection?.forget();
  return 0;
}
