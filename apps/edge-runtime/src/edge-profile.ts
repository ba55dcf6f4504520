import { findLimit } from "@tessera/guardrails";
import type { AamDevice } from "@tessera/destinations-aam";
import type {
  ExperienceEvent,
  Identity,
  IdentityKey,
  JsonObject,
  SegmentMembershipEntry,
  SegmentMembershipMap,
} from "@tessera/xdm";

/** What the hub last said of the person behind an identity. */
export interface HubView {
  readonly personId: string;
  /** The person's version on the hub; a lower one never replaces a higher one. */
  readonly version: number;
  readonly attributes: JsonObject;
  readonly segmentMembership: SegmentMembershipMap;
  /** When the hub said it, ISO 8601. */
  readonly freshAt: string;
}

/**
 * How the last question to the hub ended, and when (milliseconds since 1970). `joined`: identities were brought
 * together since, and the hub has not said yet what became of it.
 */
export interface LookupState {
  readonly outcome: "not-asked" | "found" | "not-found" | "late" | "unavailable" | "joined";
  readonly at: number;
}

/**
 * What the edge holds of one identity: the hub's view of the person, the events of the look-back window, and the
 * memberships that follow. Plain JSON, so that every store can keep it.
 */
export interface EdgeProfile {
  readonly key: IdentityKey;
  /** Grows with each write; guards against two requests at once. 0 is a profile no store holds yet. */
  readonly version: number;
  readonly identities: readonly Identity[];
  /** Milliseconds since 1970. 14 days later the profile is gone. */
  readonly lastActivityAt: number;
  readonly hub?: HubView;
  readonly lookup: LookupState;
  /** The events of the look-back window, oldest first, cut to what edge audiences read. */
  readonly events: readonly ExperienceEvent[];
  /** What the edge's own evaluation said last, and by which snapshot; absent when it must be worked out again. */
  readonly own?: { readonly snapshot: string; readonly members: readonly string[] };
  /** The memberships of edge audiences as answered last, by audience id. */
  readonly memberships: { readonly [audienceId: string]: SegmentMembershipEntry };
  /** When a URL destination was last handed out, by destination id. */
  readonly pushed?: { readonly [destinationId: string]: number };
  /** What Audience Manager's side remembers of the device. */
  readonly aam?: AamDevice;
}

/** Where edge profiles are kept. Every runtime brings its own; `createMemoryProfiles` is the executable description. */
export interface EdgeProfileStore {
  /** The profile of a key; `undefined` when there is none, or when its last activity was 14 days ago or longer. */
  readonly get: (key: IdentityKey, now: number) => MaybePromise<EdgeProfile | undefined>;
  /**
   * Writes `profile` with version `expectedVersion + 1`, if the store still holds `expectedVersion` (0: nothing).
   * `false` when somebody else wrote first; nothing has changed then.
   */
  readonly put: (profile: EdgeProfile, expectedVersion: number) => MaybePromise<boolean>;
  /** Forgets a profile; tells whether there was one. */
  readonly remove: (key: IdentityKey) => MaybePromise<boolean>;
}

/** A value now or later. */
type MaybePromise<T> = T | Promise<T>;

/** After this long without activity an edge profile is gone: 14 days, in milliseconds. */
export const EDGE_PROFILE_TTL: number = findLimit("edge.profile-ttl").value * 24 * 3600 * 1000;

/** Whether a profile has outlived its time. */
export function isExpired(profile: EdgeProfile, now: number): boolean {
  return now - profile.lastActivityAt >= EDGE_PROFILE_TTL;
}

/** A profile of an identity nobody has seen here. */
export function newProfile(key: IdentityKey, identities: readonly Identity[], now: number): EdgeProfile {
  return {
    key,
    version: 0,
    identities,
    lastActivityAt: now,
    lookup: { outcome: "not-asked", at: 0 },
    events: [],
    memberships: {},
  };
}

/** How often a write is tried again when another one came first. */
const MAX_TRIES = 8;

/**
 * Reads, changes and writes one profile until nobody else wrote in between. `change` gets the held profile (if any)
 * and gives the new one, or `undefined` to leave things as they are. Tells whether something was written.
 */
export async function updateProfile(
  store: EdgeProfileStore,
  key: IdentityKey,
  options: {
    readonly now: number;
    readonly change: (held: EdgeProfile | undefined) => EdgeProfile | undefined;
  },
): Promise<boolean> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const held = await store.get(key, options.now);
    const changed = options.change(held);
    if (changed === undefined) return false;
    if (await store.put(changed, held?.version ?? 0)) return true;
  }
  return false;
}
