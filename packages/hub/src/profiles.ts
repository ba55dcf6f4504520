import { normalIdentity } from "@tessera/identity-graph";
import type { HubStore, MergePolicy, PersonState } from "@tessera/profile-store";
import { type Identity, identityKey, parseInstant } from "@tessera/xdm";
import type { Ingestion } from "./ingest.ts";
import { personAsOf } from "./person-as-of.ts";
import { graphViewOf, type IdentityGraphView, personAt, type ProfileView, viewOf } from "./profile-view.ts";

/** Reading persons. Identities may be given in any form in which records may have them. */
export interface Profiles {
  /**
   * `asOf` (ISO 8601): the person as known at that time. Undefined as well when it is not a time, and when there is no
   * such merge policy.
   */
  readonly profile: (
    identity: Identity,
    options?: { readonly mergePolicyId?: string; readonly asOf?: string },
  ) => Promise<ProfileView | undefined>;
  /** Profiles of many identities with one read, in the order asked. */
  readonly readMany: (
    identities: readonly Identity[],
    options?: { readonly mergePolicyId?: string },
  ) => Promise<readonly (ProfileView | undefined)[]>;
  readonly person: (identity: Identity) => Promise<PersonState | undefined>;
  readonly identityGraph: (identity: Identity) => Promise<IdentityGraphView | undefined>;
  /** The graphs around many identities with one read, in the order asked. */
  readonly identityGraphs: (
    identities: readonly Identity[],
  ) => Promise<readonly (IdentityGraphView | undefined)[]>;
}

/** The reading side of a hub. */
export function createProfiles({
  store,
  begin,
}: {
  readonly store: HubStore;
  readonly begin: () => Ingestion;
}): Profiles {
  const normal = (identity: Identity): Identity => normalIdentity(identity, begin().configuration.registry);
  const policyOf = (id: string | undefined): MergePolicy | undefined => {
    const { policies, policy } = begin().configuration;
    return id === undefined ? policy : policies.find((one) => one.id === id);
  };
  const identityGraphs: Profiles["identityGraphs"] = async (identities) => {
    const { rules } = begin().configuration;
    const keys = identities.map((identity) => identityKey(normal(identity)));
    const { persons, personOf } = await store.load(keys, []);
    return keys.map((key) => {
      const person = persons.get(personOf.get(key) ?? "");
      return person === undefined ? undefined : graphViewOf(person, rules);
    });
  };
  return {
    profile: async (asked, { mergePolicyId, asOf } = {}) => {
      const policy = policyOf(mergePolicyId);
      if (policy === undefined) return undefined;
      const identity = normal(asked);
      const at = asOf === undefined ? undefined : parseInstant(asOf);
      if (at?.ok === false) return undefined;
      const person =
        at === undefined
          ? await personAt(store, identity)
          : await personAsOf(store, identity, { ingestion: begin(), at: at.value });
      return person === undefined
        ? undefined
        : viewOf(person, { policy, identity, configuration: begin().configuration });
    },
    readMany: async (asked, { mergePolicyId } = {}) => {
      const policy = policyOf(mergePolicyId);
      if (policy === undefined) return asked.map(() => undefined);
      const identities = asked.map(normal);
      const { persons, personOf } = await store.load(identities.map(identityKey), []);
      return identities.map((identity) => {
        const person = persons.get(personOf.get(identityKey(identity)) ?? "");
        return person === undefined
          ? undefined
          : viewOf(person, { policy, identity, configuration: begin().configuration });
      });
    },
    person: (identity) => personAt(store, normal(identity)),
    identityGraph: async (identity) => (await identityGraphs([identity]))[0],
    identityGraphs,
  };
}
