import {
  clusterNeighbours,
  type Graph,
  type GraphChange,
  type GraphDecision,
  link,
  type LinkingRules,
  type LinkObservation,
  replay,
} from "@tessera/identity-graph";
import type { IdentityKey } from "@tessera/xdm";
import type { EventItem, RecordItem } from "./ingest-batch.ts";

/** The graphs around a batch while it is linked: every identity leads to the graph it is in. */
export interface Linking {
  readonly graphOf: ReadonlyMap<IdentityKey, Graph>;
  readonly changes: readonly GraphChange[];
  /** Observations that came too late to be linked in place: their clusters have to be replayed from history. */
  readonly late: readonly LinkObservation[];
}

/** What an item says about who is who. Records are observed when they arrive, events when they happened. */
export function observationOf(item: EventItem | RecordItem, now: number): LinkObservation {
  const { id, datasetId, identities } = item;
  return { t: item.kind === "event" ? item.at : now, key: id, datasetId, identities };
}

/** Links the observations of a batch, in their order of time, into the graphs that are known. Pure. */
export function linkObservations(
  known: ReadonlyMap<IdentityKey, Graph>,
  observations: readonly LinkObservation[],
  rules: LinkingRules,
): Linking {
  const graphOf = new Map(known);
  const changes: GraphChange[] = [];
  const late: LinkObservation[] = [];
  for (const observation of observations) {
    const touched = new Set<Graph>();
    for (const { namespace, id } of observation.identities) {
      const graph = graphOf.get(`${namespace}:${id}`);
      if (graph !== undefined) touched.add(graph);
    }
    const linked = link([...touched], observation, rules);
    if (linked.kind === "late") {
      late.push(observation);
      continue;
    }
    changes.push(...linked.changes);
    for (const graph of linked.graphs) for (const { key } of graph.identities) graphOf.set(key, graph);
  }
  return { graphOf, changes, late };
}

/** Rebuilds clusters from all their observations: what linking in order of time would have given. Pure. */
export function replayClusters(
  linking: Linking,
  observations: readonly LinkObservation[],
  { rules, decisions }: { readonly rules: LinkingRules; readonly decisions: readonly GraphDecision[] },
): Linking {
  const graphOf = new Map(linking.graphOf);
  const rebuilt = replay(observations, rules, decisions);
  for (const graph of rebuilt) for (const { key } of graph.identities) graphOf.set(key, graph);
  return { graphOf, changes: linking.changes, late: [] };
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
