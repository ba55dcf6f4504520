import { err, formatInstant, type Issue, ok, parseInstant, type Result } from "@tessera/xdm";
import { type PrivacyStep, privacyPlan } from "./privacy-plan.ts";
import type { PrivacyAction, PrivacyRequest, PrivacyUserId } from "./privacy-request.ts";

/** What one system answered. `count` is the number of things found or deleted; no receipt carries a value. */
export interface PrivacyReceipt {
  /** ISO 8601. */
  readonly at: string;
  /** `not-applicable`: the system is not connected, or knows nobody of that name. */
  readonly outcome: "done" | "failed" | "not-applicable";
  readonly count?: number;
  readonly note?: string;
}

/** A step with everything that was answered so far; the last receipt counts. */
export interface PrivacyJobStep extends PrivacyStep {
  /** Whether it waits for a receipt: at first, and again after a retry. */
  readonly open: boolean;
  readonly receipts: readonly PrivacyReceipt[];
}

/**
 * `submitted -> processing -> complete | error`; `error -> processing` by a retry. Complete: every step is done or
 * not applicable. Error: a step failed and no other step can go on without it.
 */
export type PrivacyJobState = "submitted" | "processing" | "complete" | "error";

/** One action for one person: the unit that is worked on and answered. */
export interface PrivacyJob {
  readonly jobId: string;
  readonly requestId: string;
  readonly organization: string;
  readonly userKey: string;
  readonly action: PrivacyAction;
  readonly userIDs: readonly PrivacyUserId[];
  readonly regulation: PrivacyRequest["regulation"];
  readonly priority: PrivacyRequest["priority"];
  /** Always per fragment (`none`), unless the request names a merge policy. */
  readonly mergePolicyId: string;
  readonly state: PrivacyJobState;
  readonly createdAt: string;
  readonly completedAt?: string;
  readonly steps: readonly PrivacyJobStep[];
}

const DAY = 86_400_000;

/** One job for each action of each person. `newId` gives the job ids; `now` is ISO 8601. */
export function privacyJobs(
  request: PrivacyRequest,
  {
    requestId,
    now,
    newId,
  }: { readonly requestId: string; readonly now: string; readonly newId: () => string },
): readonly PrivacyJob[] {
  const { organization, include, expandIds, regulation, priority, mergePolicyId = "none" } = request;
  return request.users.flatMap(({ key, action: actions, userIDs }) =>
    actions.map((action) => ({
      jobId: newId(),
      requestId,
      organization,
      userKey: key,
      action,
      userIDs,
      regulation,
      priority,
      mergePolicyId,
      state: "submitted" as const,
      createdAt: now,
      steps: privacyPlan(action, include, expandIds).map((step) => ({ ...step, open: true, receipts: [] })),
    })),
  );
}

/** The answer to a request: 202 with the jobs it made. */
export function privacyResponse(
  requestId: string,
  jobs: readonly PrivacyJob[],
): {
  readonly requestId: string;
  readonly totalRecords: number;
  readonly jobs: readonly { readonly jobId: string; readonly customer: { readonly user: object } }[];
} {
  return {
    requestId,
    totalRecords: jobs.length,
    jobs: jobs.map(({ jobId, userKey, action, userIDs }) => ({
      jobId,
      customer: { user: { key: userKey, action: [action], userIDs } },
    })),
  };
}

/** The steps to be done now: the open ones of the earliest phase that is not finished. */
export function nextSteps(job: PrivacyJob): readonly PrivacyStep[] {
  if (job.state === "complete" || job.state === "error") return [];
  const phase = currentPhase(job.steps);
  return job.steps
    .filter((step) => step.phase === phase && step.open)
    .map(({ system, operation, phase }) => ({ system, operation, phase }));
}

/**
 * Takes the receipt of one step. The same receipt again changes nothing; a receipt for a step that is not in the
 * plan, whose turn has not come, or that is done already, is refused.
 */
