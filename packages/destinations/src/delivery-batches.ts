import { type ActivationBatch, audienceKey, type MappedAudience } from "./activation-batch.ts";
import type { FieldMapping } from "./mapping.ts";
import type { LeasedItem } from "./outbox.ts";

/** The parts of a dataflow that a batch carries along. */
export interface DataflowContent {
  readonly audiences: readonly MappedAudience[];
  readonly mapping: readonly FieldMapping[];
}

/** Bounds of one batch. */
export interface BatchLimits {
  readonly maxItems: number;
  /** Of the items' JSON text, roughly; no bound when absent. An item larger than this goes alone. */
  readonly maxBytes?: number;
}

/** Leased items that are planned together. */
export interface LeasedBatch {
  readonly items: readonly LeasedItem[];
  readonly batch: ActivationBatch;
}

/** Splits leased items into batches: one dataflow and one kind each, in order, within the limits. */
export function batchesOf(
  items: readonly LeasedItem[],
  dataflow: (id: string) => DataflowContent | undefined,
  limits: BatchLimits,
): { readonly batches: readonly LeasedBatch[]; readonly orphans: readonly LeasedItem[] } {
  const groups = new Map<string, LeasedItem[]>();
  const orphans: LeasedItem[] = [];
  for (const item of items) {
    if (!dataflow(item.dataflowId)) orphans.push(item);
    else {
      const key = `${item.payload.kind}:${item.dataflowId}`;
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
  }
  const batches: LeasedBatch[] = [];
  for (const group of groups.values()) {
    for (const part of split(group, limits)) {
      const content = dataflow(part[0]?.dataflowId ?? "");
      if (content) batches.push({ items: part, batch: asBatch(part, content) });
    }
  }
  return { batches, orphans };
}

/** The batch with the ids that the destination gave audiences before, where nobody named others. */
export function withReferences(
  batch: ActivationBatch,
  references: ReadonlyMap<string, string>,
): ActivationBatch {
  if (batch.kind !== "audiences" || references.size === 0) return batch;
  const items = batch.items.map((item) => {
    const targetId = item.audience.targetId ?? references.get(audienceKey(item.audience));
    return targetId === undefined ? item : { ...item, audience: { ...item.audience, targetId } };
  });
  return { ...batch, items };
}

/** The batch of some items of one dataflow and kind. */
export function asBatch(items: readonly LeasedItem[], content: DataflowContent): ActivationBatch {
  const { destinationId = "", dataflowId = "" } = items[0] ?? {};
  const audienceItems = items.flatMap(({ payload }) => (payload.kind === "audience" ? [payload.item] : []));
  if (audienceItems.length > 0) return { kind: "audiences", destinationId, dataflowId, items: audienceItems };
  const profileItems = items.flatMap(({ payload }) => (payload.kind === "profile" ? [payload.item] : []));
  return { kind: "profiles", destinationId, dataflowId, ...content, items: profileItems };
}

function split(items: readonly LeasedItem[], limits: BatchLimits): readonly (readonly LeasedItem[])[] {
  const parts: LeasedItem[][] = [];
  let part: LeasedItem[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = limits.maxBytes === undefined ? 0 : JSON.stringify(item.payload.item).length;
    const full =
      part.length >= limits.maxItems || (limits.maxBytes !== undefined && bytes + size > limits.maxBytes);
    if (full && part.length > 0) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
