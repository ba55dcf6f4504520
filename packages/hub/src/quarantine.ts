import { emptyCommit, type HubStore, type QuarantinedItem } from "@tessera/profile-store";
import { err, isObject, type Issue, type JsonValue, ok, type Result } from "@tessera/xdm";
import type { ItemNotice } from "./ingest-batch.ts";
import type { IngestReport } from "./ingest-queue.ts";
import { keptOperation, NOT_KEPT, quarantinedItem } from "./quarantine-item.ts";
import type { ImportsOptions } from "./rows/import-rows.ts";
import { mapRow, type RowMapping } from "./rows/row-mapping.ts";

/** What lies in quarantine, and what is done with it. */
export interface Quarantine {
  /** What could not be taken, in id order, after `after`. */
  readonly quarantined: (limit: number, after?: string) => Promise<readonly QuarantinedItem[]>;
  /** Throws items away for good; gives how many of them there were. */
  readonly discardQuarantined: (ids: readonly string[]) => Promise<number>;
  /** Sets things aside that could not even be read: `texts` as they came, or what is known of them. */
  readonly setAside: (
    items: readonly (Pick<QuarantinedItem, "datasetId" | "kind" | "code" | "message" | "operation"> & {
      readonly body: JsonValue;
    })[],
  ) => Promise<void>;
  /**
   * Sends items again as what they were (partial updates stay partial updates), mended by `fix`; rows of files are mapped
   * by `mappingOf` their dataset. An item leaves the quarantine after it is durable where it belongs; what is refused
   * again stays, with its new reason. Notices name items by their place in `ids`.
   */
  readonly replayQuarantined: (ids: readonly string[], options?: ReplayOptions) => Promise<IngestReport>;
}

/** How items are mended on their way out of quarantine. */
interface ReplayOptions {
  readonly fix?: (item: QuarantinedItem) => JsonValue;
  readonly mappingOf?: (datasetId: string) => RowMapping | undefined;
}

const PAGE = 1000;

/** The quarantine of a hub. */
export function createQuarantine(options: ImportsOptions): Quarantine {
  const { store, clock } = options;
  return {
    quarantined: (limit, after) => store.quarantined(limit, after),
    discardQuarantined: async (ids) => {
      const found = [...(await find(store, ids)).keys()];
      await store.releaseQuarantined(found);
      return found.length;
    },
    setAside: async (items) => {
      const quarantine = items.map(({ body, operation, ...about }) =>
        quarantinedItem(body, { ...about, at: clock(), ...keptOperation(operation) }),
      );
      if (quarantine.length > 0) await store.commit({ ...emptyCommit, quarantine });
    },
    replayQuarantined: (ids, how = {}) => replay(ids, how, options),
  };
}

async function find(store: HubStore, ids: readonly string[]): Promise<ReadonlyMap<string, QuarantinedItem>> {
  const wanted = new Set(ids);
  const found = new Map<string, QuarantinedItem>();
  for (let after = ""; found.size < wanted.size;) {
    const page = await store.quarantined(PAGE, after);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
    for (const item of page) if (wanted.has(item.id)) found.set(item.id, item);
  }
  return found;
}

/** An item on its way: what is sent for it, and where it was named. */
interface Sent {
  readonly item: QuarantinedItem;
  /** As it lies in quarantine when it is refused again: mended, and for a row of a file before its columns are mapped. */
  readonly kept: JsonValue;
  readonly body: JsonValue;
  readonly index: number;
}

async function replay(
  ids: readonly string[],
  { fix, mappingOf }: ReplayOptions,
  { store, clock, take }: ImportsOptions,
): Promise<IngestReport> {
  const found = await find(store, ids);
  const rejected: ItemNotice[] = [];
  const warnings: ItemNotice[] = [];
  const unmapped: QuarantinedItem[] = [];
  const sent: Sent[] = [];
  const places = new Map(ids.map((id, index) => [id, index]));
  for (const [id, index] of places) {
    const item = found.get(id);
    if (item === undefined) {
      rejected.push({ index, code: "notFound", message: "There is no such item in quarantine." });
      continue;
    }
    const body = fix === undefined ? item.body : fix(item);
    const mapped = item.isRow === true ? mapAgain(item, body, mappingOf?.(item.datasetId)) : ok(body);
    if (mapped.ok) {
      sent.push({ item, kept: body, body: mapped.value, index });
      continue;
    }
    const { code, message } = mapped.error;
    rejected.push({ index, code, message });
    unmapped.push({ ...item, code, message, at: clock(), body });
  }
  if (unmapped.length > 0) await store.commit({ ...emptyCommit, quarantine: unmapped });

  let accepted = 0;
  let duplicates = 0;
  const groups = Map.groupBy(sent, ({ item }) => `${item.kind}\n${item.operation ?? ""}\n${item.datasetId}`);
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { kind, datasetId, operation } = first.item;
    const items = group.map(({ body }) => body);
    const rowAt = (at: number): unknown => (group[at]?.item.isRow === true ? group[at].kept : undefined);
    const report = await take({ datasetId, kind, items, operation, rowAt });
    accepted += report.accepted;
    duplicates += report.duplicates;
    const placed = ({ index, ...notice }: ItemNotice): ItemNotice => ({
      index: group[index]?.index ?? index,
      ...notice,
    });
    rejected.push(...report.rejected.map(placed));
    warnings.push(...report.warnings.map(placed));
    await store.releaseQuarantined(gone(group, report));
  }
  return { accepted, duplicates, rejected: rejected.toSorted((a, b) => a.index - b.index), warnings };
}

function mapAgain(
  { code, message }: QuarantinedItem,
  row: JsonValue,
  mapping: RowMapping | undefined,
): Result<JsonValue, Issue> {
  if (mapping === undefined) {
    const missing = "This is a row of a file, and its dataset has no mapping of columns. Save one first.";
    return err({ code: "mapping.missing", message: missing });
  }
  return isObject(row) ? mapRow(row, mapping) : err({ code, message });
}

/** What may leave: what was taken, what may not be kept, and what lies there anew under another id. */
function gone(group: readonly Sent[], report: IngestReport): readonly string[] {
  const again = new Map(report.rejected.map(({ index, code }) => [index, code]));
  return group.flatMap(({ item, kept }, index) => {
    const code = again.get(index);
    const stays =
      code !== undefined && !NOT_KEPT.has(code) && quarantinedItem(kept, { ...item, code }).id === item.id;
    return stays ? [] : [item.id];
  });
}
