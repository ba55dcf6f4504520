import { rm } from "node:fs/promises";
import type { HubStore } from "@tessera/profile-store";
import type { Logger } from "pino";
import { afterwardsEarly } from "./answer-early.ts";
import { openRecipients } from "./campaign/recipients.ts";
import { catalogOf } from "./catalog.ts";
import type { GatewayConfig, Role } from "./config.ts";
import { type DeliveryWorker, startDeliveryWorker } from "./delivery/delivery-worker.ts";
import { createProjector } from "./edge/projector.ts";
import { type JobRecords, openJobRecords } from "./job-records.ts";
import type { Jobs } from "./jobs.ts";
import type { Metrics } from "./observe/metrics.ts";
import { createPrivacyJobs, type PrivacyJobs } from "./privacy/privacy-jobs.ts";
import { finishDeriving } from "./rebuild.ts";
import { openSandbox, type Sandbox } from "./sandbox.ts";
import { createEvaluationRuns, type EvaluationRuns } from "./schedules/evaluation-runs.ts";
import { startScheduleWorker } from "./schedules/schedule-worker.ts";
import { dropStore, finderOf, openStore, projectionOf } from "./store.ts";
import { createSender } from "./transports/send.ts";
import { createLeasedWork } from "./workers/leased-work.ts";
import { startSharedWork } from "./workers/shared-work.ts";

/** What sandboxes are opened with. */
export interface SandboxParts {
  readonly config: GatewayConfig;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly jobs: Jobs;
  /** The value of a secret by its name. */
  readonly secret: (name: string) => string | undefined;
  /** Salt of the hashes that stay of persons who were erased; without it nobody can be erased. */
  readonly privacySalt: string | undefined;
}

/** The open sandboxes of a gateway: each with its store, its hub and the work that goes on in it. */
export interface Sandboxes {
  /** Opens a sandbox, or gives the open one. */
  readonly open: (name: string) => Promise<Sandbox>;
  readonly running: () => readonly Sandbox[];
  readonly delivery: (name: string) => DeliveryWorker;
  readonly privacy: (name: string) => PrivacyJobs;
  readonly evaluations: (name: string) => EvaluationRuns;
  readonly jobRecords: (name: string) => JobRecords;
  /** Ends the work in a sandbox and removes all that is stored in it; the next `open` finds it empty. */
  readonly drop: (name: string) => Promise<void>;
  /** Evaluations that are broken off from now on are left for the next process. */
  readonly leaveEvaluations: () => void;
  readonly close: () => Promise<void>;
}

interface Running {
  readonly sandbox: Sandbox;
  readonly delivery: DeliveryWorker;
  readonly privacy: PrivacyJobs;
  readonly evaluations: EvaluationRuns;
  readonly jobRecords: JobRecords;
  readonly close: () => Promise<void>;
}

/** The sandboxes of a gateway; `given` is the open store of the default one. */
export function createSandboxes(parts: SandboxParts, given?: HubStore): Sandboxes {
  const { config } = parts;
  const opening = new Map<string, Promise<Running>>();
  const running = new Map<string, Running>();
  const start = async (name: string): Promise<Running> => {
    const isDefault = name === config.defaultSandbox;
    const store =
      isDefault && given !== undefined ? given : await openStore(config.store, { name, isDefault });
    const started = await startSandbox(parts, name, store);
    running.set(name, started);
    return started;
  };
  const runningOne = (name: string): Running => {
    const found = running.get(name);
    if (found === undefined) throw new Error("A sandbox is open before its parts are asked for.");
    return found;
  };
  return {
    open: async (name) => {
      const known = opening.get(name);
      if (known !== undefined) return (await known).sandbox;
      const started = start(name);
      started.catch(() => opening.delete(name));
      opening.set(name, started);
      return (await started).sandbox;
    },
    running: () => [...running.values()].map(({ sandbox }) => sandbox),
    delivery: (name) => runningOne(name).delivery,
    privacy: (name) => runningOne(name).privacy,
    evaluations: (name) => runningOne(name).evaluations,
    jobRecords: (name) => runningOne(name).jobRecords,
    drop: async (name) => {
      const found = await opening.get(name);
      opening.delete(name);
      running.delete(name);
      await found?.close();
      await dropStore(config.store, { name, isDefault: name === config.defaultSandbox });
      await rm(filesFolderOf(config, name), { recursive: true, force: true });
    },
    leaveEvaluations: () => {
      for (const { evaluations } of running.values()) evaluations.close();
    },
    close: async () => {
      await Promise.all([...running.values()].map((one) => one.close()));
    },
  };
}

