import type { FieldMapping, FileBatch, MappedAudience } from "@tessera/destinations";
import { formatInstant } from "@tessera/xdm";
import { type ExportCandidate, hasStatusColumn, mappingDigest, selectItems } from "../export/select.ts";
import {
  type ExportSchedule,
  type ExportWindow,
  exportWindow,
  historyAfter,
  type NextRun,
  nextRun,
} from "../schedule.ts";
import type { ClaimedRun, RunLedger } from "./run-ledger.ts";

/** One audience of a dataflow with its schedule. */
export interface ScheduledExport {
  readonly destinationId: string;
  readonly dataflowId: string;
  readonly audience: MappedAudience;
  readonly mapping: readonly FieldMapping[];
  readonly schedule: ExportSchedule;
  /** ISO 8601: the end of the latest batch evaluation, for schedules that wait for one. */
  readonly evaluatedAt?: string;
}

/** What a run needs from outside. */
export interface ExportRunPorts {
  readonly ledger: RunLedger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A new text each time it is called. */
  readonly newToken: () => string;
  /** The persons with a membership in the audience, as one snapshot: iterated more than once, the same each time. */
  readonly candidates: (of: ScheduledExport) => Promise<Iterable<ExportCandidate>>;
  /**
   * Plans and stores the files of a batch; true when every one has arrived, the manifest too. `at` dates the files:
   * redone, they have the same names and replace what was left of the first try. `renew` holds a long run.
   */
  readonly store: (
    batch: FileBatch,
    run: { readonly at: string; readonly renew: () => Promise<boolean> },
  ) => Promise<boolean>;
  /** How long a run is held without a sign of life; default 15 minutes. */
  readonly leaseMs?: number;
  /** Changes younger than this wait for the next run: others may still be writing older ones. Default 60 s. */
  readonly settleMs?: number;
}

/** What became of one audience when it was looked at: nothing was due (`wait`, `ended`), or a run. */
export type ExportRun = { readonly dataflowId: string; readonly audienceId: string } & (
  | Exclude<NextRun, { readonly kind: "due" }>
  /** Another process writes it, or has written it. */
  | { readonly kind: "taken" }
  | {
      /** `failed`: not every file arrived; the same run is done again the next time. */
      readonly kind: "exported" | "failed";
      readonly slot: string;
      readonly missed: number;
      readonly redone: boolean;
      readonly window: ExportWindow;
    }
);

const LEASE_MS = 15 * 60_000;
const SETTLE_MS = 60_000;

/**
 * Runs what is due, each audience on its own schedule: every slot once over all processes, missed ones in one run, a
 * run that broke off again under the same names. Call it as often as you like.
 */
export async function runDueExports(
  exports: Iterable<ScheduledExport>,
  ports: ExportRunPorts,
): Promise<readonly ExportRun[]> {
  const runs: ExportRun[] = [];
  for (const of of exports) runs.push(await runOne(of, ports));
  return runs;
}

/** One more full file, now: the schedule and what it has exported stay as they were. True when the files arrived. */
export async function exportOnDemand(
  of: ScheduledExport,
  ports: Pick<ExportRunPorts, "now" | "candidates" | "store">,
): Promise<boolean> {
  const at = formatInstant(ports.now());
  const window = exportWindow(of.schedule, {}, { at, mapping: "", onDemand: true });
  const run = { at, renew: () => Promise.resolve(true) };
  return ports.store(batchOf(of, window, await ports.candidates(of)), run);
}

async function runOne(of: ScheduledExport, ports: ExportRunPorts): Promise<ExportRun> {
  const { ledger, now, newToken, leaseMs = LEASE_MS } = ports;
  const series = { dataflowId: of.dataflowId, audienceId: of.audience.id };
  const state = await ledger.state(series);
  const clock = now();
  const next = nextRun(of.schedule, state.lastSlot, formatInstant(clock), of.evaluatedAt);
  if (next.kind !== "due") return { ...series, ...next };
  const lease = (): string => formatInstant(now() + leaseMs);
  const claimant = { token: newToken(), now: formatInstant(clock), leasedUntil: lease() };
  const claimed = await ledger.claim(series, next.slot, claimant);
  if (claimed === undefined) return { ...series, kind: "taken" };
  const { slot, redone } = claimed;
  const { window, mapping } = windowOf(of, claimed, ports.settleMs ?? SETTLE_MS);
  const told = { ...series, slot, missed: next.missed, redone, window };
  const arrived = await stored(of, { window, claimed, ports, lease });
  if (!arrived) {
    await ledger.release(claimed);
    return { ...told, kind: "failed" };
  }
  const kept = await ledger.finish(claimed, historyAfter(claimed.history, window, mapping));
  return kept ? { ...told, kind: "exported" } : { ...series, kind: "taken" };
}

async function stored(
  of: ScheduledExport,
  {
    window,
    claimed,
    ports,
    lease,
  }: {
    readonly window: ExportWindow;
    readonly claimed: ClaimedRun;
    readonly ports: ExportRunPorts;
    readonly lease: () => string;
  },
): Promise<boolean> {
  const renew = (): Promise<boolean> => ports.ledger.renew(claimed, lease());
  try {
    return await ports.store(batchOf(of, window, await ports.candidates(of)), { at: claimed.at, renew });
  } catch (error) {
    await ports.ledger.release(claimed);
    throw error;
  }
}

function windowOf(
  of: ScheduledExport,
  { at, history }: ClaimedRun,
  settleMs: number,
): { readonly window: ExportWindow; readonly mapping: string } {
  const mapping = mappingDigest(of.mapping);
  const settled = formatInstant(Date.parse(at) - settleMs);
  return { mapping, window: exportWindow(of.schedule, history, { at: settled, mapping }) };
}

function batchOf(
  of: ScheduledExport,
  window: ExportWindow,
  candidates: Iterable<ExportCandidate>,
): FileBatch {
  const { destinationId, dataflowId, audience, mapping } = of;
  const items = {
    [Symbol.iterator]: () => selectItems(candidates, window, audience, hasStatusColumn(mapping)),
  };
  return { kind: "file", destinationId, dataflowId, audience, mapping, mode: window.mode, items };
}
