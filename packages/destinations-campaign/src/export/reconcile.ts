import type { FileBatch, PlannedRequest } from "@tessera/destinations";
import { createCsvWriter, type CsvValues } from "../csv/csv-row.ts";
import { DEFAULT_CSV } from "../csv/csv-options.ts";
import { CAMPAIGN_CODES } from "../errors.ts";

/** Somebody of the audience who has no row, and why. */
export interface LeftOut {
  readonly personId: string;
  readonly status: "realized" | "exited" | undefined;
  readonly code: string;
  readonly meaning: string;
}

/** What became of an export's memberships: everyone is in a file or left out with a reason. */
export interface Reconciliation {
  readonly audienceId: string;
  readonly mode: "full" | "incremental";
  readonly memberships: number;
  readonly inFiles: number;
  readonly leftOut: number;
  /** Left out because Campaign does not know them. */
  readonly unknownRecipients: number;
  /** Counts by code. */
  readonly reasons: { readonly [code: string]: number };
  /** Who, one by one. */
  readonly people: () => Generator<LeftOut, void, undefined>;
}

/** Sets an export's plan against its audience: who is in its files, who was left out and why. */
export function reconcile(batch: FileBatch, requests: readonly PlannedRequest[]): Reconciliation {
  const codes = new Map<string, string>();
  const reasons: Record<string, number> = {};
  const inFiles = new Set<string>();
  for (const request of requests) {
    if (request.kind !== "settled") for (const item of request.items) inFiles.add(item);
    else
      for (const outcome of request.outcomes) {
        if (outcome.kind !== "rejected") continue;
        codes.set(outcome.item, outcome.code);
        reasons[outcome.code] = (reasons[outcome.code] ?? 0) + 1;
      }
  }
  function* people(): Generator<LeftOut, void, undefined> {
    for (const { id, personId, changes } of batch.items) {
      const code = codes.get(id);
      if (code === undefined) continue;
      yield { personId, status: changes[0]?.status, code, meaning: CAMPAIGN_CODES[code]?.meaning ?? code };
    }
  }
  return {
    audienceId: batch.audience.id,
    mode: batch.mode,
    memberships: inFiles.size + codes.size,
    inFiles: inFiles.size,
    leftOut: codes.size,
    unknownRecipients: reasons["campaign.recipient.unknown"] ?? 0,
    reasons,
    people,
  };
}

/** Who was left out as CSV, in pieces: person, status, code, meaning. */
export function* reconciliationCsv(report: Reconciliation): Generator<string, void, undefined> {
  const write = createCsvWriter({ ...DEFAULT_CSV, formulaGuard: true });
  yield write(["personId", "status", "code", "meaning"]);
  for (const { personId, status, code, meaning } of report.people()) {
    const values: CsvValues = [personId, status ?? null, code, meaning];
    yield write(values);
  }
}
