import { createHash } from "node:crypto";
import type { Hub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { pushDown } from "@tessera/store-mongodb";
import { insist, writeDocuments } from "../documents.ts";
import { everySoOften, type LeasedWork, PERSON_RANGES, personsOfRange } from "./leased-work.ts";

/** Evaluations of batch audiences that all processes of the role `batch` work on, range by range. */
export interface BatchRuns {
  /** Orders the evaluation of audiences; when this resolves, it will be done even if this process ends. */
  readonly order: (audienceIds: readonly string[]) => Promise<void>;
  readonly close: () => Promise<void>;
}

const RUN = "batchRun";
const DONE = "batchRange";
/** How often a process looks for runs, in milliseconds. */
const PERIOD = 1_000;

interface Run {
  readonly id: string;
  readonly audienceIds: readonly string[];
}

/**
 * A run is a document, and each range that is done another one, written under the lease of the range: a process that
 * stops in the middle leaves the range to be done anew, and one that was frozen cannot end it a second time. When all ranges are
 * done the run ends: `finished` is called, at least once.
 */
export function startBatchRuns(
  { divide, narrow, shared, store }: LeasedWork,
  options: {
    readonly hub: Hub;
    readonly finished: (audienceIds: readonly string[]) => Promise<unknown>;
    readonly onRange?: (range: string) => void;
  },
): BatchRuns {
  const { hub, finished, onRange } = options;
  const batch = divide({
    role: "batch",
    parts: () => PERSON_RANGES,
    work: (range, held) =>
      everySoOften(held, {
        pauseMs: PERIOD,
        turn: async () => {
          for (const run of await runsOf(store)) {
            if (held.ended.aborted) return;
            const done = { kind: DONE, id: `${run.id} ${range}` };
            if ((await store.document(done.kind, done.id)) === undefined) {
              await evaluate(run, range, () => held.ended.aborted);
              onRange?.(range);
              await persist(() => writeDocuments(store, [{ ...done, body: { run: run.id } }]));
            }
            // One of the ranges ends the runs, so that it happens once.
            if (range === PERSON_RANGES[0]) await end(run);
          }
        },
      }),
  });

  /** Evaluates one range: of its persons only those whom the deployment cannot leave out. */
  const evaluate = async (run: Run, range: string, isOver: () => boolean): Promise<void> => {
    const { whole, audiences } = hub.configuration();
    const ids = [...new Set(run.audienceIds.flatMap(evaluatedFor))].filter(
      (id) => audiences.get(id)?.status === "published",
    );
    const isBatch = ids.every((id) => audiences.get(id)?.evaluation === "batch");
    if (ids.length === 0) return;
    const { candidates, paths } = isBatch ? pushDown(whole, ids) : { candidates: undefined, paths: [] };
    await shared.indexAttributes(paths);
    const part = { ...personsOfRange(range), ...(candidates === undefined ? {} : { candidates }) };
    const evaluated = await narrow(part, () =>
      hub.evaluateInForce(ids, () => {
        if (isOver()) throw new Error("The lease of this range is over; who has it now does it anew.");
      }),
    );
    if (!evaluated.ok) throw new Error(evaluated.error.map(({ message }) => message).join(" "));
  };

  /** What a composition reads is evaluated range by range; the composition itself at the end, over everyone. */
  const evaluatedFor = (id: string): readonly string[] => {
    const { audiences, compositions } = hub.configuration();
    const composition = compositions.get(audiences.get(id)?.composition?.id ?? "");
    return composition === undefined ? [id] : [...composition.audiences, ...composition.exclude];
  };

  const end = async (run: Run): Promise<void> => {
    const marks = PERSON_RANGES.map((range) => ({ kind: DONE, id: `${run.id} ${range}` }));
    const done = await Promise.all(marks.map(({ kind, id }) => store.document(kind, id)));
    if (done.includes(undefined)) return;
    await hub.evaluateCompositions(run.audienceIds);
    await finished(run.audienceIds);
    await persist(() => writeDocuments(store, [{ kind: RUN, id: run.id }, ...marks]));
  };

  return {
    order: async (audienceIds) => {
      const sorted = audienceIds.toSorted();
      const id = createHash("sha256").update(sorted.join("\n")).digest("hex").slice(0, 32);
      await persist(async () => {
        if ((await store.document(RUN, id)) !== undefined) return true;
        return writeDocuments(store, [{ kind: RUN, id, body: { audienceIds: sorted } }]);
      });
    },
    close: () => batch.close(),
  };
}

async function runsOf(store: HubStore): Promise<readonly Run[]> {
  return (await store.documents(RUN)).map(({ id, body }) => ({
    id,
    audienceIds: body["audienceIds"] as unknown as readonly string[],
  }));
}

/** Writes until it is written. */
function persist(write: () => Promise<boolean>): Promise<void> {
  return insist(write, "Others kept writing the marks of a batch run; it goes on later.");
}