export function recordReceipt(
  job: PrivacyJob,
  { system, operation }: Pick<PrivacyStep, "system" | "operation">,
  receipt: PrivacyReceipt,
): Result<PrivacyJob, Issue> {
  const index = job.steps.findIndex((step) => step.system === system && step.operation === operation);
  const step = job.steps[index];
  if (!step) return err(notNow(job, `${operation} ${system}`, "is no step of this job"));
  const last = step.receipts.at(-1);
  if (last && !step.open && sameReceipt(last, receipt)) return ok(job);
  if (last && !step.open) return err(notNow(job, `${operation} ${system}`, `is ${last.outcome} already`));
  if (step.phase !== currentPhase(job.steps)) {
    return err(notNow(job, `${operation} ${system}`, "waits for steps before it"));
  }
  const steps = job.steps.with(index, { ...step, open: false, receipts: [...step.receipts, receipt] });
  return ok(settle({ ...job, steps }, receipt.at));
}

/** Opens the failed steps of a job in error again; the receipts of the failures stay. */
export function retryPrivacyJob(job: PrivacyJob): Result<PrivacyJob, Issue> {
  if (job.state !== "error")
    return err(notNow(job, "retry", `needs a job in error, this one is ${job.state}`));
  const steps = job.steps.map((step) => (isFailed(step) ? { ...step, open: true } : step));
  return ok({ ...job, steps, state: "processing" });
}

/** When the result of a complete job is deleted: 30 days (or `days`) after completion. */
export function resultExpiresAt(job: PrivacyJob, days = 30): string | undefined {
  const completed = parseInstant(job.completedAt);
  return completed.ok ? formatInstant(completed.value + days * DAY) : undefined;
}

/** Whether a job has been open for more days than the law is usually read to allow (45). `now` in milliseconds. */
export function isOverdue(job: PrivacyJob, now: number, days = 45): boolean {
  const created = parseInstant(job.createdAt);
  return job.state !== "complete" && created.ok && now - created.value > days * DAY;
}

/** What one sandbox holds about a person, for the one file of an access job. */
export interface AccessPart {
  readonly sandbox: string;
  readonly result: object;
}

/** The file of an access job: everything about the person, sandbox by sandbox, nothing merged. */
export function accessDocument(
  { jobId, mergePolicyId }: PrivacyJob,
  parts: readonly AccessPart[],
): {
  readonly privacyResponse: {
    readonly jobId: string;
    readonly response: readonly (AccessPart & { readonly mergePolicyId: string })[];
  };
} {
  const response = parts.map(({ sandbox, result }) => ({ sandbox, mergePolicyId, result }));
  return { privacyResponse: { jobId, response } };
}

function settle(job: PrivacyJob, at: string): PrivacyJob {
  const current = job.steps.filter(({ phase }) => phase === currentPhase(job.steps));
  if (job.steps.every(isFinished)) return { ...job, state: "complete", completedAt: at };
  const stuck = current.some(isFailed) && current.every(({ open }) => !open);
  return { ...job, state: stuck ? "error" : "processing" };
}

function currentPhase(steps: readonly PrivacyJobStep[]): number {
  return Math.min(...steps.filter((step) => !isFinished(step)).map(({ phase }) => phase));
}

function isFinished({ open, receipts }: PrivacyJobStep): boolean {
  return !open && receipts.at(-1)?.outcome !== "failed";
}

function isFailed({ open, receipts }: PrivacyJobStep): boolean {
  return !open && receipts.at(-1)?.outcome === "failed";
}

function sameReceipt(a: PrivacyReceipt, b: PrivacyReceipt): boolean {
  return a.at === b.at && a.outcome === b.outcome && a.count === b.count;
}

function notNow(job: PrivacyJob, what: string, why: string): Issue {
  const message = `Privacy job ${job.jobId}: ${what} ${why}. Ask the job for its next steps.`;
  return { code: "privacy.transition", expected: "a next step of the job", came: what, message };
}
