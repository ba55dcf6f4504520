import { type IdentityKey, isObject, type JsonObject, type JsonValue } from "@tessera/xdm";
import { COMPUTED_DATASET, type Fragment } from "./fragment.ts";
import type { MergePolicy } from "./merge-policy.ts";

/** Where a value of the merged profile comes from: the dataset, the identity it was said of, and when it arrived (ms). */
export interface Provenance {
  readonly datasetId: string;
  readonly owner: IdentityKey;
  readonly at: number;
}

/** A merged profile: attributes, and for every leaf path (`person.name.firstName`) where its value comes from. */
export interface DerivedProfile {
  readonly attributes: JsonObject;
  readonly provenance: { readonly [path: string]: Provenance };
}

/**
 * Merges fragments under a policy, attribute by attribute.
 *
 * - `timestampOrdered`: the latest ingestion time wins; equal times are settled by dataset id, then owner.
 * - `dataSetPrecedence`: the first dataset of `order` wins, within a dataset the latest time; others are left out.
 * - Objects are merged field by field; lists and scalars are values. An object against a scalar: the winner stands whole.
 *
 * Source: domain facts of merge policies (latest system time wins; datasets not in the list are left out).
 */
export function deriveProfile(fragments: readonly Fragment[], policy: MergePolicy): DerivedProfile {
  const ordered = orderFragments(fragments, policy);
  const provenance: Record<string, Provenance> = {};
  const only = ordered.length === 1 ? ordered[0] : undefined;
  if (only !== undefined) {
    trace(only, only.body, "", provenance);
    return { attributes: only.body, provenance };
  }
  const merge = policy.attributeMerge;
  const beats = (challenger: Provenance, holder: Provenance, ranks: readonly [number, number]): boolean =>
    ranks[0] !== ranks[1] ? ranks[0] > ranks[1] : challenger.at >= holder.at;
  const root: Node = new Map();
  for (const fragment of ordered) lay(root, fragment, rankOf(fragment, merge), beats);
  return { attributes: build(root, "", provenance), provenance };
}

/** The attributes of `deriveProfile`, for those who do not ask where they come from. */
export function mergeAttributes(fragments: readonly Fragment[], policy: MergePolicy): JsonObject {
  const [only, second] = fragments;
  if (only !== undefined && second === undefined && policy.attributeMerge.type === "timestampOrdered")
    return only.body;
  return deriveProfile(fragments, policy).attributes;
}

type Leaf = { readonly value: JsonValue; readonly from: Provenance; readonly rank: number };
type Node = Map<string, Node | Leaf>;
type Beats = (challenger: Provenance, holder: Provenance, ranks: readonly [number, number]) => boolean;

/** The higher, the stronger, before any time is asked for. */
function rankOf({ datasetId }: Fragment, merge: MergePolicy["attributeMerge"]): number {
  return merge.type === "dataSetPrecedence" ? -merge.order.indexOf(datasetId) : 0;
}

/** Weakest first, so that laying them down in order lets the stronger one stand. */
function orderFragments(fragments: readonly Fragment[], policy: MergePolicy): readonly Fragment[] {
  const merge = policy.attributeMerge;
  const kept =
    merge.type === "dataSetPrecedence"
      ? fragments.filter(({ datasetId }) => datasetId === COMPUTED_DATASET || merge.order.includes(datasetId))
      : [...fragments];
  return kept.sort(
    (a, b) =>
      rankOf(a, merge) - rankOf(b, merge) ||
      a.at - b.at ||
      (a.datasetId < b.datasetId ? -1 : a.datasetId > b.datasetId ? 1 : 0) ||
      (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0),
  );
}

function lay(root: Node, fragment: Fragment, rank: number, beats: Beats): void {
  const place = (node: Node, object: JsonObject, prefix: string): void => {
    for (const [field, value] of Object.entries(object)) {
      if (value === undefined) continue;
      const path = prefix + field;
      const held = node.get(field);
      if (isObject(value)) {
        if (held instanceof Map) place(held, value as JsonObject, `${path}.`);
        else if (held === undefined || beats(at(fragment, path), held.from, [rank, held.rank])) {
          const child: Node = new Map();
          node.set(field, child);
          place(child, value as JsonObject, `${path}.`);
        }
        continue;
      }
      const from = at(fragment, path);
      const holder = held instanceof Map ? strongest(held) : held;
      if (holder === undefined || beats(from, holder.from, [rank, holder.rank]))
        node.set(field, { value, from, rank });
    }
  };
  place(root, fragment.body, "");
}

function strongest(node: Node): Leaf | undefined {
  let best: Leaf | undefined;
  for (const child of node.values()) {
    const leaf = child instanceof Map ? strongest(child) : child;
    if (leaf === undefined) continue;
    const isStronger =
      best === undefined || (leaf.rank === best.rank ? leaf.from.at > best.from.at : leaf.rank > best.rank);
    if (isStronger) best = leaf;
  }
  return best;
}

function build(node: Node, prefix: string, provenance: Record<string, Provenance>): JsonObject {
  const out: Record<string, JsonValue> = {};
  for (const field of [...node.keys()].sort()) {
    const child = node.get(field);
    if (child instanceof Map) out[field] = build(child, `${prefix}${field}.`, provenance);
    else if (child !== undefined) {
      out[field] = child.value;
      provenance[prefix + field] = child.from;
    }
  }
  return out;
}

function trace(
  fragment: Fragment,
  object: JsonObject,
  prefix: string,
  into: Record<string, Provenance>,
): void {
  for (const [field, value] of Object.entries(object)) {
    if (isObject(value)) trace(fragment, value as JsonObject, `${prefix}${field}.`, into);
    else if (value !== undefined) into[prefix + field] = at(fragment, prefix + field);
  }
}

function at(fragment: Fragment, path: string): Provenance {
  const { datasetId, owner, times } = fragment;
  if (times === undefined) return { datasetId, owner, at: fragment.at };
  let time = times[path];
  for (let dot = path.lastIndexOf("."); time === undefined && dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
    time = times[path.slice(0, dot)];
  }
  return { datasetId, owner, at: time ?? fragment.at };
}
