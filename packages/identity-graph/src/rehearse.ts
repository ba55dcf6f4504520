import { type Identity, type IdentityKey, identityOfKey } from "@tessera/xdm";
import type { GraphDecision } from "./decision.ts";
import type { Graph } from "./graph.ts";
import type { LinkObservation } from "./link.ts";
import type { LinkingRules } from "./linking-rules.ts";
import { replay } from "./replay.ts";

/** Everything that history says of a group of identities that were ever observed together, and the graphs they are in. */
export interface RehearsedCluster {
  readonly graphs: readonly Graph[];
  readonly observations: readonly LinkObservation[];
}

/** What other rules would make of one cluster. Persons are given by their identities, in key order. */
export interface ClusterRehearsal {
  readonly before: readonly (readonly Identity[])[];
  readonly after: readonly (readonly Identity[])[];
  /** Persons of before who would be one with another. */
  readonly joined: number;
  /** Persons of before whose identities would belong to several. */
  readonly split: number;
  /** Identities that belong to a person with others, and would stand alone. */
  readonly lost: readonly Identity[];
}

/** Tries rules on one cluster: what its history would give under them. Undefined when every person stays as they are. */
export function rehearseCluster(
  { graphs, observations }: RehearsedCluster,
  rules: LinkingRules,
  decisions: readonly GraphDecision[] = [],
): ClusterRehearsal | undefined {
  const before = graphs.map(keysOf);
  const after = replay(observations, rules, decisions).map(keysOf);
  const home = new Map<IdentityKey, number>();
  after.forEach((keys, index) => keys.forEach((key) => home.set(key, index)));
  const homes = before.map((keys) => new Set(keys.flatMap((key) => home.get(key) ?? [])));
  const guests = new Map<number, number>();
  for (const places of homes) for (const place of places) guests.set(place, (guests.get(place) ?? 0) + 1);
  const joined = homes.filter((places) => [...places].some((place) => (guests.get(place) ?? 0) > 1)).length;
  const split = homes.filter((places) => places.size > 1).length;
  if (joined === 0 && split === 0) return undefined;
  const lost = before
    .filter((keys) => keys.length > 1)
    .flat()
    .filter((key) => after[home.get(key) ?? -1]?.length === 1);
  return {
    before: before.map(identitiesOf),
    after: after.map(identitiesOf),
    joined,
    split,
    lost: lost.map(identityOfKey),
  };
}

/** What a rehearsal over many clusters has found so far. */
export interface Rehearsal {
  readonly clusters: number;
  readonly persons: number;
  readonly changedClusters: number;
  readonly joined: number;
  readonly split: number;
  readonly lostIdentities: number;
  /** The clusters with the most persons and identities concerned, worst first. */
  readonly worst: readonly ClusterRehearsal[];
  /** Changed clusters drawn evenly from all. */
  readonly sample: readonly ClusterRehearsal[];
}

/** A rehearsal that has seen nothing yet. */
export const emptyRehearsal: Rehearsal = {
  clusters: 0,
  persons: 0,
  changedClusters: 0,
  joined: 0,
  split: 0,
  lostIdentities: 0,
  worst: [],
  sample: [],
};

const WORST = 10;
const SAMPLE = 20;

/** Adds one cluster to a rehearsal. `random` gives numbers from 0 to below 1; memory stays bounded however many follow. */
export function addToRehearsal(
  rehearsal: Rehearsal,
  { persons, change }: { readonly persons: number; readonly change: ClusterRehearsal | undefined },
  random: () => number,
): Rehearsal {
  const seen = { clusters: rehearsal.clusters + 1, persons: rehearsal.persons + persons };
  if (change === undefined) return { ...rehearsal, ...seen };
  const changedClusters = rehearsal.changedClusters + 1;
  return {
    ...seen,
    changedClusters,
    joined: rehearsal.joined + change.joined,
    split: rehearsal.split + change.split,
    lostIdentities: rehearsal.lostIdentities + change.lost.length,
    worst: [...rehearsal.worst, change].sort((x, y) => weight(y) - weight(x)).slice(0, WORST),
    sample: drawn(rehearsal.sample, change, { seen: changedClusters, random }),
  };
}

/** Reservoir sampling: each of the clusters seen is in the sample with the same chance. */
function drawn(
  sample: readonly ClusterRehearsal[],
  change: ClusterRehearsal,
  { seen, random }: { readonly seen: number; readonly random: () => number },
): readonly ClusterRehearsal[] {
  if (sample.length < SAMPLE) return [...sample, change];
  const place = Math.floor(random() * seen);
  return place < SAMPLE ? sample.with(place, change) : sample;
}

function weight({ joined, split, lost, after }: ClusterRehearsal): number {
  const largest = after.reduce((most, identities) => Math.max(most, identities.length), 0);
  return (joined + split) * 1_000 + lost.length * 10 + largest;
}

function keysOf({ identities }: Graph): readonly IdentityKey[] {
  return identities.map(({ key }) => key);
}

function identitiesOf(keys: readonly IdentityKey[]): readonly Identity[] {
  return keys.map(identityOfKey);
}
