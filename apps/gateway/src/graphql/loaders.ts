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
    (keys) =>
      Promise.all(
        keys.map(({ identity, mergePolicyId }) =>
          hub.profile(identity, mergePolicyId === undefined ? {} : { mergePolicyId }),
        ),
      ),
    { cacheKeyFn: ({ identity, mergePolicyId = "" }) => `${mergePolicyId}\n${identityKey(identity)}` },
  );
  return { profile: (identity, mergePolicyId) => profiles.load({ identity, mergePolicyId }) };
}
