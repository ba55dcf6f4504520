import type { JsonValue } from "@tessera/xdm";
import type { ActivationItem, FileBatch } from "./activation-batch.ts";
import type { CsvValue } from "./csv.ts";
import type { FieldMapping } from "./mapping.ts";
import type { DeliveryOutcome } from "./outcome.ts";

/** One row to write: an item, and which of its identities the row is for. */
export interface ExportRow {
  readonly item: ActivationItem;
  /** The identity value of a file deduplicated by identity; otherwise the item's first of each namespace is written. */
  readonly identity?: string;
}

/** The rows of a file, and the items that get none, with the reason. */
export interface ExportRows {
  readonly rows: readonly ExportRow[];
  readonly refused: readonly DeliveryOutcome[];
}

/**
 * Which rows a file gets, in the order of the items:
 * - a person lacking a required field has none (`row.required-missing`);
 * - an exit has none in a full file, or when `segmentMembership.status` is not mapped (`row.exit`);
 * - deduplicated by a namespace, each identity value has one row; by attributes, each combination; the later
 *   qualification wins (`row.duplicate` for a person left without any).
 */
export function exportRows(batch: FileBatch): ExportRows {
  const { mapping, mode } = batch;
  const required = mapping.filter((field) => field.required && field.source.kind !== "membership-status");
  const dedup = mapping.filter((field) => field.dedup);
  const exits = mode === "incremental" && mapping.some(({ source }) => source.kind === "membership-status");
  const refused: DeliveryOutcome[] = [];
  const kept: ActivationItem[] = [];
  for (const item of batch.items) {
    const code = refusalOf(item, required, exits);
    if (code === undefined) kept.push(item);
    else refused.push({ kind: "rejected", item: item.id, code });
  }
  if (dedup.length === 0) return { rows: kept.map((item) => ({ item })), refused };
  const rows = latestByKey(kept, dedup);
  const written = new Set(rows.map(({ item }) => item.id));
  for (const { id: item } of kept) {
    if (!written.has(item)) refused.push({ kind: "rejected", item, code: "row.duplicate" });
  }
  return { rows, refused };
}

function refusalOf(
  item: ActivationItem,
  required: readonly FieldMapping[],
  exits: boolean,
): string | undefined {
  if (!exits && item.changes[0]?.status === "exited") return "row.exit";
  const lacks = required.some((field) =>
    field.source.kind === "identity"
      ? !item.identities.some(({ target }) => target === field.target)
      : !hasValue(item.attributes[field.target]),
  );
  return lacks ? "row.required-missing" : undefined;
}

function hasValue(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null && value !== "";
}

function latestByKey(items: readonly ActivationItem[], dedup: readonly FieldMapping[]): readonly ExportRow[] {
  const latest = new Map<string, { readonly row: ExportRow; readonly at: string }>();
  const byIdentity = dedup.find(({ source }) => source.kind === "identity");
  const offer = (key: string, row: ExportRow): void => {
    const at = row.item.changes[0]?.at ?? row.item.at;
    const best = latest.get(key);
    if (best && best.at > at) return;
    latest.set(key, { row, at });
  };
  for (const item of items) {
    if (byIdentity) {
      for (const { target, id } of item.identities)
        if (target === byIdentity.target) offer(id, { item, identity: id });
    } else {
      offer(JSON.stringify(dedup.map(({ target }) => item.attributes[target] ?? null)), { item });
    }
  }
  return [...latest.values()].map(({ row }) => row);
}

/** Gives the cells of a row in the order of the mapping. Lists and objects have no place in a cell: they are absent. */
export function rowCells(mapping: readonly FieldMapping[]): (row: ExportRow) => readonly CsvValue[] {
  return ({ item, identity }) =>
    mapping.map(({ source, target, dedup }) => {
      if (source.kind === "membership-status") return item.changes[0]?.status;
      if (source.kind === "identity") {
        return dedup && identity !== undefined
          ? identity
          : item.identities.find((i) => i.target === target)?.id;
      }
      const value = item.attributes[target];
      return typeof value === "object" ? undefined : value;
    });
}
