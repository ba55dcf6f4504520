import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  accessDocument,
  isOverdue,
  nextSteps,
  parsePrivacyRequest,
  type PrivacyJob,
  privacyJobs,
  type PrivacyProduct,
  PRIVACY_PRODUCTS,
  privacyPlan,
  type PrivacyReceipt,
  privacyResponse,
  recordReceipt,
  resultExpiresAt,
  retryPrivacyJob,
} from "./index.ts";

const BODY = {
  companyContexts: [{ namespace: "imsOrgID", value: "1234@AdobeOrg" }],
  users: [
    {
      key: "Jane",
      action: ["access", "delete"],
      userIDs: [{ namespace: "email", value: "jane@example.test", type: "standard" }],
    },
    { key: "John", action: ["access"], userIDs: [{ namespace: "CRMID", value: "c-1", type: "custom" }] },
  ],
  include: ["ProfileService", "identity", "aepDataLake", "Campaign"],
  expandIds: true,
  priority: "low",
  regulation: "gdpr",
};
const NOW = "2026-01-01T00:00:00.000Z";

function jobsOf(body: object): readonly PrivacyJob[] {
  const parsed = parsePrivacyRequest(body);
  if (!parsed.ok) throw new Error(parsed.error[0]?.message);
  let count = 0;
  return privacyJobs(parsed.value.request, { requestId: "r1", now: NOW, newId: () => `job-${(count += 1)}` });
}

it("each action of each person becomes a job", () => {
  const jobs = jobsOf(BODY);
  expect(jobs.map(({ jobId, userKey, action, state }) => [jobId, userKey, action, state])).toEqual([
    ["job-1", "Jane", "access", "submitted"],
    ["job-2", "Jane", "delete", "submitted"],
    ["job-3", "John", "access", "submitted"],
  ]);
  expect(jobs[0]).toMatchObject({
    mergePolicyId: "none",
    priority: "low",
    regulation: "gdpr",
    organization: "1234@AdobeOrg",
  });
  expect(privacyResponse("r1", jobs)).toMatchObject({
    requestId: "r1",
    totalRecords: 3,
    jobs: [{ jobId: "job-1", customer: { user: { key: "Jane", action: ["access"] } } }, {}, {}],
  });
});

it("what is wrong with the whole request is told at once", () => {
  const parsed = parsePrivacyRequest({
    companyContexts: [{ namespace: "other", value: "x" }],
    users: [],
    include: ["ProfileService", "Nothing"],
    expandIds: "yes",
    priority: "high",
    regulation: "none",
    mergePolicyId: 1,
  });
  expect(parsed.ok ? [] : parsed.error.map(({ code, path }) => `${code} ${path?.join(".")}`)).toEqual([
    "privacy.shape companyContexts",
    "privacy.product include.1",
    "privacy.regulation regulation",
    "privacy.shape expandIds",
    "privacy.shape priority",
    "privacy.shape mergePolicyId",
    "privacy.shape users",
  ]);
});

const id = { namespace: "email", value: "x@example.test" };

it.each([
  ["no key", { action: ["access"], userIDs: [id] }],
  ["no action", { key: "a", action: [], userIDs: [id] }],
  ["another action", { key: "a", action: ["erase"], userIDs: [id] }],
  ["no identifier", { key: "a", action: ["access"], userIDs: [] }],
  ["ten identifiers", { key: "a", action: ["access"], userIDs: Array.from({ length: 10 }, () => id) }],
  [
    "an identifier without a value",
    { key: "a", action: ["access"], userIDs: [{ namespace: "email", value: "" }] },
  ],
  ["an identifier without a namespace", { key: "a", action: ["access"], userIDs: [{ value: "x" }] }],
  ["a key that is taken", { key: "Jane", action: ["access"], userIDs: [id] }],
  ["no object", 7],
])("a person with %s is left out, and the others live", (_, user) => {
  const parsed = parsePrivacyRequest({ ...BODY, users: [...BODY.users, user] });
  expect(parsed).toMatchObject({ ok: true, value: { issues: [{ code: "privacy.user" }] } });
  expect(parsed.ok && parsed.value.request.users.map(({ key }) => key)).toEqual(["Jane", "John"]);
  expect(JSON.stringify(parsed.ok && parsed.value.issues)).not.toContain("example.test");
});

it.each<readonly [string, "access" | "delete", readonly PrivacyProduct[], boolean, readonly string[]]>([
  [
    "the profile service alone leaves graph and events",
    "delete",
    ["ProfileService"],
    false,
    [
      "2 suppress suppression-list",
      "3 delete fragments",
      "3 delete person-state",
      "3 delete edge-profiles",
      "3 delete outbox",
      "3 delete export-files",
      "4 compact storage",
    ],
  ],
  [
    "the graph is asked before it is deleted",
    "delete",
    ["identity"],
    true,
    [
      "1 expand identity-graph",
      "2 suppress suppression-list",
      "3 delete identity-graph",
      "4 compact storage",
    ],
  ],
  [
    "destinations only",
    "delete",
    ["Target", "Campaign"],
    false,
    ["3 delete destination-target", "3 delete destination-campaign"],
  ],
  [
    "access",
    "access",
    ["aepDataLake", "identity"],
    false,
    ["3 collect events", "3 collect quarantine", "3 collect identity-graph"],
  ],
])("the plan: %s", (...[, action, include, expand, expected]) => {
  const plan = privacyPlan(action, include, expand);
  expect(plan.map(({ phase, operation, system }) => `${phase} ${operation} ${system}`)).toEqual(expected);
});

