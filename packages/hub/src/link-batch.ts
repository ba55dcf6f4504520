import {
  clusterNeighbours,
  firstGraph,
  type Graph,
  type GraphDecision,
  type LinkingRules,
  type LinkObservation,
  linkSilently,
  replay,
} from "@tessera/identity-graph";
import type { Neighbourhood } from "@tessera/profile-store";
import { compareKeys, identityKey, type IdentityKey } from "@tessera/xdm";
import { GraphsAround } from "./graphs-around.ts";
import type { EventItem, RecordItem } from "./ingest-batch.ts";

/** What linking a batch led to. */
export interface Linking {
  readonly graphs: GraphsAround;
  /** Observations that came too late to be linked in place: their clusters have to be replayed from history. */
  readonly late: readonly LinkObservation[];
}

/** What items say about who is who, in the order of time. Records are observed when they arrive, events when they happened. */
export function observationsOf(
  items: readonly (EventItem | RecordItem)[],
  now: number,
): readonly LinkObservation[] {
  const observations: LinkObservation[] = [];
  let isInOrder = true;
  let before: LinkObservation | undefined;
  for (const item of items) {
    const { id, datasetId, identities, keys } = item;
    const t = item.kind === "event" ? item.at : now;
    const observation = { t, key: id, datasetId, identities, keys };
    if (before !== undefined && compareObservations(before, observation) > 0) isInOrder = false;
    before = observation;
    observations.push(observation);
  }
  return isInOrder ? observations : observations.sort(compareObservations);
}

function compareObservations(a: LinkObservation, b: LinkObservation): number {
  return a.t - b.t || compareKeys(a.key, b.key);
}

/** What linking goes by. */
interface Ruled {
  readonly rules: LinkingRules;
  readonly decisions: readonly GraphDecision[];
}

/** Links the observations of a batch, in their order of time, into the graphs that are known. Pure. */
export function linkObservations(
  around: Pick<Neighbourhood, "persons" | "personOf">,
  observations: readonly LinkObservation[],
  ruled: Ruled,
): Linking {
  const graphs = new GraphsAround(around);
  const late: LinkObservation[] = [];
  for (const observation of observations) {
    let touched = NO_GRAPHS;
    let known: IdentityKey | undefined;
    for (const key of keysOf(observation)) {
      let graph = graphs.get(key);
      if (graph === undefined) {
        // Someone may have decided about it before it was ever seen.
        graph = firstGraph(key, observation.t, ruled);
        if (graph === undefined) continue;
        graphs.put(graph);
      }
      known = key;
      if (!touched.includes(graph)) touched = [...touched, graph];
    }
    const linked = linkSilently(touched, observation, ruled.rules);
    if (linked.kind === "late") {
      late.push(observation);
      continue;
    }
    const [only, other] = linked.graphs;
    const isConfirmed = linked.tell === undefined && touched.length === 1 && other === undefined;
    if (isConfirmed && only !== undefined && known !== undefined) {
      if (only !== touched[0]) graphs.confirm(known, only);
    } else for (const graph of linked.graphs) graphs.put(graph);
  }
  return { graphs, late };
}

const NO_GRAPHS: readonly Graph[] = [];

/** Rebuilds clusters from all their observations: what linking in order of time would have given. Pure. */
export function replayClusters(
  known: ReadonlyMap<IdentityKey, Graph>,
  observations: readonly LinkObservation[],
  { rules, decisions }: Ruled,
): ReadonlyMap<IdentityKey, Graph> {
  const graphOf = new Map(known);
  const rebuilt = replay(observations, rules, decisions);
  for (const graph of rebuilt) for (const { key } of graph.identities) graphOf.set(key, graph);
  return graphOf;
}

/** The keys of an observation's identities. */
export function keysOf({ keys, identities }: LinkObservation): readonly IdentityKey[] {
  return keys ?? identities.map(identityKey);
}

/** The identities next to `keys` that a cluster also holds: of the same graphs, and at the other ends of their history. */
export function widenCluster(
  graphOf: ReadonlyMap<IdentityKey, Graph>,
  keys: ReadonlySet<IdentityKey>,
): ReadonlySet<IdentityKey> {
  const wide = new Set(keys);
  for (const graph of new Set([...keys].flatMap((key) => graphOf.get(key) ?? []))) {
    for (const { key } of graph.identities) wide.add(key);
    for (const key of clusterNeighbours(graph)) wide.add(key);
  }
  return wide;
}
