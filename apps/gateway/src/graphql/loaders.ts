import DataLoader from "dataloader";
import type { IdentityGraphView, ProfileView } from "@tessera/hub";
import type { StoredEvent } from "@tessera/profile-store";
import { type Identity, type IdentityKey, identityKey } from "@tessera/xdm";
import type { Sandbox } from "../sandbox.ts";

/** Reads of one request, each made once, and those of one kind together. */
export interface Loaders {
  /** The person an identity belongs to under a merge policy, and `undefined` for an unknown one. */
  readonly profile: (identity: Identity, mergePolicyId?: string) => Promise<ProfileView | undefined>;
  /** The graph around an identity, and `undefined` for an unknown one. */
  readonly identityGraph: (identity: Identity) => Promise<IdentityGraphView | undefined>;
  /** Events that any of the owners has, at `from` (ms) or later, in order of time and id. */
  readonly events: (owners: readonly IdentityKey[], from?: number) => Promise<readonly StoredEvent[]>;
}

interface ProfileKey {
  readonly identity: Identity;
  readonly mergePolicyId: string | undefined;
}

interface EventsKey {
  readonly owners: readonly IdentityKey[];
  readonly from: number | undefined;
}

/** Persons whose events are read with one question: their events are all held at once. */
const EVENTS_OF = 50;

/** Loaders over a sandbox, for one request. */
export function createLoaders({ hub, store }: Pick<Sandbox, "hub" | "store">): Loaders {
  const profiles = new DataLoader<ProfileKey, ProfileView | undefined, string>(
    // one read of the store for each merge policy asked for, of which there is one as a rule
    (keys) =>
      together(keys, {
        groupOf: (key) => key.mergePolicyId,
        read: (some, mergePolicyId) =>
          hub.readMany(
            some.map(({ identity }) => identity),
            mergePolicyId === undefined ? {} : { mergePolicyId },
          ),
      }),
    { cacheKeyFn: ({ identity, mergePolicyId = "" }) => `${mergePolicyId}\n${identityKey(identity)}` },
  );
  const graphs = new DataLoader<Identity, IdentityGraphView | undefined, string>(
    (identities) => hub.identityGraphs(identities),
    { cacheKeyFn: identityKey },
  );
  const events = new DataLoader<EventsKey, readonly StoredEvent[]>(
    (keys) =>
      together(keys, {
        groupOf: ({ from }) => from,
        read: async (some, from) => {
          const all = await store.events([...new Set(some.flatMap(({ owners }) => owners))], from);
          const byOwner = Map.groupBy(all, ({ owner }) => owner);
          return some.map(({ owners }) =>
            owners.length === 1
              ? (byOwner.get(owners[0] ?? "") ?? [])
              : some.length === 1
                ? all
                : all.filter(({ owner }) => owners.includes(owner)),
          );
        },
      }),
    { cache: false, maxBatchSize: EVENTS_OF },
  );
  return {
    profile: (identity, mergePolicyId) => profiles.load({ identity, mergePolicyId }),
    identityGraph: (identity) => graphs.load(identity),
    events: (owners, from) => events.load({ owners, from }),
  };
}

/** The values of keys, in their order, where those of one group are read together. */
async function together<K, G, V>(
  keys: readonly K[],
  {
    groupOf,
    read,
  }: {
    readonly groupOf: (key: K) => G;
    readonly read: (some: readonly K[], group: G) => Promise<readonly V[]>;
  },
): Promise<readonly V[]> {
  const found = new Map<number, V>();
  for (const [group, places] of Map.groupBy(keys.keys(), (place) => groupOf(keys[place] as K))) {
    const values = await read(
      places.map((place) => keys[place] as K),
      group,
    );
    places.forEach((place, index) => found.set(place, values[index] as V));
  }
  return keys.map((_key, place) => found.get(place) as V);
}