it("a full delete reaches everything that holds a person", () => {
  const systems = privacyPlan("delete", PRIVACY_PRODUCTS, true).map(({ system }) => system);
  for (const system of [
    "fragments",
    "events",
    "identity-graph",
    "person-state",
    "edge-profiles",
    "outbox",
    "export-files",
    "quarantine",
    "delivery-log",
  ]) {
    expect(systems).toContain(system);
  }
});

const done = (at = NOW): PrivacyReceipt => ({ at, outcome: "done", count: 1 });

function work(job: PrivacyJob, receipt: (system: string) => PrivacyReceipt): PrivacyJob {
  let now = job;
  for (let round = 0; round < 10; round += 1) {
    for (const step of nextSteps(now)) {
      const next = recordReceipt(now, step, receipt(step.system));
      if (!next.ok) throw new Error(next.error.message);
      now = next.value;
    }
  }
  return now;
}

function deleteJob(): PrivacyJob {
  const job = jobsOf(BODY).find(({ action }) => action === "delete");
  if (!job) throw new Error("no delete job");
  return job;
}

it("a job is worked on phase by phase, and completes with a receipt of every system", () => {
  const job = deleteJob();
  expect(nextSteps(job).map(({ operation }) => operation)).toEqual(["expand"]);
  const complete = work(job, () => done("2026-01-02T00:00:00.000Z"));
  expect(complete).toMatchObject({ state: "complete", completedAt: "2026-01-02T00:00:00.000Z" });
  expect(complete.steps.every(({ receipts }) => receipts.length === 1)).toBe(true);
  expect(nextSteps(complete)).toEqual([]);
  expect(resultExpiresAt(complete)).toBe("2026-02-01T00:00:00.000Z");
  expect(resultExpiresAt(job)).toBeUndefined();
});

it("a system that fails holds up the phases after it; the retry asks it alone again", () => {
  const failing = work(deleteJob(), (system) =>
    system === "events" ? { at: NOW, outcome: "failed", note: "disk" } : done(),
  );
  expect(failing.state).toBe("error");
  expect(nextSteps(failing)).toEqual([]);
  expect(failing.steps.find(({ system }) => system === "storage")?.receipts).toEqual([]);
  const retried = retryPrivacyJob(failing);
  expect(retried.ok && nextSteps(retried.value).map(({ system }) => system)).toEqual(["events"]);
  expect(retried.ok && work(retried.value, () => ({ at: NOW, outcome: "not-applicable" })).state).toBe(
    "complete",
  );
  expect(retryPrivacyJob(deleteJob())).toMatchObject({ ok: false, error: { code: "privacy.transition" } });
});

it("receipts out of turn, twice, or for no step", () => {
  const job = deleteJob();
  const expand = { system: "identity-graph", operation: "expand" } as const;
  const first = recordReceipt(job, expand, done());
  if (!first.ok) throw new Error(first.error.message);
  expect(first.value.state).toBe("processing");
  expect(recordReceipt(first.value, expand, done())).toEqual(first);
  expect(recordReceipt(first.value, expand, done("2026-01-03T00:00:00.000Z"))).toMatchObject({ ok: false });
  expect(recordReceipt(job, { system: "storage", operation: "compact" }, done())).toMatchObject({
    ok: false,
  });
  expect(recordReceipt(job, { system: "destination-target", operation: "delete" }, done())).toMatchObject({
    ok: false,
    error: { code: "privacy.transition" },
  });
});

it("a job that is open after 45 days is overdue", () => {
  const job = deleteJob();
  expect(isOverdue(job, Date.parse("2026-02-15T00:00:00Z"))).toBe(false);
  expect(isOverdue(job, Date.parse("2026-02-16T00:00:00Z"))).toBe(true);
  expect(
    isOverdue(
      work(job, () => done()),
      Date.parse("2027-01-01T00:00:00Z"),
    ),
  ).toBe(false);
});

it("the file of an access job holds every sandbox", () => {
  const [job] = jobsOf(BODY);
  if (!job) throw new Error("no job");
  const parts = [
    { sandbox: "prod", result: { identities: [] } },
    { sandbox: "dev", result: {} },
  ];
  expect(accessDocument(job, parts)).toEqual({
    privacyResponse: {
      jobId: "job-1",
      response: [
        { sandbox: "prod", mergePolicyId: "none", result: { identities: [] } },
        { sandbox: "dev", mergePolicyId: "none", result: {} },
      ],
    },
  });
});

it("whatever the outcomes and their order, a job ends complete or in error and never loses a receipt", () => {
  const outcome = fc.constantFrom("done" as const, "failed" as const, "not-applicable" as const);
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 20, maxLength: 20 }), fc.boolean(), (outcomes, reverse) => {
      let job = deleteJob();
      let at = 0;
      for (let steps = nextSteps(job); steps.length > 0; steps = nextSteps(job)) {
        const step = steps.at(reverse ? -1 : 0);
        const next = step && recordReceipt(job, step, { at: NOW, outcome: outcomes[at] ?? "done" });
        if (!next?.ok) throw new Error("refused");
        job = next.value;
        at += 1;
      }
      const receipts = job.steps.flatMap(({ receipts }) => receipts);
      expect(receipts).toHaveLength(at);
      expect(job.state).toBe(receipts.some(({ outcome }) => outcome === "failed") ? "error" : "complete");
    }),
    { numRuns: 100 },
  );
});
