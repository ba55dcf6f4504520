import { compareKeys, type Identity, type IdentityKey, identityKey, identityOfKey } from "@tessera/xdm";
import { comparePairs, type Graph, type GraphLink, type KeptApart, type RemovedLink } from "./graph.ts";

/**
 * Why two identities are one person, or are not.
 *
 * - `unknown`: those of the two that no graph holds, as no record has shown them.
 * - `path`: the shortest chain of links between them, in order from the first to the second, each with its first and last
 *   observation; empty when they are not linked, and when both are the same.
 * - `dropped`: removed links at either identity, or between their graphs, with the rule that removed them.
 * - `apart`: restraints set by hand that concern them.
 */
export interface LinkExplanation {
  readonly linked: boolean;
  readonly unknown: readonly Identity[];
  readonly path: readonly GraphLink[];
  readonly dropped: readonly RemovedLink[];
  readonly apart: readonly KeptApart[];
}

/** Explains what connects or separates `from` and `to`, given the graphs that hold them (one, or two). */
export function whyLinked(graphs: readonly Graph[], from: Identity, to: Identity): LinkExplanation {
  const [start, end] = [identityKey(from), identityKey(to)];
  const holds = (graph: Graph, key: IdentityKey): boolean =>
    graph.identities.some((item) => item.key === key);
  const one = graphs.find((graph) => holds(graph, start));
  const other = graphs.find((graph) => holds(graph, end));
  const linked = one !== undefined && one === other;
  const unknown = [
    one ? [] : [identityOfKey(start)],
    other || start === end ? [] : [identityOfKey(end)],
  ].flat();
  const path = linked ? pathBetween(one.links, start, end) : [];
  const nodes = new Set<IdentityKey>([start, end, ...path.flatMap(({ a, b }) => [a, b])]);
  const crosses = (a: IdentityKey, b: IdentityKey): boolean =>
    !linked &&
    one !== undefined &&
    other !== undefined &&
    ((holds(one, a) && holds(other, b)) || (holds(one, b) && holds(other, a)));
  const dropped = new Map<string, RemovedLink>();
  const apart = new Map<string, KeptApart>();
  for (const graph of graphs) {
    for (const link of graph.removed) {
      if (nodes.has(link.a) || nodes.has(link.b) || crosses(link.a, link.b)) {
        dropped.set(`${link.a.length}:${link.a}${link.b}`, link);
      }
    }
    for (const pair of graph.apart) {
      if (nodes.has(pair.a) || nodes.has(pair.b)) apart.set(`${pair.a.length}:${pair.a}${pair.b}`, pair);
    }
  }
  return {
    linked,
    unknown,
    path,
    dropped: [...dropped.values()].sort(comparePairs),
    apart: [...apart.values()].sort(comparePairs),
  };
}

function pathBetween(links: readonly GraphLink[], from: IdentityKey, to: IdentityKey): readonly GraphLink[] {
  const neighbours = new Map<IdentityKey, GraphLink[]>();
  for (const link of links) {
    for (const key of [link.a, link.b]) neighbours.set(key, [...(neighbours.get(key) ?? []), link]);
  }
  const cameBy = new Map<IdentityKey, GraphLink>();
  const queue: IdentityKey[] = [from];
  for (const at of queue) {
    if (at === to) break;
    const ends = (neighbours.get(at) ?? []).map((link) => ({ link, key: link.a === at ? link.b : link.a }));
    for (const { link, key } of ends.sort((x, y) => compareKeys(x.key, y.key))) {
      if (key === from || cameBy.has(key)) continue;
      cameBy.set(key, link);
      queue.push(key);
    }
  }
  const path: GraphLink[] = [];
  for (let at = to; at !== from;) {
    const link = cameBy.get(at);
    if (!link) return [];
    path.unshift(link);
    at = link.a === at ? link.b : link.a;
  }
  return path;
}
