import { formatInstant, isObject, type JsonObject, parseInstant } from "@tessera/xdm";
import type { ExportHistory } from "../schedule.ts";
import type { RunDocuments } from "./run-documents.ts";

/** The exports of one audience in one dataflow. */
export interface RunSeries {
  readonly dataflowId: string;
  readonly audienceId: string;
}

/** A run that this process may write. `at` is when it was first begun: a run that is redone keeps it, and its files their names. */
export interface ClaimedRun {
  readonly series: RunSeries;
  readonly slot: string;
  readonly at: string;
  readonly history: ExportHistory;
  /** Redone, since whoever began it did not come to its end. */
  readonly redone: boolean;
  /** Proves that the claim is still ours. */
  readonly token: string;
}

/** What the ledger knows of a series. */
export interface RunState {
  readonly history: ExportHistory;
  /** The slot of the last run that came to its end. */
  readonly lastSlot?: string;
  /** A run under way, or one that broke off when `leasedUntil` is past. */
  readonly run?: {
    readonly slot: string;
    readonly at: string;
    readonly token: string;
    readonly leasedUntil: string;
  };
}

/** Which runs there were, kept over restarts; of several processes one gets a run. */
export interface RunLedger {
  readonly state: (series: RunSeries) => Promise<RunState>;
  /** `undefined`: another process has it, or it was done already. */
  readonly claim: (series: RunSeries, slot: string, by: Claimant) => Promise<ClaimedRun | undefined>;
  /** Holds a run longer; false when it was taken over. */
  readonly renew: (run: ClaimedRun, leasedUntil: string) => Promise<boolean>;
  /** The files have arrived: the slot is done and the history moves on. False when it was taken over. */
  readonly finish: (run: ClaimedRun, history: ExportHistory) => Promise<boolean>;
  /** The run failed: it may be claimed again at once. */
  readonly release: (run: ClaimedRun) => Promise<boolean>;
}

/** Who claims: `token` is unique to the attempt; times are ISO 8601. */
export interface Claimant {
  readonly token: string;
  readonly now: string;
  readonly leasedUntil: string;
}

/** A ledger over documents. One document a series, so that series never wait for each other. */
export function createRunLedger(documents: RunDocuments): RunLedger {
  const change = async (
    run: ClaimedRun,
    next: (state: RunState, held: NonNullable<RunState["run"]>) => RunState,
  ): Promise<boolean> => {
    const id = documentId(run.series);
    const stored = await documents.read(id);
    const state = readState(stored?.body);
    if (stored === undefined || state.run === undefined || state.run.token !== run.token) return false;
    return documents.write(id, asJson(next(state, state.run)), stored.version);
  };
  return {
    state: async (series) => readState((await documents.read(documentId(series)))?.body),
    claim: async (series, slot, { token, now, leasedUntil }) => {
      const id = documentId(series);
      const stored = await documents.read(id);
      const state = readState(stored?.body);
      const { history, lastSlot, run } = state;
      if (lastSlot !== undefined && instant(slot) <= instant(lastSlot)) return undefined;
      if (run !== undefined && instant(run.leasedUntil) > instant(now)) return undefined;
      const redone = run?.slot === slot;
      const at = redone ? run.at : formatInstant(instant(now));
      const claimed = await documents.write(
        id,
        asJson({ ...state, run: { slot, at, token, leasedUntil } }),
        stored?.version ?? 0,
      );
      return claimed ? { series, slot, at, history, redone, token } : undefined;
    },
    renew: (run, leasedUntil) => change(run, (state, held) => ({ ...state, run: { ...held, leasedUntil } })),
    finish: (run, history) => change(run, () => ({ history, lastSlot: run.slot })),
    release: (run) =>
      change(run, (state, held) => ({ ...state, run: { ...held, leasedUntil: formatInstant(0) } })),
  };
}

function documentId({ dataflowId, audienceId }: RunSeries): string {
  return `${encodeURIComponent(dataflowId)}/${encodeURIComponent(audienceId)}`;
}

function asJson({ history, lastSlot, run }: RunState): JsonObject {
  return {
    history: { ...history },
    ...(lastSlot !== undefined && { lastSlot }),
    ...(run !== undefined && { run: { ...run } }),
  };
}

/** What cannot be read counts as never run: exporting too much is harmless, too little is not. */
function readState(body: JsonObject | undefined): RunState {
  const history = body?.["history"];
  const lastSlot = time(body?.["lastSlot"]);
  const run = body?.["run"];
  const held = isObject(run)
    ? {
        slot: time(run["slot"]),
        at: time(run["at"]),
        token: text(run["token"]),
        leasedUntil: time(run["leasedUntil"]),
      }
    : {};
  const { slot, at, token, leasedUntil } = held as { readonly [field: string]: string | undefined };
  return {
    history: isObject(history) ? readHistory(history) : {},
    ...(lastSlot !== undefined && { lastSlot }),
    ...(slot !== undefined &&
      at !== undefined &&
      token !== undefined &&
      leasedUntil !== undefined && { run: { slot, at, token, leasedUntil } }),
  };
}

function readHistory(history: { readonly [field: string]: unknown }): ExportHistory {
  const exportedUntil = time(history["exportedUntil"]);
  const exitsUntil = time(history["exitsUntil"]);
  const mapping = text(history["mapping"]);
  return {
    ...(exportedUntil !== undefined && { exportedUntil }),
    ...(exitsUntil !== undefined && { exitsUntil }),
    ...(mapping !== undefined && { mapping }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function time(value: unknown): string | undefined {
  return typeof value === "string" && parseInstant(value).ok ? value : undefined;
}

function instant(value: string): number {
  const parsed = parseInstant(value);
  if (!parsed.ok) throw new TypeError("a run needs ISO 8601 instants");
  return parsed.value;
}
