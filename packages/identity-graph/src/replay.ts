import { compareKeys, type IdentityKey, identityKey, identityOfKey } from "@tessera/xdm";
import type { GraphChange } from "./change.ts";
import { compileRules } from "./compiled-rules.ts";
import { type GraphDecision, type StandingDecisions, standingDecisions } from "./decision.ts";
import type { Graph } from "./graph.ts";
import { type LinkObservation, linkSilently } from "./link.ts";
import type { LinkingRules } from "./linking-rules.ts";
import { compareSteps } from "./moment.ts";

/**
 * The graphs that a history gives: all observations in the order of (t, key), whatever order they are passed in, each once
 * (an equal (t, key) is the same event again). Used for late arrivals, undo, rehearsal and rebuilding.
 *
 * `decisions`: all that concern any identity of the observations; others do no harm. `onChanges` is told of each step that
 * changed something, in order.
 *
 * Law: `link` in any order of arrival, with `replay` of the cluster whenever it answers `late`, gives the same graphs.
 * The graphs come in the order of their first identities.
 */
export function replay(
  observations: readonly LinkObservation[],
  rules: LinkingRules,
  decisions: readonly GraphDecision[] = [],
  onChanges?: (changes: readonly GraphChange[]) => void,
): readonly Graph[] {
  const standing = standingDecisions(decisions);
  const builds = (namespace: string): boolean => compileRules(rules).of(namespace).builds;
  const graphs = new Map<IdentityKey, Graph>();
  let before: LinkObservation | undefined;
  for (const observation of observations.toSorted(compareSteps)) {
    if (before && compareSteps(before, observation) === 0) continue;
    before = observation;
    const around = new Set<Graph>();
    for (const identity of observation.identities) {
      const key = identityKey(identity);
      let graph = graphs.get(key);
      if (!graph && builds(identity.namespace)) {
        graph = decidedGraph(key, observation.t, standing);
        if (graph) graphs.set(key, graph);
      }
      if (graph) around.add(graph);
    }
    const linked = linkSilently([...around], observation, rules);
    if (linked.kind === "late") throw new Error("A replay in order cannot be late.");
    const changes = onChanges && linked.tell ? linked.tell() : [];
    if (changes.length > 0) onChanges?.(changes);
    for (const graph of linked.graphs) {
      if (!around.has(graph)) for (const { key } of graph.identities) graphs.set(key, graph);
    }
  }
  const distinct = [...new Set(graphs.values())];
  return distinct.sort((x, y) => compareKeys(x.identities[0]?.key ?? "", y.identities[0]?.key ?? ""));
}

/** The graph an identity starts with when a decision concerns it. */
export function decidedGraph(
  key: IdentityKey,
  t: number,
  { apart, blocked }: StandingDecisions,
): Graph | undefined {
  const pairs = apart.get(key);
  const blockedAt = blocked.get(key);
  if (!pairs && blockedAt === undefined) return undefined;
  const seenAt = blockedAt ?? t;
  const identity = { ...identityOfKey(key), key, firstSeen: seenAt, lastSeen: seenAt };
  return {
    identities: [blockedAt === undefined ? identity : { ...identity, blocked: blockedAt }],
    links: [],
    removed: [],
    apart: pairs ?? [],
    latest: null,
    trimmed: false,
  };
}
