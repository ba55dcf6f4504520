import type { Graph, LinkObservation } from "@tessera/identity-graph";
import type { PersonState } from "@tessera/profile-store";
import { identityKey, type IdentityKey } from "@tessera/xdm";

/**
 * Whether observations show all that the graphs of persons were made of: each identity from its first to its last sight, each
 * link as often as it was observed. What a blocked identity owns is not among what its neighbours lead to.
 */
export function showAll(observations: readonly LinkObservation[], persons: Iterable<PersonState>): boolean {
  const pairs = new Map<string, number>();
  const sights = new Map<IdentityKey, { first: number; last: number }>();
  for (const { t, identities } of observations) {
    const keys = identities.map(identityKey).sort();
    keys.forEach((key, index) => {
      const sight = sights.get(key);
      if (sight === undefined) sights.set(key, { first: t, last: t });
      else [sight.first, sight.last] = [Math.min(sight.first, t), Math.max(sight.last, t)];
      for (const other of keys.slice(index + 1)) {
        const pair = pairOf(key, other);
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      }
    });
  }
  for (const { graph } of persons) {
    const { identities, links, removed } = graph as Graph;
    for (const { key, firstSeen, lastSeen, blocked } of identities) {
      const sight = sights.get(key);
      if (blocked === undefined && (sight?.first !== firstSeen || sight.last !== lastSeen)) return false;
    }
    for (const { a, b, count } of [...links, ...removed]) if (pairs.get(pairOf(a, b)) !== count) return false;
  }
  return true;
}

function pairOf(a: IdentityKey, b: IdentityKey): string {
  return `${a.length}:${a}${b}`;
}

/** What an observation says of others than those. */
export function without(
  { t, key, datasetId, identities }: LinkObservation,
  isLeftOut: (key: IdentityKey) => boolean,
): LinkObservation {
  const free = identities.filter((identity) => !isLeftOut(identityKey(identity)));
  return { t, key, datasetId, identities: free, keys: free.map(identityKey).sort() };
}
