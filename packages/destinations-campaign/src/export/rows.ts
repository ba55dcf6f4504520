import type { ActivationItem, DeliveryOutcome, FieldMapping } from "@tessera/destinations";
import { type JsonValue, parseInstant } from "@tessera/xdm";
import type { CsvValues } from "../csv/csv-row.ts";

/** The recipients Campaign knows, by the value of the deduplication column. A `Set` fits; so does a bloom filter. */
export interface KnownRecipients {
  readonly has: (key: string) => boolean;
}

/** How rows are made. */
export interface RowRules {
  readonly mapping: readonly FieldMapping[];
  readonly mode: "full" | "incremental";
  readonly knownRecipients?: KnownRecipients;
}

/** Which items become rows, which do not and why. `report` counts the reasons. */
export interface RowPlan {
  /** Ids of the items with at least one row, in the order of their first row. */
  readonly items: readonly string[];
  readonly outcomes: readonly DeliveryOutcome[];
  /** Number of rows. */
  readonly rows: number;
  /** Rows of each item with rows, in order: where files are cut is known before a row is written. */
  readonly rowsOfItem: readonly number[];
  /** Codes with counts. */
  readonly report: { readonly [code: string]: number };
  /** The rows from a position on (default: all), made anew each time it is called; what is before is passed over unread. */
  readonly values: (from?: RowPosition) => Generator<CsvValues, void, undefined>;
}

/** A row: the position of its item in `RowPlan.items`, and which of the item's rows it is. */
export interface RowPosition {
  readonly item: number;
  readonly row: number;
}

/** One row of an item: its values, its key, or why there is none. */
type ItemRows =
  | {
      readonly kind: "rows";
      readonly rows: readonly { readonly values: CsvValues; readonly key: string | undefined }[];
    }
  | { readonly kind: "refused"; readonly code: string };

/**
 * Decides over all items in one pass, holding ids and keys but no values.
 *
 * - An item lacking a required or deduplication value is left out, and so is one whose value is a list or an object.
 * - Exits are written in incremental exports with a status column only.
 * - Of several rows with one key the latest qualification wins, at a tie the later row.
 * - An identity as key gives one row for each of its values.
 * - With `knownRecipients`, keys that Campaign does not know are left out: it owns its recipients.
 */
export function planRows(items: Iterable<ActivationItem>, rules: RowRules): RowPlan {
  const rowsOf = rowMaker(rules);
  const outcomes: DeliveryOutcome[] = [];
  const report: Record<string, number> = {};
  const refuse = (item: string, code: string): void => {
    outcomes.push({ kind: "rejected", item, code });
    report[code] = (report[code] ?? 0) + 1;
  };
  const winners = new Map<string, { row: number; at: number }>();
  const written: { id: string; position: number; first: number; count: number }[] = [];
  const losing = new Set<number>();
  let row = 0;
  let position = -1;
  for (const item of items) {
    position += 1;
    const made = rowsOf(item);
    if (made.kind === "refused") {
      refuse(item.id, made.code);
      continue;
    }
    const at = instant(item);
    written.push({ id: item.id, position, first: row, count: made.rows.length });
    for (const { key } of made.rows) {
      if (key !== undefined) {
        const best = winners.get(key);
        if (best !== undefined && best.at > at) losing.add(row);
        else {
          if (best !== undefined) losing.add(best.row);
          winners.set(key, { row, at });
        }
      }
      row += 1;
    }
  }
  const kept: string[] = [];
  const rowsOfItem: number[] = [];
  const starts: { position: number; first: number }[] = [];
  for (const { id, position: at, first, count } of written) {
    let rows = 0;
    for (let index = first; index < first + count; index += 1) if (!losing.has(index)) rows += 1;
    if (rows === 0) refuse(id, "campaign.row.duplicate");
    else {
      kept.push(id);
      rowsOfItem.push(rows);
      starts.push({ position: at, first });
    }
  }
  function* values(from?: RowPosition): Generator<CsvValues, void, undefined> {
    const start = from && starts[from.item];
    let index = start?.first ?? 0;
    let skip = from?.row ?? 0;
    let at = -1;
    for (const item of items) {
      at += 1;
      if (start !== undefined && at < start.position) continue;
      const made = rowsOf(item);
      if (made.kind === "refused") continue;
      for (const { values: line } of made.rows) {
        if (!losing.has(index)) {
          if (skip > 0) skip -= 1;
          else yield line;
        }
        index += 1;
      }
    }
  }
  return { items: kept, outcomes, rows: row - losing.size, rowsOfItem, report, values };
}

