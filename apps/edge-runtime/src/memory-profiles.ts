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

/**
 * Keeps at most `capacity` profiles (the least recently written leave first) and forgets them 14 days after their
 * last activity.
 */
export function createMemoryProfiles(options: { readonly capacity: number }): MemoryProfiles {
  const held = new Map<IdentityKey, EdgeProfile>();
  const add = (profile: EdgeProfile): void => {
    held.delete(profile.key);
    held.set(profile.key, profile);
    for (const oldest of held.values()) {
      if (held.size <= options.capacity && !isExpired(oldest, profile.lastActivityAt)) break;
      held.delete(oldest.key);
    }
  };
  return {
    get: (key, now) => {
      const profile = held.get(key);
      if (profile === undefined || !isExpired(profile, now)) return profile;
      held.delete(key);
      return undefined;
    },
    put: (profile, expectedVersion) => {
      if ((held.get(profile.key)?.version ?? 0) !== expectedVersion) return false;
      add({ ...profile, version: expectedVersion + 1 });
      return true;
    },
    remove: (key) => held.delete(key),
    size: () => held.size,
    entries: () => held.values(),
    restore: add,
  };
}
