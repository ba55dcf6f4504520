import { compareKeys, type Identity, type IdentityItem, identityKey } from "@tessera/xdm";
import { compileRules } from "./compiled-rules.ts";
import type { LinkingRules } from "./linking-rules.ts";

/**
 * The primary identity of an event: the one whose namespace has the highest priority; then the authenticated one, then
 * the first in code-unit order. What the record marks as primary does not count here. Undefined when none builds a graph.
 */
export function eventPrimary<T extends Identity & Partial<IdentityItem>>(
  identities: readonly T[],
  rules: LinkingRules,
): T | undefined {
  const { of } = compileRules(rules);
  let best: T | undefined;
  for (const identity of identities) {
    if (!of(identity.namespace).builds) continue;
    if (!best) best = identity;
    else {
      const order =
        of(identity.namespace).priority - of(best.namespace).priority ||
        Number(best.authenticatedState === "authenticated") -
          Number(identity.authenticatedState === "authenticated") ||
        compareKeys(identityKey(identity), identityKey(best));
      if (order < 0) best = identity;
    }
  }
  return best;
}
