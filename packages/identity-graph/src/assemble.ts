import { compareKeys, type IdentityKey } from "@tessera/xdm";
import type { CompiledRules } from "./compiled-rules.ts";
import { comparePairs, type Graph, type Pair, positionOf, type RemovedLink } from "./graph.ts";
import { componentsOf, type LinkSet } from "./link-set.ts";
import { compareSteps, type Step } from "./moment.ts";

/** Cuts a decided set into its graphs, in the order of their first identities. `isWhole`: it is known to be one. */
export function assemble(
  set: LinkSet,
  {
    latest,
    trimmed,
    isWhole = false,
    rules,
  }: {
    readonly latest: Step | null;
    readonly trimmed: boolean;
    readonly isWhole?: boolean;
    readonly rules: CompiledRules;
  },
): readonly Graph[] {
  if (isWhole) {
    const { identities, links, apart } = set;
    const removed = newest(set.removed, rules.removedKept);
    return [{ identities, links, removed: removed.list, apart, latest, trimmed: trimmed || removed.trimmed }];
  }
  const { of, count } = componentsOf(set.identities, set.links);
  const graphs: Graph[] = [];
  for (let component = 0; component < count; component++) {
    const holds = (key: IdentityKey): boolean => of[positionOf(set.identities, key)] === component;
    const touches = ({ a, b }: Pair): boolean => holds(a) || holds(b);
    const identities =
      count === 1 ? set.identities : set.identities.filter((_, index) => of[index] === component);
    const links = count === 1 ? set.links : set.links.filter(({ a }) => holds(a));
    const removed = newest(set.removed.length === 0 ? [] : set.removed.filter(touches), rules.removedKept);
    const apart = set.apart.length === 0 ? [] : set.apart.filter(touches);
    graphs.push({
      identities,
      links,
      removed: removed.list,
      apart,
      latest,
      trimmed: trimmed || removed.trimmed,
    });
  }
  return graphs;
}

/** The newest removed links, at most `kept`, in canonical order. */
function newest(
  removed: readonly RemovedLink[],
  kept: number,
): { readonly list: readonly RemovedLink[]; readonly trimmed: boolean } {
  if (removed.length <= kept) return { list: removed, trimmed: false };
  const list = removed
    .toSorted((x, y) => compareSteps(y.reason.at, x.reason.at) || comparePairs(x, y))
    .slice(0, kept)
    .sort((x, y) => compareKeys(x.a, y.a) || compareKeys(x.b, y.b));
  return { list, trimmed: true };
}
