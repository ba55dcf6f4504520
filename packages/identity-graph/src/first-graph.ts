import { type IdentityKey, identityOfKey } from "@tessera/xdm";
import { compileRules } from "./compiled-rules.ts";
import { type GraphDecision, standingDecisions } from "./decision.ts";
import type { Graph } from "./graph.ts";
import type { LinkingRules } from "./linking-rules.ts";
import { decidedGraph } from "./replay.ts";

/**
 * The graph in which an identity begins that none holds yet and that a decision concerns; undefined for others, for whom `link`
 * makes one. Who links step by step gives it to `link`, so that decisions hold from the first record on, as in `replay`.
 * `t`: the time of the observation.
 */
export function firstGraph(
  key: IdentityKey,
  t: number,
  { rules, decisions }: { readonly rules: LinkingRules; readonly decisions: readonly GraphDecision[] },
): Graph | undefined {
  if (decisions.length === 0 || !compileRules(rules).of(identityOfKey(key).namespace).builds)
    return undefined;
  return decidedGraph(key, t, standingDecisions(decisions));
}