function instant(item: ActivationItem): number {
  const at = parseInstant(item.changes[0]?.at ?? item.at);
  return at.ok ? at.value : -Infinity;
}

function rowMaker(rules: RowRules): (item: ActivationItem) => ItemRows {
  const { mapping, mode, knownRecipients } = rules;
  const columns = mapping.map((line) => ({ line, value: columnReader(line) }));
  const keys = columns.flatMap(({ line }, index) => (line.dedup === true ? [index] : []));
  const mandatory = columns.map(({ line }) => line.required === true || line.dedup === true);
  const statusMapped = mapping.some(({ source }) => source.kind === "membership-status");
  const identityKey = columns.find(({ line }) => line.dedup === true && line.source.kind === "identity");
  return (item) => {
    const [change] = item.changes;
    if (change === undefined) return { kind: "refused", code: "campaign.row.noChange" };
    if (change.status === "exited" && mode === "full") return { kind: "refused", code: "campaign.exit.full" };
    if (change.status === "exited" && !statusMapped)
      return { kind: "refused", code: "campaign.exit.noStatus" };
    const base: (string | null)[] = [];
    for (const [index, { value }] of columns.entries()) {
      const came = value(item);
      if (came === undefined) return { kind: "refused", code: "campaign.row.complex" };
      if ((came === null || came === "") && mandatory[index] === true)
        return {
          kind: "refused",
          code: keys.includes(index) ? "campaign.row.keyMissing" : "campaign.row.required",
        };
      base.push(came);
    }
    const rows = expand(
      item,
      base,
      keys,
      identityKey && columns.indexOf(identityKey),
      identityKey?.line.target,
    );
    const known =
      knownRecipients === undefined
        ? rows
        : rows.filter(({ key }) => key === undefined || knownRecipients.has(key));
    return known.length === 0
      ? { kind: "refused", code: "campaign.recipient.unknown" }
      : { kind: "rows", rows: known };
  };
}

function expand(
  item: ActivationItem,
  base: CsvValues,
  keys: readonly number[],
  ...[identityIndex, target]: [number | undefined, string | undefined]
): readonly { readonly values: CsvValues; readonly key: string | undefined }[] {
  const keyOf = (values: CsvValues): string | undefined =>
    keys.length === 0 ? undefined : keys.map((index) => values[index] ?? "").join("\u0000");
  if (identityIndex === undefined || target === undefined) return [{ values: base, key: keyOf(base) }];
  const ids = [
    ...new Set(
      item.identities.flatMap((identity) =>
        identity.target === target && identity.id !== "" ? [identity.id] : [],
      ),
    ),
  ];
  return ids.map((id) => {
    const values = base.map((value, index) => (index === identityIndex ? id : value));
    return { values, key: keyOf(values) };
  });
}

/** Reads a column: a text, `null` without value, `undefined` for a value no column can hold. */
function columnReader(line: FieldMapping): (item: ActivationItem) => string | null | undefined {
  const { source, target } = line;
  switch (source.kind) {
    case "membership-status":
      return (item) => item.changes[0]?.status ?? null;
    case "identity":
      return (item) => item.identities.find((identity) => identity.target === target)?.id ?? null;
    default:
      return (item) => textOf(Object.hasOwn(item.attributes, target) ? item.attributes[target] : undefined);
  }
}

function textOf(value: JsonValue | undefined): string | null | undefined {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  return typeof value === "object" ? undefined : String(value);
}
