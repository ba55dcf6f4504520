import {
  type Graph,
  type GraphLink,
  graphSize,
  type GraphSize,
  type LinkingRules,
  type RemovedLink,
} from "@tessera/identity-graph";
import type { Configuration } from "./configuration.ts";
import { settleVersions, withoutWaiting } from "./waiting-version.ts";
import {
  deriveProfile,
  type HubStore,
  membershipMap,
  type MergePolicy,
  type PersonState,
  type Provenance,
} from "@tessera/profile-store";
import {
  formatInstant,
  type Identity,
  identityKey,
  identityOfKey,
  type JsonObject,
  type SegmentMembershipMap,
} from "@tessera/xdm";

/** One person as asked for: merged attributes with their provenance, identities, memberships. Times are ISO 8601. */
export interface ProfileView {
  readonly personId: string;
  readonly version: number;
  readonly identities: readonly Identity[];
  readonly attributes: JsonObject;
  readonly provenance: { readonly [path: string]: Provenance };
  readonly segmentMembership: SegmentMembershipMap;
  readonly eventCount: number;
  readonly userActivityRegions: { readonly [region: string]: string };
  readonly mergePolicyId: string;
}

/** The links of one person's graph and how full it is, for people to read. */
export interface IdentityGraphView extends GraphSize {
  readonly personId: string;
  readonly identities: Graph["identities"];
  readonly links: readonly GraphLink[];
  readonly removedLinks: readonly RemovedLink[];
  /** Pairs that were unlinked by hand. */
  readonly apart: Graph["apart"];
  /** Whether older removed links are no longer listed. */
  readonly isTrimmed: boolean;
}

/** The person an identity belongs to. */
export async function personAt(store: HubStore, identity: Identity): Promise<PersonState | undefined> {
  const key = identityKey(identity);
  const { persons, personOf } = await store.load([key], []);
  return persons.get(personOf.get(key) ?? "");
}

/** The memberships of a person as the versions of the audiences in force have them. */
export function membershipsOf(
  person: PersonState,
  { audiences }: Pick<Configuration, "audiences">,
): SegmentMembershipMap {
  return membershipMap(withoutWaiting(settleVersions(person.memberships, audiences)));
}

/** A person under a merge policy. With identity graph `none`, only what was said of `identity` itself counts. */
export function viewOf(
  person: PersonState,
  {
    policy,
    identity,
    configuration,
  }: {
    readonly policy: MergePolicy;
    readonly identity?: Identity;
    readonly configuration: Pick<Configuration, "audiences">;
  },
): ProfileView {
  const only = policy.identityGraph === "none" && identity !== undefined ? identityKey(identity) : undefined;
  const fragments =
    only === undefined ? person.fragments : person.fragments.filter(({ owner }) => owner === only);
  const keys = only === undefined ? person.identities : [only];
  return {
    personId: person.personId,
    version: person.version,
    identities: keys.map(identityOfKey),
    ...deriveProfile(fragments, policy),
    segmentMembership: membershipsOf(person, configuration),
    eventCount: person.eventCount,
    userActivityRegions: Object.fromEntries(
      Object.entries(person.regions ?? {}).map(([region, at]) => [region, formatInstant(at)]),
    ),
    mergePolicyId: policy.id,
  };
}

/** The graph of a person, as identity-graph keeps it. */
export function graphViewOf(person: PersonState, rules: LinkingRules): IdentityGraphView {
  const graph = person.graph as Graph;
  return {
    personId: person.personId,
    ...graphSize(graph, rules),
    identities: graph.identities,
    links: graph.links,
    removedLinks: graph.removed,
    apart: graph.apart,
    isTrimmed: graph.trimmed,
  };
}
