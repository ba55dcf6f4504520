import {
  eventPrimary,
  type NamespaceRegistry,
  normalIdentity,
  standingDecisions,
} from "@tessera/identity-graph";
import type { StoredEvent } from "@tessera/profile-store";
import {
  type AuthenticatedState,
  type Identity,
  identityKey,
  type IdentityKey,
  identityOfKey,
  parseIdentityMap,
} from "@tessera/xdm";
import type { Configuration } from "./configuration.ts";

type Ruled = Pick<Configuration, "rules" | "registry" | "decisions">;

/**
 * The primary identity of an event among those that are not blocked; a blocked one only when there is no other. So an event of
 * a visitor who was once given a bad value stays the visitor's.
 */
export function freePrimary<T extends Identity>(
  identities: readonly T[],
  { rules, decisions }: Pick<Ruled, "rules" | "decisions">,
): T | undefined {
  const { blocked } = standingDecisions(decisions);
  const free =
    blocked.size === 0 ? identities : identities.filter((identity) => !blocked.has(identityKey(identity)));
  return eventPrimary(free, rules) ?? eventPrimary(identities, rules);
}

/**
 * The events that get another owner, with it: those of a blocked identity go to their next identity; those that name `freed`,
 * which was blocked until now, come back to it where it is their primary one. All others keep the owner they have.
 */
export function movedEvents(
  events: readonly StoredEvent[],
  ruled: Ruled,
  freed: IdentityKey | undefined,
): readonly StoredEvent[] {
  const { blocked } = standingDecisions(ruled.decisions);
  const moved: StoredEvent[] = [];
  for (const event of events) {
    const isBlocked = blocked.has(event.owner);
    if (!isBlocked && (freed === undefined || !event.identities.includes(freed))) continue;
    const primary = freePrimary(itemsOf(event, ruled.registry), ruled);
    const owner = primary === undefined ? event.owner : identityKey(primary);
    if (owner !== event.owner && (isBlocked || owner === freed)) moved.push({ ...event, owner });
  }
  return moved;
}

/** The identities of a stored event, as far as they were told with how sure it was who is there. */
function itemsOf(
  { identities, body }: StoredEvent,
  registry: NamespaceRegistry,
): readonly (Identity & { readonly authenticatedState?: AuthenticatedState })[] {
  const states = new Map(
    parseIdentityMap(body?.["identityMap"]).identities.map((item) => [
      identityKey(normalIdentity(item, registry)),
      item.authenticatedState,
    ]),
  );
  return identities.map((key) => {
    const state = states.get(key);
    return state === undefined ? identityOfKey(key) : { ...identityOfKey(key), authenticatedState: state };
  });
}
