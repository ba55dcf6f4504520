import { compileRules } from "./compiled-rules.ts";
import type { Graph } from "./graph.ts";
import type { LinkingRules } from "./linking-rules.ts";

/** How full a graph is. `isNearCap`: it has come near its cap, 43 of 50; beyond the cap the oldest identities leave. */
export interface GraphSize {
  readonly size: number;
  readonly cap: number;
  readonly isNearCap: boolean;
}

/** How many identities a graph has, of how many it may have. */
export function graphSize({ identities }: Graph, rules: LinkingRules): GraphSize {
  const { cap, nearCap } = compileRules(rules);
  return { size: identities.length, cap, isNearCap: identities.length >= nearCap };
}
