import { type Graph, personAnchor } from "@tessera/identity-graph";
import {
  COMPUTED_DATASET,
  deriveProfile,
  type Fragment,
  fragmentKey,
  fragmentsOf,
  type PersonState,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import { compareKeys, identityKey, type JsonObject } from "@tessera/xdm";
import { ComputedState, withComputed } from "./computed/computed-state.ts";
import type { Configuration } from "./configuration.ts";
import { earlier } from "./follow-memberships.ts";

/** What is known of one person while they are decided. */
export interface Known {
  readonly fragments: readonly Fragment[];
  readonly records: readonly StoredRecord[];
  readonly past: readonly StoredEvent[];
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
    readonly all: readonly StoredEvent[];
    readonly graph: Graph;
    readonly configuration: Configuration;
  },
): Computing | undefined {
  const { computed, policy } = configuration;
  const before = known.fragments.find(({ datasetId }) => datasetId === COMPUTED_DATASET);
  if (computed.length === 0 && before === undefined) return undefined;
  const said = known.fragments.filter(({ datasetId }) => datasetId !== COMPUTED_DATASET);
  const carried = continues?.fragments.find(({ datasetId }) => datasetId === COMPUTED_DATASET);
  const state = new ComputedState(computed, carried);
  const from = continues?.evaluatedAt ?? -Infinity;
  const events = all.filter(({ at, body }) => at > from && body !== undefined);
  const base = attributesAt({ ...known, fragments: said }, policy);
  let taken = 0;
  return {
    attributesAt: (ms) => {
      for (let next = events[taken]; next !== undefined && next.at <= ms; next = events[taken]) {
        if (next.body !== undefined) state.take(next.body, next.at);
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

function compareFragments(a: Fragment, b: Fragment): number {
  return compareKeys(fragmentKey(a.datasetId, a.owner), fragmentKey(b.datasetId, b.owner));
}

/** The merged attributes at a moment: of the records that had arrived by then. */
export function attributesAt(known: Known, policy: Configuration["policy"]): (ms: number) => JsonObject {
  const latest = known.fragments.reduce(
    (last, { at, times }) => Math.max(last, at, ...Object.values(times ?? {})),
    -Infinity,
  );
  let present: JsonObject | undefined;
  return (ms) => {
    if (ms >= latest) return (present ??= deriveProfile(known.fragments, policy).attributes);
    return deriveProfile(fragmentsOf(known.records.filter((record) => record.at <= ms)), policy).attributes;
  };
}
