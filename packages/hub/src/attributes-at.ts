import { type Graph, personAnchor } from "@tessera/identity-graph";
import {
  COMPUTED_DATASET,
  mergeAttributes,
  type Fragment,
  fragmentKey,
  fragmentsOf,
  type MergePolicy,
  type PersonState,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import { compareKeys, identityKey, type JsonObject } from "@tessera/xdm";
import { ComputedState, withComputed } from "./computed/computed-state.ts";
import type { Configuration } from "./configuration.ts";
import type { DigestedEvent } from "./event-digest.ts";
import { earlier } from "./follow-memberships.ts";

/** What is known of one person while they are decided. */
export interface Known {
  readonly fragments: readonly Fragment[];
  readonly records: readonly StoredRecord[];
  /** Stored events; undefined when the digest of them is enough. */
  readonly past: readonly StoredEvent[] | undefined;
  readonly fresh: readonly StoredEvent[];
}

/** Attributes that are computed from events, followed along with the memberships. */
export interface Computing {
  readonly attributesAt: (ms: number) => JsonObject;
  readonly nextChangeAt: () => number | undefined;
  /** All fragments, the computed one among them, as of the last moment asked for. */
  readonly fragments: () => readonly Fragment[];
}

/** Computed attributes of one person from `continues` on, or from the beginning; undefined where there are none. */
export function computedOf(
  known: Known,
  {
    continues,
    all,
    graph,
    configuration,
  }: {
    readonly continues: PersonState | undefined;
    readonly all: readonly DigestedEvent[];
    readonly graph: Graph;
    readonly configuration: Configuration;
  },
): Computing | undefined {
  const { computed, edgePolicy: policy } = configuration;
  const before = computedFragment(known.fragments);
  if (computed.length === 0 && before === undefined) return undefined;
  const said = known.fragments.filter(({ datasetId }) => datasetId !== COMPUTED_DATASET);
  const carried = continues === undefined ? undefined : computedFragment(continues.fragments);
  const state = new ComputedState(computed, carried);
  const from = continues?.evaluatedAt ?? -Infinity;
  const events = all.filter(({ at }) => at > from);
  const base = attributesAt({ ...known, fragments: said }, policy);
  let taken = 0;
  return {
    attributesAt: (ms) => {
      for (let next = events[taken]; next !== undefined && next.at <= ms; next = events[taken]) {
        state.take(next.body, next.at);
        taken += 1;
      }
      state.moveTo(ms);
      return withComputed(base(ms), state.values());
    },
    nextChangeAt: () => earlier(state.nextChangeAt(), events[taken]?.at),
    fragments: () => {
      const fragment = state.fragment(identityKey(personAnchor(graph)), carried);
      if (fragment === before && fragment === carried) return known.fragments;
      return fragment === undefined ? said : [...said, fragment].sort(compareFragments);
    },
  };
}

function computedFragment(fragments: readonly Fragment[]): Fragment | undefined {
  for (const fragment of fragments) if (fragment.datasetId === COMPUTED_DATASET) return fragment;
  return undefined;
}

function compareFragments(a: Fragment, b: Fragment): number {
  return compareKeys(fragmentKey(a.datasetId, a.owner), fragmentKey(b.datasetId, b.owner));
}

/** The merged attributes at a moment: of the records that had arrived by then. */
export function attributesAt(known: Known, policy: MergePolicy): (ms: number) => JsonObject {
  // A deletion leaves no fragment behind that could tell when it was.
  const latest = known.records.reduce((last, { at }) => Math.max(last, at), latestOf(known.fragments));
  let present: JsonObject | undefined;
  return (ms) => {
    if (ms >= latest) return (present ??= presentOf(known.fragments, policy));
    return mergeAttributes(fragmentsOf(known.records.filter((record) => record.at <= ms)), policy);
  };
}

/** When the last of the fragments was said. */
export function latestOf(fragments: readonly Fragment[]): number {
  let latest = -Infinity;
  for (const { at, times } of fragments) {
    latest = Math.max(latest, at);
    if (times !== undefined) for (const path in times) latest = Math.max(latest, times[path] ?? latest);
  }
  return latest;
}

const merged = new WeakMap<MergePolicy, WeakMap<readonly Fragment[], JsonObject>>();

/** Most events leave the fragments as they are: their merged attributes are kept beside them. */
function presentOf(fragments: readonly Fragment[], policy: MergePolicy): JsonObject {
  // One alone is taken as it is: looking it up would cost more.
  if (fragments.length === 1 && policy.attributeMerge.type === "timestampOrdered")
    return mergeAttributes(fragments, policy);
  const known = merged.get(policy) ?? new WeakMap<readonly Fragment[], JsonObject>();
  merged.set(policy, known);
  const before = known.get(fragments);
  if (before !== undefined) return before;
  const attributes = mergeAttributes(fragments, policy);
  known.set(fragments, attributes);
  return attributes;
}
