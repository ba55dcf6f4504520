import type { Logger } from "pino";
import type { AccessRegistry } from "./access/access-registry.ts";
import type { Principal } from "./access/principal.ts";
import type { GatewayConfig } from "./config.ts";
import type { DeliveryWorker } from "./delivery/delivery-worker.ts";
import type { JobRecords } from "./job-records.ts";
import type { Jobs } from "./jobs.ts";
import type { AuditLog } from "./observe/audit.ts";
import type { Metrics } from "./observe/metrics.ts";
import type { PrivacyJobs } from "./privacy/privacy-jobs.ts";
import type { Sandbox } from "./sandbox.ts";
import type { EvaluationRuns } from "./schedules/evaluation-runs.ts";

/** Who did something, as the audit log needs to know. */
interface Actor {
  readonly principal: Principal;
  readonly sandbox: Sandbox;
  readonly requestId: string;
}

/** The parts of a running gateway that requests work with. */
export interface Gateway {
  readonly config: GatewayConfig;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly auditLog: AuditLog;
  readonly access: AccessRegistry;
  /** Writes to the audit log; `person` is an identity key and is kept as a digest. */
  readonly audit: (
    actor: Actor,
    what: { readonly action: string } & ({ readonly subject: string } | { readonly person: string }),
  ) => void;
  /** An open sandbox by name; `undefined` when there is none of that name. */
  readonly sandbox: (name: string) => Promise<Sandbox | undefined>;
  readonly openSandboxes: () => readonly Sandbox[];
  /** Ends the work in a sandbox and removes all that is stored in it. */
  readonly dropSandbox: (name: string) => Promise<void>;
  readonly jobs: Jobs;
  /** The jobs of an open sandbox, those of other processes among them. */
  readonly jobRecords: (sandbox: string) => JobRecords;
  /** The delivery of an open sandbox. */
  readonly delivery: (sandbox: string) => DeliveryWorker;
  /** The privacy jobs of an open sandbox. */
  readonly privacy: (sandbox: string) => PrivacyJobs;
  /** The evaluations of an open sandbox that run as jobs. */
  readonly evaluations: (sandbox: string) => EvaluationRuns;
}