/**
 * The folder of a sandbox's local files. It stands beside the default sandbox's folder, not in it: a folder that a
 * destination names never leads to another sandbox.
 */
function filesFolderOf({ filesFolder, defaultSandbox }: GatewayConfig, name: string): string {
  return name === defaultSandbox ? filesFolder : `${filesFolder}.${name}`;
}

/** Opens one sandbox and starts what this process does in it. */
async function startSandbox(parts: SandboxParts, name: string, given: HubStore): Promise<Running> {
  const { config, clock, newId, log, metrics, jobs, secret, privacySalt } = parts;
  const { organisation, tenant, edges, adminToken: token } = config;
  const does = (role: Role): boolean => config.roles.includes(role);
  const onError = (what: string, error: unknown): void =>
    log.error({ err: error, sandbox: name }, `${what} failed`);
  const filesFolder = filesFolderOf(config, name);
  const send = createSender({ filesFolder, secret, now: clock });
  const leased = createLeasedWork(given, { leaseMs: config.leaseMs, onError });
  const store = leased?.store ?? given;
  const timers = does("timers") && leased === undefined;
  const recipients = await openRecipients(store);
  const projection = projectionOf(given, config.batchThreads);
  const sandbox = await openSandbox({
    name,
    organisation,
    tenant,
    store,
    projection,
    finder: finderOf(given, projection),
    afterwards: afterwardsEarly({ jobs, sandbox: name, waitMs: config.changeWaitMs }, newId),
    catalog: catalogOf(recipients.known),
    beforeExport: recipients.refresh,
    clock,
    newId,
    timers,
    privacySalt,
    alone: leased?.alone,
    shared: leased?.shared,
    onError,
    onEvaluated: metrics.evaluating.batch.add,
    onCommit: (done) => metrics.commits.inc({ sandbox: name, outcome: done ? "done" : "conflict" }),
  });
  const jobRecords = await openJobRecords({
    sandbox: name,
    store,
    jobs,
    clock,
    isShared: leased !== undefined,
    leaseMs: config.leaseMs,
    onError,
  });
  if (does("derive")) await finishDeriving(sandbox);
  sandbox.follow((changes) => {
    for (const { to } of changes) metrics.membershipChanges.inc({ sandbox: name, to });
  });
  const projector =
    edges === undefined ? undefined : createProjector({ sandbox, edges, token, clock, metrics, log });
  const { hub } = sandbox;
  const runs = does("deliver");
  const delivery = startDeliveryWorker({
    hub,
    store,
    send,
    clock,
    organisation,
    sandbox: name,
    runs,
    leased,
    onError,
    onDelivered: (destinationId, seconds) => {
      const limits = hub.destinations().get(destinationId)?.configured.capabilities.limits;
      metrics.delivering[limits === "audience-manager" ? limits : "streaming"].add(seconds);
    },
  });
  const { exports } = delivery;
  const evaluations = createEvaluationRuns({ sandbox, exports, jobs, keeps: leased === undefined });
  const workers =
    leased && startSharedWork(leased, { config, sandbox, exports, evaluations, jobs, clock, onError });
  const privacy = createPrivacyJobs({
    sandbox,
    journal: delivery.store,
    clock,
    newId,
    filesFolder,
    salt: privacySalt,
    ...(projector === undefined ? {} : { forgetOnEdge: projector.forget }),
  });
  if (does("batch")) privacy.resume().catch((error: unknown) => onError("privacy jobs", error));
  if (does("batch") && leased === undefined)
    evaluations.resume().catch((error: unknown) => onError("evaluations", error));
  const schedule =
    does("batch") && leased === undefined
      ? startScheduleWorker({ sandbox, exports, evaluations, jobs, clock, onError })
      : undefined;
  return {
    sandbox,
    delivery,
    privacy,
    evaluations,
    jobRecords,
    close: async () => {
      evaluations.close();
      await schedule?.close();
      await workers?.close();
      await jobs.finish(name);
      await jobRecords.close();
      await projector?.close();
      await delivery.close();
      await sandbox.close();
    },
  };
}
