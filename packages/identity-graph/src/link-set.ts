import type { IdentityKey } from "@tessera/xdm";
import type { CompiledRules } from "./compiled-rules.ts";
import { compareSteps } from "./moment.ts";
import {
  comparePairs,
  type GraphIdentity,
  type GraphLink,
  type KeptApart,
  linkPosition,
  positionOf,
  type RemovedLink,
} from "./graph.ts";

/**
 * What a step works on: the union of the graphs that an observation brings together, before anything is decided.
 * All lists are in canonical order. `links` already holds the links of the observation.
 */
export interface LinkSet {
  readonly identities: readonly GraphIdentity[];
  readonly links: readonly GraphLink[];
  readonly removed: readonly RemovedLink[];
  readonly apart: readonly KeptApart[];
}

/** Whether these identities could not stand in one graph. What holds for a set holds for each part of it. */
export function breaksRule(set: LinkSet, rules: CompiledRules): boolean {
  const { identities, apart } = set;
  if (rules.limited.length > 0 && exceedsMax(identities, rules)) return true;
  for (const rule of rules.windowed) {
    const seen: number[] = [];
    for (const { namespace, firstSeen } of identities) if (namespace === rule.namespace) seen.push(firstSeen);
    if (rule.newValues && tooManyNew(seen, rule.newValues)) return true;
  }
  for (const { a, b, lifted } of apart) {
    if (!lifted && positionOf(identities, a) >= 0 && positionOf(identities, b) >= 0) return true;
  }
  return false;
}

function exceedsMax(identities: readonly GraphIdentity[], rules: CompiledRules): boolean {
  // Identities are sorted by key, so the values of a namespace stand side by side.
  let namespace = "";
  let left = Infinity;
  for (const identity of identities) {
    if (identity.namespace !== namespace) {
      namespace = identity.namespace;
      left = rules.of(namespace).max;
    }
    left--;
    if (left < 0) return true;
  }
  return false;
}

/** Whether more than `count` of these times lie within less than `withinMs`. */
export function tooManyNew(
  seen: number[],
  { count, withinMs }: { readonly count: number; readonly withinMs: number },
): boolean {
  if (seen.length <= count) return false;
  seen.sort((x, y) => x - y);
  for (let last = count; last < seen.length; last++) {
    if ((seen[last] ?? 0) - (seen[last - count] ?? 0) < withinMs) return true;
  }
  return false;
}

/** Sorted lists as one sorted list; of equal pairs the last listed in `sources` order of confirmation is kept. */
export function mergeRemoved(sources: readonly (readonly RemovedLink[])[]): readonly RemovedLink[] {
  const filled = sources.filter((list) => list.length > 0);
  if (filled.length <= 1) return filled[0] ?? [];
  const all = filled.flat().sort((x, y) => comparePairs(x, y) || compareSteps(x.last, y.last));
  return all.filter((link, index) => {
    const next = all[index + 1];
    return !next || comparePairs(link, next) !== 0;
  });
}

/** The restraints of several graphs as one list; a restraint between two of the graphs is in both and is kept once. */
export function mergeApart(sources: readonly (readonly KeptApart[])[]): readonly KeptApart[] {
  const filled = sources.filter((list) => list.length > 0);
  if (filled.length <= 1) return filled[0] ?? [];
  const all = filled.flat().sort((x, y) => comparePairs(x, y) || Number(!!x.lifted) - Number(!!y.lifted));
  return all.filter((pair, index) => {
    const next = all[index + 1];
    return !next || comparePairs(pair, next) !== 0;
  });
}

/** For each identity the number of its component under `links`, from 0 in the order of the identities. */
export function componentsOf(
  identities: readonly GraphIdentity[],
  links: readonly GraphLink[],
): { readonly of: Int32Array; readonly count: number } {
  const parent = singletons(identities.length);
  for (const { a, b } of links) {
    const x = rootOf(parent, positionOf(identities, a));
    const y = rootOf(parent, positionOf(identities, b));
    if (x !== y) parent[Math.max(x, y)] = Math.min(x, y);
  }
  const of = new Int32Array(identities.length);
  let count = 0;
  for (let i = 0; i < identities.length; i++) {
    const root = rootOf(parent, i);
    of[i] = root === i ? count++ : (of[root] ?? 0);
  }
  return { of, count };
}

/** A union-find forest of `count` nodes, each alone. */
export function singletons(count: number): Int32Array {
  const parent = new Int32Array(count);
  for (let node = 0; node < count; node++) parent[node] = node;
  return parent;
}

/** The representative of `node` in a union-find forest, halving the path on the way. */
export function rootOf(parent: Int32Array, node: number): number {
  let at = node;
  for (;;) {
    const up = parent[at] ?? at;
    if (up === at) return at;
    const next = parent[up] ?? up;
    parent[at] = next;
    at = next;
  }
}

/** The removed link between two identities, if there is one. */
export function removedBetween(
  removed: readonly RemovedLink[],
  a: IdentityKey,
  b: IdentityKey,
): RemovedLink | undefined {
  const at = removed.length === 0 ? -1 : linkPosition(removed, a, b);
  return at < 0 ? undefined : removed[at];
}
