import { ingest, type Ingestion } from "./ingest.ts";
import type { ItemNotice, ParsedBatch } from "./ingest-batch.ts";

/** What became of a batch. `accepted` counts what was committed now, `duplicates` what was known already. */
export interface IngestReport {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly ItemNotice[];
  readonly warnings: readonly ItemNotice[];
}

/** Takes parsed batches one after the other; resolves when a batch is durable. */
export interface IngestQueue {
  readonly push: (batch: ParsedBatch) => Promise<IngestReport>;
  /** Items waiting or under way. */
  readonly depth: () => number;
  readonly idle: () => Promise<void>;
  /** Resolves when what waits at this moment is done, whatever comes in after it. */
  readonly caughtUp: () => Promise<void>;
  /** How many batches were done so far. */
  readonly settled: () => number;
}

interface Waiting {
  readonly batch: ParsedBatch;
  readonly resolve: (report: IngestReport) => void;
  readonly reject: (reason: unknown) => void;
}

/** So many items at most are decided and committed together. */
const TOGETHER = 2_000;

/**
 * Serialises ingestion within one process, so that its own batches never conflict; small batches that wait together
 * are committed together. `begin` is asked for the state of things once for each commit.
 */
export function createIngestQueue(
  begin: () => Ingestion,
  committed: (done: IngestedBatch) => void,
): IngestQueue {
  const waiting: Waiting[] = [];
  let depth = 0;
  let pushed = 0;
  let settled = 0;
  let catching: { readonly upTo: number; readonly resolve: () => void }[] = [];
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const together: Waiting[] = [];
      let size = 0;
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        if (together.length > 0 && size + next.batch.items.length > TOGETHER) break;
        size += next.batch.items.length;
        together.push(next);
        waiting.shift();
      }
      await settle(together, begin(), committed);
      depth -= size;
      settled += together.length;
      for (const { upTo, resolve } of catching) if (upTo <= settled) resolve();
      catching = catching.filter(({ upTo }) => upTo > settled);
    }
    running = undefined;
  };

  return {
    push: (batch) => {
      depth += batch.items.length;
      pushed += 1;
      return new Promise((resolve, reject) => {
        waiting.push({ batch, resolve, reject });
        running ??= Promise.resolve().then(run);
      });
    },
    depth: () => depth,
    idle: async () => running,
    settled: () => settled,
    caughtUp: async () => {
      if (settled === pushed) return;
      const upTo = pushed;
      await new Promise<void>((resolve) => catching.push({ upTo, resolve }));
    },
  };
}

/** What a commit brought, for those who follow along. */
export type IngestedBatch = Awaited<ReturnType<typeof ingest>>;

async function settle(
  together: readonly Waiting[],
  ingestion: Ingestion,
  committed: (done: IngestedBatch) => void,
): Promise<void> {
  const batches = together.map(({ batch }) => batch);
  const joined: ParsedBatch = {
    items: batches.flatMap((batch) => batch.items),
    rejected: [],
    warnings: [],
    quarantine: batches.flatMap((batch) => batch.quarantine),
  };
  try {
    const done = await ingest(joined, ingestion);
    for (const { batch, resolve } of together) {
      const accepted = batch.items.reduce((sum, item) => sum + (done.fresh.has(item) ? 1 : 0), 0);
      const full = batch.items.flatMap((item) => done.refused.get(item) ?? []);
      const rejected = full.length === 0 ? batch.rejected : [...batch.rejected, ...full];
      const told = batch.items.flatMap((item) => done.notices.get(item) ?? []);
      const warnings = told.length === 0 ? batch.warnings : [...batch.warnings, ...told];
      resolve({ accepted, duplicates: batch.items.length - accepted - full.length, rejected, warnings });
    }
    committed(done);
  } catch (reason) {
    for (const { reject } of together) reject(reason);
  }
}
