import { type ExportSchedule, nextRun } from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import type { HubStore } from "@tessera/profile-store";
import { formatInstant, parseInstant } from "@tessera/xdm";
import { claimDocument } from "../documents.ts";
import { type ExportPorts, writeExports } from "./write-exports.ts";

/** Writes the files of dataflows that have a schedule. */
export interface ExportScheduler {
  /** Writes what is due now; gives how many files were written. */
  readonly run: () => Promise<number>;
  /** Writes the files of audiences that wait for their evaluation. */
  readonly afterEvaluation: (audienceIds: readonly string[]) => Promise<number>;
}

interface Run {
  readonly destinationId: string;
  readonly dataflowId: string;
  readonly audienceId: string;
  readonly schedule: ExportSchedule;
  /** Milliseconds: since when the audience is activated. */
  readonly since: number;
}

const KIND = "exportRun";

/**
 * Every run is claimed in the store before it begins, so that one of several processes writes it; `since` of an
 * incremental file is the moment of the last run that came to its end.
 */
export function createExportScheduler(
  { hub, store }: { readonly hub: Hub; readonly store: HubStore },
  ports: ExportPorts,
): ExportScheduler {
  const { clock } = ports;

  const write = async (run: Run, isDue: (claimedAt: number | undefined) => boolean): Promise<number> => {
    const document = { kind: KIND, id: `${run.dataflowId}:${run.audienceId}` };
    const now = clock();
    let since: number | undefined;
    const claimed = await claimDocument(store, document, (last) => {
      since = numberOf(last?.["doneAt"]);
      return isDue(numberOf(last?.["claimedAt"])) ? { ...last, claimedAt: now } : undefined;
    });
    if (!claimed) return 0;
    const { mode } = run.schedule;
    const planned = await hub.planExports(run.destinationId, [run.audienceId], {
      mode,
      ...(mode === "incremental" && since !== undefined && { since: formatInstant(since) }),
    });
    if (!planned.ok) return 0;
    const own = planned.value.filter(({ dataflow }) => dataflow.id === run.dataflowId);
    const files = await writeExports(own, ports);
    if (files.every(({ failure }) => failure === undefined))
      await claimDocument(store, document, (last) => ({ ...last, doneAt: now }));
    return files.length;
  };

  return {
    run: async () => {
      let files = 0;
      for (const run of scheduledRuns(hub, clock())) {
        const isDue = (claimedAt: number | undefined): boolean => {
          const next = nextRun(run.schedule, claimedAt === undefined ? run.since : claimedAt + 1);
          return next !== undefined && next <= clock();
        };
        files += await write(run, isDue);
      }
      return files;
    },
    afterEvaluation: async (audienceIds) => {
      const wanted = new Set(audienceIds);
      let files = 0;
      for (const run of scheduledRuns(hub, clock())) {
        const { audienceId, schedule } = run;
        const waits = schedule.mode === "full" && schedule.when === "after-evaluation";
        if (waits && wanted.has(audienceId)) files += await write(run, () => true);
      }
      return files;
    },
  };
}

/** When an audience's last file came to its end (ms), by schedule. */
export async function exportedAt(
  store: HubStore,
  { dataflowId, audienceId }: Pick<Run, "dataflowId" | "audienceId">,
): Promise<number | undefined> {
  return numberOf((await store.document(KIND, `${dataflowId}:${audienceId}`))?.body["doneAt"]);
}

/** The schedules in force: of enabled dataflows of file destinations, within the audience's time. */
function scheduledRuns(hub: Hub, now: number): readonly Run[] {
  return [...hub.destinations().values()].flatMap(({ stored, configured, dataflows }) =>
    configured.kind !== "batch-file"
      ? []
      : dataflows
          .filter(({ enabled }) => enabled)
          .flatMap(({ id, audiences }) =>
            audiences.flatMap(({ id: audienceId, schedule, startsAt, endsAt }): readonly Run[] => {
              const since = timeOf(startsAt) ?? stored.createdAt;
              const until = timeOf(endsAt) ?? Infinity;
              if (schedule === undefined || since > now || until <= now) return [];
              return [{ destinationId: stored.id, dataflowId: id, audienceId, schedule, since }];
            }),
          ),
  );
}

function timeOf(text: string | undefined): number | undefined {
  const parsed = text === undefined ? undefined : parseInstant(text);
  return parsed?.ok === true ? parsed.value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
