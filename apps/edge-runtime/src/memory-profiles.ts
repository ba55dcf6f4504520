import type { IdentityKey } from "@tessera/xdm";
import { type EdgeProfile, type EdgeProfileStore, isExpired } from "./edge-profile.ts";

/** Edge profiles in memory, with what a runtime needs to save them. */
export interface MemoryProfiles extends EdgeProfileStore {
  readonly size: () => number;
  /** Every profile, the least recently active first. */
  readonly entries: () => Iterable<EdgeProfile>;
  /** Puts back a saved profile. */
  readonly restore: (profile: EdgeProfile) => void;
}

/** A held profile between the one written just before it and the one written just after. */
interface Place {
  profile: EdgeProfile;
  older: Place | undefined;
  newer: Place | undefined;
}

/**
 * Keeps at most `capacity` profiles (the least recently written leave first) and forgets them 14 days after their
 * last activity. The order of writing is a chain of its own: a Map that is written anew for it has to be cleaned of
 * all it no longer holds, at a cost that comes in one piece.
 */
export function createMemoryProfiles(options: { readonly capacity: number }): MemoryProfiles {
  const held = new Map<IdentityKey, Place>();
  let oldest: Place | undefined;
  let newest: Place | undefined;
  const unchain = (place: Place): void => {
    if (place.older === undefined) oldest = place.newer;
    else place.older.newer = place.newer;
    if (place.newer === undefined) newest = place.older;
    else place.newer.older = place.older;
  };
  const chain = (place: Place): void => {
    place.older = newest;
    place.newer = undefined;
    if (newest === undefined) oldest = place;
    else newest.newer = place;
    newest = place;
  };
  const forget = (key: IdentityKey): boolean => {
    const place = held.get(key);
    if (place === undefined) return false;
    unchain(place);
    return held.delete(key);
  };
  const add = (profile: EdgeProfile, place = held.get(profile.key)): void => {
    if (place === undefined) {
      const added = { profile, older: undefined, newer: undefined };
      held.set(profile.key, added);
      chain(added);
    } else {
      place.profile = profile;
      if (place !== newest) {
        unchain(place);
        chain(place);
      }
    }
    while (
      oldest !== undefined &&
      (held.size > options.capacity || isExpired(oldest.profile, profile.lastActivityAt))
    )
      forget(oldest.profile.key);
  };
  return {
    get: (key, now) => {
      const profile = held.get(key)?.profile;
      if (profile === undefined || !isExpired(profile, now)) return profile;
      forget(key);
      return undefined;
    },
    put: (profile, expectedVersion) => {
      const place = held.get(profile.key);
      if ((place?.profile.version ?? 0) !== expectedVersion) return false;
      add({ ...profile, version: expectedVersion + 1 }, place);
      return true;
    },
    remove: forget,
    size: () => held.size,
    entries: () => {
      // All at once: the chain may be another one when whoever goes through it comes back.
      const profiles: EdgeProfile[] = [];
      for (let place = oldest; place !== undefined; place = place.newer) profiles.push(place.profile);
      return profiles;
    },
    restore: (profile) => add(profile),
  };
}
