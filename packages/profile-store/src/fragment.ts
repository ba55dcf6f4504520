import {
  canonicalJson,
  compareKeys,
  type IdentityKey,
  isObject,
  type JsonObject,
  type JsonValue,
} from "@tessera/xdm";

/**
 * What one dataset says of one identity: a tile of the mosaic that is a person.
 * `times` holds the ingestion time of a top-level-to-leaf path (`a.b.c`) where it differs from `at`,
 * as partial updates leave it.
 */
export interface Fragment {
  readonly datasetId: string;
  readonly owner: IdentityKey;
  /** The attributes, without `_id` and `identityMap`. */
  readonly body: JsonObject;
  /** Ingestion time of the record that last replaced the whole fragment, in milliseconds. */
  readonly at: number;
  readonly times?: { readonly [path: string]: number };
  /** For a fragment that no record made: what it is carried on from. Opaque to stores, no part of the profile. */
  readonly state?: JsonObject;
}

/** The dataset of attributes that are computed from events, and the field they lie under. Every merge policy keeps it. */
export const COMPUTED_DATASET = "SystemComputedAttribute";

/** `upsert` replaces the fragment, `merge` changes the fields it names (null removes one), `delete` removes the fragment. */
export type RecordOperation = "upsert" | "merge" | "delete";

/** A profile record as it is kept for good: the truth that fragments are derived from. */
export interface StoredRecord {
  /** Names the record as an observation of its identities: its `_id`, else made from its content. */
  readonly id: string;
  readonly datasetId: string;
  readonly owner: IdentityKey;
  /** All graph-building identities of the record, in key order, the owner among them. */
  readonly identities: readonly IdentityKey[];
  readonly operation: RecordOperation;
  readonly body: JsonObject;
  /** Ingestion time in milliseconds. */
  readonly at: number;
  /** Order among records of the same `at`: the later one wins. */
  readonly ordinal: number;
}

/** Order in which records take effect: by ingestion time, then by position, then by id. */
export function compareRecords(a: StoredRecord, b: StoredRecord): number {
  return a.at - b.at || a.ordinal - b.ordinal || compareKeys(a.id, b.id);
}

/** The fragment after `record`, or undefined when the record deletes it. Never changes `fragment`. */
export function applyRecord(fragment: Fragment | undefined, record: StoredRecord): Fragment | undefined {
  switch (record.operation) {
    case "delete":
      return undefined;
    case "upsert":
      return { datasetId: record.datasetId, owner: record.owner, body: record.body, at: record.at };
    case "merge": {
      if (fragment === undefined) {
        return {
          datasetId: record.datasetId,
          owner: record.owner,
          body: dropNulls(record.body),
          at: record.at,
        };
      }
      const times: Record<string, number> = { ...fragment.times };
      const body = mergePatch(fragment.body, record.body, "", (path) => {
        for (const known of Object.keys(times)) {
          if (known === path || known.startsWith(`${path}.`)) delete times[known];
        }
        times[path] = record.at;
      });
      return { datasetId: fragment.datasetId, owner: fragment.owner, body, at: fragment.at, times };
    }
  }
}

/** Whether `record` would change nothing: an upsert equal to what stands there, or a delete of what is not there. */
export function isRepeat(
  fragment: Fragment | undefined,
  record: Pick<StoredRecord, "operation" | "body">,
): boolean {
  if (record.operation === "delete") return fragment === undefined;
  if (fragment === undefined || record.operation === "merge") return false;
  return fragment.times === undefined && canonicalJson(fragment.body) === canonicalJson(record.body);
}

/** All fragments that `records` (of any datasets and owners) lead to, in (dataset, owner) order. */
export function fragmentsOf(records: readonly StoredRecord[]): readonly Fragment[] {
  const byKey = new Map<string, Fragment>();
  for (const record of [...records].sort(compareRecords)) {
    const key = fragmentKey(record.datasetId, record.owner);
    const next = applyRecord(byKey.get(key), record);
    if (next === undefined) byKey.delete(key);
    else byKey.set(key, next);
  }
  return [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fragment]) => fragment);
}

/** What stays of a record whose body is erased: its links. It takes effect as a `delete`. */
export function withoutBody(record: StoredRecord): StoredRecord {
  return { ...record, operation: "delete", body: {} };
}

/** The key of a fragment among those of a person. */
export function fragmentKey(datasetId: string, owner: IdentityKey): string {
  return `${datasetId}\n${owner}`;
}

function mergePatch(
  target: JsonObject,
  patch: JsonObject,
  prefix: string,
  touched: (path: string) => void,
): JsonObject {
  const out: Record<string, JsonValue | undefined> = { ...target };
  for (const [field, value] of Object.entries(patch)) {
    const path = prefix + field;
    const before = out[field];
    if (value === null) {
      delete out[field];
      touched(path);
    } else if (isObject(value) && isObject(before)) {
      out[field] = mergePatch(before as JsonObject, value as JsonObject, `${path}.`, touched);
    } else if (value !== undefined) {
      out[field] = isObject(value) ? dropNulls(value as JsonObject) : value;
      touched(path);
    }
  }
  return out;
}

function dropNulls(object: JsonObject): JsonObject {
  const out: Record<string, JsonValue> = {};
  for (const [field, value] of Object.entries(object)) {
    if (value === null || value === undefined) continue;
    out[field] = isObject(value) ? dropNulls(value as JsonObject) : value;
  }
  return out;
}
