import { checkLimit, isRefused, jsonSize, type LimitCheck, type Limits } from "@tessera/guardrails";
import {
  applyRecord,
  type Fragment,
  fragmentKey,
  fragmentsOf,
  type StoredRecord,
} from "@tessera/profile-store";
import type { RecordItem } from "./ingest-batch.ts";

/** The records that are known of a person, and those that are new, in their order. */
export interface RecordsOfPerson {
  readonly known: readonly StoredRecord[];
  readonly fresh: readonly RecordItem[];
}

/**
 * The partial updates that would make a fragment larger than it may be, each with the limit it breaks. Every record by itself
 * is within its own limit, so only a fragment of many updates is weighed at all. Pure.
 */
export function overfullUpdates(
  { known, fresh }: RecordsOfPerson,
  limits: Limits,
): ReadonlyMap<RecordItem, LimitCheck> {
  const overfull = new Map<RecordItem, LimitCheck>();
  if (!fresh.some(({ operation }) => operation === "merge")) return overfull;
  const limit = limits["profile.fragment-size"];
  const largest = limits["profile.record-size"].value;
  for (const [key, items] of Map.groupBy(fresh, ({ datasetId, owner }) => fragmentKey(datasetId, owner))) {
    const before = known.filter(({ datasetId, owner }) => fragmentKey(datasetId, owner) === key);
    if ((before.length + items.length) * largest <= limit.value) continue;
    let [fragment]: readonly (Fragment | undefined)[] = fragmentsOf(before);
    for (const item of items) {
      const next = applyRecord(fragment, recordOf(item));
      const check =
        item.operation === "merge" && next !== undefined ? checkLimit(limit, jsonSize(next.body)) : undefined;
      if (check !== undefined && isRefused(check)) overfull.set(item, check);
      else fragment = next;
    }
  }
  return overfull;
}

/** As far as the size of a fragment needs it: in the order of the batch, whatever its time. */
function recordOf({ id, datasetId, owner, keys, operation, body, index }: RecordItem): StoredRecord {
  return { id, datasetId, owner, identities: keys, operation, body, at: 0, ordinal: index };
}
