import { compareKeys, type IdentityKey, identityKey } from "@tessera/xdm";
import {
  clusterNeighbours,
  decisionsOf,
  firstGraph,
  type Graph,
  type GraphDecision,
  link,
  type LinkingRules,
  type LinkObservation,
  replay,
} from "../src/index.ts";

/** What feeding a history in its order of arrival gave. */
export interface Fed {
  readonly graphs: readonly Graph[];
  readonly late: number;
}

/**
 * Feeds observations as a store would: look up, link, and replay the cluster when an observation comes too late. `decisions`
 * are those taken before the start; without them the graphs at the start tell.
 */
export function feed(
  history: readonly LinkObservation[],
  rules: LinkingRules,
  start: {
    readonly past: readonly LinkObservation[];
    readonly graphs: readonly Graph[];
    readonly decisions?: readonly GraphDecision[];
  } = { past: [], graphs: [] },
): Fed {
  const graphs = new Map<IdentityKey, Graph>();
  const store = (list: readonly Graph[]): void => {
    for (const graph of list) for (const { key } of graph.identities) graphs.set(key, graph);
  };
  store(start.graphs);
  let late = 0;
  history.forEach((observation, arrived) => {
    const keys = observation.identities.map(identityKey);
    const { decisions = [] } = start;
    for (const key of keys) {
      const first = graphs.has(key) ? undefined : firstGraph(key, observation.t, { rules, decisions });
      if (first) graphs.set(key, first);
    }
    const around = new Set(keys.flatMap((key) => graphs.get(key) ?? []));
    const linked = link([...around], observation, rules);
    if (linked.kind === "linked") return store(linked.graphs);
    late++;
    const past = [...start.past, ...history.slice(0, arrived + 1)];
    const cluster = clusterOf({ graphs, past }, keys);
    const observed = past.filter((item) =>
      item.identities.some((identity) => cluster.has(identityKey(identity))),
    );
    const concerned = observed.flatMap(({ identities }) =>
      identities.flatMap((item) => graphs.get(identityKey(item)) ?? []),
    );
    store(replay(observed, rules, start.decisions ?? decisionsOf(concerned)));
  });
  return { graphs: canonical([...new Set(graphs.values())]), late };
}

export function canonical(graphs: readonly Graph[]): readonly Graph[] {
  return graphs.toSorted((x, y) => compareKeys(x.identities[0]?.key ?? "", y.identities[0]?.key ?? ""));
}

function clusterOf(
  {
    graphs,
    past,
  }: { readonly graphs: ReadonlyMap<IdentityKey, Graph>; readonly past: readonly LinkObservation[] },
  keys: readonly IdentityKey[],
): ReadonlySet<IdentityKey> {
  const blocked = (key: IdentityKey): boolean => graphs.get(key)?.identities[0]?.blocked !== undefined;
  const cluster = new Set<IdentityKey>(keys.filter((key) => !blocked(key)));
  for (const key of cluster) {
    const graph = graphs.get(key);
    if (!graph) continue;
    for (const other of graph.identities) cluster.add(other.key);
    // A blocked identity links nothing: what it was seen with does not belong here.
    for (const other of clusterNeighbours(graph)) if (!blocked(other)) cluster.add(other);
    if (!graph.trimmed) continue;
    for (const { identities } of past) {
      const together = identities.map(identityKey);
      if (!together.includes(key)) continue;
      for (const other of together) if (!blocked(other)) cluster.add(other);
    }
  }
  return cluster;
}
