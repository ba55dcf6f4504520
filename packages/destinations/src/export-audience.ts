import { digest, isMember } from "@tessera/xdm";
import type { ActivationItem, FileBatch } from "./activation-batch.ts";
import type { Dataflow, DataflowAudience } from "./dataflow.ts";
import type { ConfiguredDestination, PlanContext } from "./definition.ts";
import { type EvaluateExpression, mapPerson } from "./map-person.ts";
import type { FinishedItem, OutboxItem } from "./outbox.ts";
import type { DeliveryOutcome } from "./outcome.ts";
import { lessFinished, perform, type Send, type Sleep } from "./perform.ts";
import type { PersonView } from "./person-view.ts";
import { backoffMs, DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";

/** Whose rows an export takes, and from when. */
export interface ExportSelection {
  readonly dataflow: Dataflow;
  readonly audience: DataflowAudience;
  readonly mode: "full" | "incremental";
  /** ISO 8601, of the last file: incremental files carry changes after it. Without one, a first file is a full one. */
  readonly since?: string;
  /** ISO 8601 */
  readonly at: string;
  readonly marketingActions: readonly string[];
  readonly evaluate: EvaluateExpression;
}

/**
 * The items of an audience's file, person by person. Full: everyone in it. Incremental: whoever entered or left after
 * `since`; changes of attributes or identities alone never qualify.
 */
export function* selectForExport(
  persons: Iterable<PersonView>,
  selection: ExportSelection,
): Generator<ActivationItem> {
  const { dataflow, audience, mode, since, at, marketingActions, evaluate } = selection;
  for (const person of persons) {
    const entry = person.memberships[audience.namespace]?.[audience.id];
    if (!entry || marketingActions.some((action) => person.refusedActions?.includes(action))) continue;
    const status = isMember(entry.status) ? "realized" : "exited";
    const first = since === undefined;
    if (mode === "full" || first ? status === "exited" : entry.lastQualificationTime <= since) continue;
    const { identities, attributes } = mapPerson(dataflow.mapping, person, evaluate, status);
    yield {
      id: digest(`${dataflow.id}\n${audience.namespace}\n${audience.id}\n${at}\n${person.personId}`),
      personId: person.personId,
      trigger: "schedule",
      at,
      identities,
      attributes,
      changes: [
        { audienceId: audience.id, namespace: audience.namespace, status, at: entry.lastQualificationTime },
      ],
      memberships: { [audience.namespace]: { [audience.id]: entry } },
    };
  }
}

/** What an export needs from outside. `now` is milliseconds since 1970, `random` from 0 to 1. */
export interface ExportPorts {
  readonly send: Send;
  readonly sleep: Sleep;
  readonly now: () => number;
  readonly random: () => number;
  readonly retry?: RetryPolicy;
  /** For one file or call; default ten minutes. */
  readonly timeoutMs?: number;
}

/** The end of an export: one line a record, for the delivery log and the dead letters. */
export interface ExportReport {
  readonly requests: number;
  readonly delivered: number;
  readonly rejected: number;
  readonly finished: readonly FinishedItem[];
}

/** Writes the files of one audience, with retries; every record comes out delivered or rejected with its reason. */
export async function exportAudience(
  destination: ConfiguredDestination,
  batch: FileBatch,
  context: PlanContext,
  ports: ExportPorts,
): Promise<ExportReport> {
  const outcomes = new Map<string, DeliveryOutcome>();
  const requests = destination.plan(batch, context);
  for (const request of requests) {
    const told = request.kind === "settled" ? request.outcomes : await untilDone(destination, request, ports);
    for (const outcome of told) outcomes.set(outcome.item, lessFinished(outcomes.get(outcome.item), outcome));
  }
  const at = new Date(ports.now()).toISOString();
  const finished: FinishedItem[] = [];
  for (const item of batch.items) {
    finished.push({ item: asOutboxItem(batch, item), at, outcome: endOf(outcomes.get(item.id)) });
  }
  const delivered = finished.filter(({ outcome }) => outcome.kind === "delivered").length;
  return { requests: requests.length, delivered, rejected: finished.length - delivered, finished };
}

type Sent = Parameters<typeof perform>[0];

async function untilDone(
  destination: ConfiguredDestination,
  request: Sent,
  ports: ExportPorts,
): Promise<readonly DeliveryOutcome[]> {
  const { send, sleep, retry = DEFAULT_RETRY, timeoutMs = 600_000 } = ports;
  for (let attempt = 1; ; attempt += 1) {
    const { outcomes } = await perform(request, destination.interpret, { send, sleep, timeoutMs });
    const waits = outcomes.flatMap((o) => (o.kind === "retryable" ? [o.retryAfterMs ?? 0] : []));
    if (waits.length === 0 || attempt >= retry.maxAttempts) return outcomes;
    await sleep(backoffMs(attempt, retry, ports.random(), Math.max(...waits) || undefined));
  }
}

function endOf(outcome: DeliveryOutcome | undefined): FinishedItem["outcome"] {
  switch (outcome?.kind) {
    case "delivered":
    case "accepted":
      return { kind: "delivered" };
    case "rejected":
      return {
        kind: "rejected",
        code: outcome.code,
        ...(outcome.detail !== undefined && { detail: outcome.detail }),
      };
    case "retryable":
      return { kind: "rejected", code: "attempts.exhausted", detail: outcome.code };
    case undefined:
      return { kind: "rejected", code: "plan.dropped" };
  }
}

function asOutboxItem({ destinationId, dataflowId }: FileBatch, item: ActivationItem): OutboxItem {
  return {
    id: item.id,
    destinationId,
    dataflowId,
    lanes: [item.personId],
    enqueuedAt: item.at,
    payload: { kind: "profile", item },
  };
}
