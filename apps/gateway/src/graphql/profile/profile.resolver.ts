import { type Identity, identityKey } from "@tessera/xdm";
import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure } from "../failure.ts";
import { identityGraphOf } from "../identity/identity.mapper.ts";
import { IdentityGraph, IdentityInput } from "../identity/identity.type.ts";
import { demandFirst } from "../page.ts";
import { DateTime } from "../scalars.ts";
import { eventPage, profileOf } from "./profile.mapper.ts";
import { EventsArgs, Profile, ProfileEventConnection } from "./profile.type.ts";

const PERSONS_MAX = 1_000;

@Resolver(() => Profile)
export class ProfileResolver {
  @Query(() => Profile, {
    nullable: true,
    description: "The person an identity belongs to; null when it is unknown. Permission: View Profiles.",
  })
  async profile(
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Arg("mergePolicyId", () => ID, { nullable: true, description: "The default policy without it." })
    mergePolicyId: string | undefined,
    @Arg("asOf", () => DateTime, { nullable: true, description: "The person as known at that time." })
    asOf: Date | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<Profile | undefined> {
    demand(context, "view-profiles");
    context.gateway.audit(context, { action: "profile.view", person: identityKey(identity) });
    return lookUp(context, identity, { mergePolicyId, asOf });
  }

  @Query(() => [Profile], {
    nullable: "items",
    description:
      "Persons by identity, in the order asked, null for an unknown one; at most 1,000. Permission: View Profiles.",
  })
  async profiles(
    @Arg("identities", () => [IdentityInput], { description: "Any identities, at most 1,000." })
    identities: IdentityInput[],
    @Arg("mergePolicyId", () => ID, { nullable: true, description: "The default policy without it." })
    mergePolicyId: string | undefined,
    @Arg("asOf", () => DateTime, { nullable: true, description: "The persons as known at that time." })
    asOf: Date | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<(Profile | undefined)[]> {
    demand(context, "view-profiles");
    if (identities.length > PERSONS_MAX) {
      throw failure("TOO_MUCH", `Expected at most ${PERSONS_MAX} identities, got ${identities.length}.`);
    }
    for (const identity of identities) {
      context.gateway.audit(context, { action: "profile.view", person: identityKey(identity) });
    }
    return Promise.all(identities.map((identity) => lookUp(context, identity, { mergePolicyId, asOf })));
  }

  @FieldResolver(() => IdentityGraph, {
    nullable: true,
    description:
      "Which identities belong together and why, as it stands now: links, and those that are not in force. Permission: View Identity Graph.",
  })
  async identityGraph(
    @Root() { identities }: Profile,
    @Ctx() context: GatewayContext,
  ): Promise<IdentityGraph | undefined> {
    demand(context, "view-identity-graph");
    const [first] = identities;
    const view = first && (await context.loaders.identityGraph({ ...first }));
    return view && identityGraphOf(view);
  }

  @FieldResolver(() => ProfileEventConnection, {
    description: "The person's events, newest first; none later than the asOf of the profile.",
  })
  async events(
    @Root() { identities, asOf }: Profile & { readonly asOf?: Date },
    @Args(() => EventsArgs) { first, after, eventTypes, from, to }: EventsArgs,
    @Ctx() { sandbox, principal, loaders }: GatewayContext,
  ): Promise<ProfileEventConnection> {
    demandFirst(first);
    const all = await loaders.events(identities.map(identityKey), from?.getTime());
    const events = asOf === undefined ? all : all.filter(({ at }) => at <= asOf.getTime());
    return eventPage(events, {
      first,
      visible: (body) => sandbox.labels.visibleTo(principal, body),
      ...(after && { after }),
      ...(eventTypes && { eventTypes }),
      ...(from && { from: from.getTime() }),
      ...(to && { to: to.getTime() }),
    });
  }
}

interface View {
  readonly mergePolicyId?: string | undefined;
  readonly asOf?: Date | undefined;
}

async function lookUp(
  { sandbox, principal, loaders }: GatewayContext,
  identity: Identity,
  { mergePolicyId, asOf }: View,
): Promise<Profile | undefined> {
  const { hub } = sandbox;
  if (mergePolicyId !== undefined && !hub.mergePolicies().some(({ id }) => id === mergePolicyId)) {
    throw failure("NOT_FOUND", "No such merge policy in this sandbox.");
  }
  const view = !asOf
    ? await loaders.profile(identity, mergePolicyId)
    : await hub.profile(identity, {
        asOf: asOf.toISOString(),
        ...(mergePolicyId !== undefined && { mergePolicyId }),
      });
  if (view === undefined) return undefined;
  const attributes = sandbox.labels.visibleTo(principal, view.attributes);
  return profileOf({ ...view, attributes }, sandbox.labels.hiddenFrom(principal), asOf);
}
