import { compareKeys, type IdentityKey } from "@tessera/xdm";
import type { GraphChange } from "./change.ts";
import type { CompiledRules } from "./compiled-rules.ts";
import { type Graph, linkPosition, personAnchor, positionOf, type RemovedLink } from "./graph.ts";
import { removedBetween } from "./link-set.ts";
import type { Step } from "./moment.ts";

/** What a step did, told from the graphs before and after it. */
export function changesOf(
  {
    before,
    after,
    keys,
    step,
    dropped,
    left,
  }: {
    readonly before: readonly Graph[];
    readonly after: readonly Graph[];
    readonly keys: readonly IdentityKey[];
    readonly step: Step;
    readonly dropped: readonly RemovedLink[];
    readonly left: readonly IdentityKey[];
  },
  rules: CompiledRules,
): readonly GraphChange[] {
  const changes: GraphChange[] = [];
  for (const key of keys) {
    if (!graphOf(before, key)) changes.push({ kind: "identityAdded", identity: key, at: step });
  }
  for (let i = 0; i < keys.length; i++) {
    for (let j = i + 1; j < keys.length; j++) {
      const [a, b] = [keys[i] ?? "", keys[j] ?? ""];
      if (!hasLink(after, a, b) || hasLink(before, a, b)) continue;
      const restored = removedBetween(graphOf(before, a)?.removed ?? [], a, b) !== undefined;
      changes.push({ kind: "linkAdded", a, b, restored, at: step });
    }
  }
  for (const { reason, ...link } of dropped) changes.push({ kind: "linkRemoved", link, reason });
  for (const identity of left) changes.push({ kind: "identityLeft", identity, cap: rules.cap, at: step });
  changes.push(...mergesAndSplits(before, after));
  for (const graph of after) {
    const size = graph.identities.length;
    if (size < rules.nearCap || before.some(({ identities }) => identities.length >= size)) continue;
    changes.push({ kind: "nearCap", anchor: personAnchor(graph).key, size, cap: rules.cap });
  }
  return changes;
}

function mergesAndSplits(before: readonly Graph[], after: readonly Graph[]): readonly GraphChange[] {
  if (before.length <= 1 && after.length <= 1) return [];
  const changes: GraphChange[] = [];
  const anchors = (graphs: readonly Graph[]): readonly IdentityKey[] =>
    graphs.map((graph) => personAnchor(graph).key).sort(compareKeys);
  const sharing = (graph: Graph, others: readonly Graph[]): readonly Graph[] =>
    others.filter(({ identities }) => identities.some(({ key }) => positionOf(graph.identities, key) >= 0));
  for (const graph of before) {
    const into = sharing(graph, after);
    if (into.length > 1) changes.push({ kind: "split", from: personAnchor(graph).key, into: anchors(into) });
  }
  for (const graph of after) {
    const from = sharing(graph, before);
    if (from.length > 1) changes.push({ kind: "merged", into: personAnchor(graph).key, from: anchors(from) });
  }
  return changes;
}

function graphOf(graphs: readonly Graph[], key: IdentityKey): Graph | undefined {
  return graphs.find(({ identities }) => positionOf(identities, key) >= 0);
}

function hasLink(graphs: readonly Graph[], a: IdentityKey, b: IdentityKey): boolean {
  const graph = graphOf(graphs, a);
  return graph !== undefined && linkPosition(graph.links, a, b) >= 0;
}
