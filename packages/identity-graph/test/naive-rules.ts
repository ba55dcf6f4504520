import { type Identity, identityKey } from "@tessera/xdm";
import { UndirectedGraph } from "graphology";
import { connectedComponents } from "graphology-components";
import type { SimulatedNamespace } from "../src/index.ts";

interface NaiveLink {
  readonly a: string;
  readonly b: string;
  readonly t: number;
}

/**
 * The documented linking rules as plainly as they can be written, for comparison: all links in one list, components by a
 * graph library. Events come in order, each at a time of its own; no cap.
 */
export function naively(
  settings: readonly SimulatedNamespace[],
  events: readonly { readonly t: number; readonly identities: readonly Identity[] }[],
): { readonly graphs: readonly (readonly string[])[]; readonly removed: readonly string[] } {
  const setting = (key: string): SimulatedNamespace | undefined =>
    settings.find(({ namespace }) => key.startsWith(`${namespace}:`));
  const priority = (key: string): number => setting(key)?.priority ?? Infinity;
  const nodes = new Set<string>();
  let links: readonly NaiveLink[] = [];
  const removed = new Set<string>();
  const componentsOf = (list: readonly NaiveLink[]): readonly (readonly string[])[] => {
    const graph = new UndirectedGraph();
    for (const node of nodes) graph.addNode(node);
    for (const { a, b } of list) graph.mergeEdge(a, b);
    return connectedComponents(graph);
  };
  const breaks = (members: readonly string[]): boolean =>
    settings.some(
      ({ namespace, unique }) =>
        unique && members.filter((key) => key.startsWith(`${namespace}:`)).length > 1,
    );

  for (const { t, identities } of events) {
    const keys = [...new Set(identities.map(identityKey))].sort();
    for (const key of keys) nodes.add(key);
    const shown = keys.flatMap((a, index) => keys.slice(index + 1).map((b) => ({ a, b, t })));
    const again = new Set(shown.map(({ a, b }) => `${a} ${b}`));
    links = [...links.filter(({ a, b }) => !again.has(`${a} ${b}`)), ...shown];
    for (const name of again) removed.delete(name);
    const here = componentsOf(links).find((members) => members.includes(keys[0] ?? ""));
    if (shown.length === 0 || here === undefined || !breaks(here)) continue;
    const sum = ({ a, b }: NaiveLink): number => priority(a) + priority(b);
    const ordered = links
      .filter(({ a }) => here.includes(a))
      .sort(
        (x, y) =>
          Number(y.t === t) - Number(x.t === t) ||
          sum(x) - sum(y) ||
          y.t - x.t ||
          (x.a < y.a ? -1 : x.a > y.a ? 1 : x.b < y.b ? -1 : 1),
      );
    let kept = links.filter(({ a }) => !here.includes(a));
    for (const link of ordered) {
      const tried = [...kept, link];
      if (componentsOf(tried).some(breaks)) removed.add(`${link.a} ${link.b}`);
      else kept = tried;
    }
    links = kept;
  }
  const graphs = componentsOf(links).filter(({ length }) => length > 1);
  return { graphs: graphs.map((members) => members.toSorted()).sort(), removed: [...removed].sort() };
}
