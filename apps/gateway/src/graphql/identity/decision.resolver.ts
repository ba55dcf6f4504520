import { identityKey } from "@tessera/xdm";
import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { IdentityDecisionType } from "./identity-decision.type.ts";
import { decisionOf } from "./identity.mapper.ts";
import { IdentityInput } from "./identity.type.ts";

@Resolver()
export class DecisionResolver {
  @Query(() => [IdentityDecisionType], {
    description:
      "What was decided by hand about who is who, oldest first; of decisions about the same identities the newest counts. Permission: View Identity Graph.",
  })
  identityDecisions(@Ctx() context: GatewayContext): IdentityDecisionType[] {
    demand(context, "view-identity-graph");
    return context.sandbox.hub.identityDecisions().map(decisionOf);
  }

  @Mutation(() => Boolean, {
    description:
      "Two identities are two persons from now on: both get back what is theirs. Permission: Manage Identity Namespaces.",
  })
  async unlinkIdentities(
    @Arg("a", () => IdentityInput, { description: "One identity." }) a: IdentityInput,
    @Arg("b", () => IdentityInput, { description: "The other identity." }) b: IdentityInput,
    @Arg("relink", () => String, {
      defaultValue: "never",
      description: "never, or observed: until a later record shows both.",
    })
    relink: string,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    if (relink !== "never" && relink !== "observed") {
      throw failure("BAD_USER_INPUT", "relink: expected never or observed.");
    }
    valueOf(await context.sandbox.hub.unlinkIdentities({ ...a }, { ...b }, relink));
    context.gateway.audit(context, { action: "identity.unlink", person: identityKey(a) });
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      "Takes an unlink back: what records say of the two counts again. Permission: Manage Identity Namespaces.",
  })
  async relinkIdentities(
    @Arg("a", () => IdentityInput, { description: "One identity." }) a: IdentityInput,
    @Arg("b", () => IdentityInput, { description: "The other identity." }) b: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    valueOf(await context.sandbox.hub.relinkIdentities({ ...a }, { ...b }));
    context.gateway.audit(context, { action: "identity.relink", person: identityKey(a) });
    return true;
  }

  @Mutation(() => Boolean, {
    description: "A bad value: it links nothing any more, anywhere. Permission: Manage Identity Namespaces.",
  })
  async blockIdentity(
    @Arg("identity", () => IdentityInput, { description: "The bad value." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    valueOf(await context.sandbox.hub.blockIdentity({ ...identity }));
    context.gateway.audit(context, { action: "identity.block", person: identityKey(identity) });
    return true;
  }

  @Mutation(() => Boolean, {
    description: "Takes a block back: the value links again. Permission: Manage Identity Namespaces.",
  })
  async unblockIdentity(
    @Arg("identity", () => IdentityInput, { description: "The blocked value." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    valueOf(await context.sandbox.hub.unblockIdentity({ ...identity }));
    context.gateway.audit(context, { action: "identity.unblock", person: identityKey(identity) });
    return true;
  }
}
