import {
  type ActivationItem,
  type ConfiguredDestination,
  type Dataflow,
  type DeliveryStore,
  type FileBatch,
  mendDeadLetters,
  type OutboxItem,
  type PlanContext,
  type ReplayReport,
  type ReplayRequest,
} from "@tessera/destinations";
import { type ExportPorts, type FileToWrite, writeExports, type WrittenFile } from "./write-exports.ts";

/** A destination of files, with what is exported to it. */
interface FileDestination {
  readonly configured: ConfiguredDestination;
  readonly dataflows: readonly Dataflow[];
}

/**
 * Writes the dead letters of a file destination into files of their own, one an audience: nothing reads an outbox for it.
 * What is refused again becomes a dead letter anew. Letters whose dataflow is gone are left where they are.
 */
export async function replayRows(
  { configured, dataflows }: FileDestination,
  request: ReplayRequest,
  ports: ExportPorts & { readonly delivery: DeliveryStore; readonly context: PlanContext },
): Promise<ReplayReport & { readonly files: readonly WrittenFile[] }> {
  const { delivery, context } = ports;
  const known = new Map(dataflows.map((dataflow) => [dataflow.id, dataflow]));
  const { report, items } = await mendDeadLetters(delivery, {
    ...request,
    fix: (item, letter) =>
      known.has(letter.item.dataflowId) ? (request.fix ? request.fix(item, letter) : item) : undefined,
  });
  const files = await writeExports(
    batchesOf(items, known).map((batch): FileToWrite => ({ destination: configured, batch, context })),
    ports,
  );
  const gone = [...report.replayed, ...report.superseded];
  if (gone.length > 0) await delivery.replaceDeadLetters(configured.id, gone, []);
  return { ...report, files };
}

/** Items by dataflow and audience: a file is about one audience. */
function batchesOf(items: readonly OutboxItem[], known: ReadonlyMap<string, Dataflow>): readonly FileBatch[] {
  const groups = new Map<
    string,
    { readonly batch: Omit<FileBatch, "items">; readonly items: ActivationItem[] }
  >();
  for (const { destinationId, dataflowId, payload } of items) {
    const dataflow = known.get(dataflowId);
    if (payload.kind !== "profile" || dataflow === undefined) continue;
    const [change] = payload.item.changes;
    if (change === undefined) continue;
    const { audienceId: id, namespace } = change;
    const key = `${dataflowId}\n${namespace}\n${id}`;
    const audience = dataflow.audiences.find((one) => one.id === id && one.namespace === namespace);
    const { mapping } = dataflow;
    const batch = {
      kind: "file",
      destinationId,
      dataflowId,
      audience: audience ?? { id, namespace, name: id },
      mapping,
      // Some of the audience, and those who left it among them.
      mode: "incremental",
    } as const;
    const group = groups.get(key) ?? { batch, items: [] };
    groups.set(key, group);
    group.items.push(payload.item);
  }
  return [...groups.values()].map((group) => ({ ...group.batch, items: group.items }));
}
