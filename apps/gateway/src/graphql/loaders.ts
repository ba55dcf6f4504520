import DataLoader from "dataloader";
import type { Hub, ProfileView } from "@tessera/hub";
import { type Identity, identityKey } from "@tessera/xdm";

/** Reads of one request, each made once. */
export interface Loaders {
  /** The person an identity belongs to under a merge policy, and `undefined` for an unknown one. */
  readonly profile: (identity: Identity, mergePolicyId?: string) => Promise<ProfileView | undefined>;
}

interface ProfileKey {
  readonly identity: Identity;
  readonly mergePolicyId: string | undefined;
}

/** Loaders over a hub, for one request. */
export function createLoaders(hub: Hub): Loaders {
  const profiles = new DataLoader<ProfileKey, ProfileView | undefined, string>(
    async (keys) => {
      // one read of the store for each merge policy asked for, of which there is one as a rule
      const found: (ProfileView | undefined)[] = Array.from({ length: keys.length });
      for (const mergePolicyId of new Set(keys.map((key) => key.mergePolicyId))) {
        const places = [...keys.keys()].filter((place) => keys[place]?.mergePolicyId === mergePolicyId);
        const identities = places.flatMap((place) => keys[place]?.identity ?? []);
        const views = await hub.readMany(identities, mergePolicyId === undefined ? {} : { mergePolicyId });
        places.forEach((place, index) => (found[place] = views[index]));
      }
      return found;
    },
    { cacheKeyFn: ({ identity, mergePolicyId = "" }) => `${mergePolicyId}\n${identityKey(identity)}` },
  );
  return { profile: (identity, mergePolicyId) => profiles.load({ identity, mergePolicyId }) };
}
