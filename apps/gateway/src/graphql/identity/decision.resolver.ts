import type { Hub } from "@tessera/hub";
import { describe, identityKey } from "@tessera/xdm";
import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { IdentityDecisionType } from "./identity-decision.type.ts";
import { decisionOf } from "./identity.mapper.ts";
import { IdentityInput } from "./identity.type.ts";

/** The name of the work of deciding, which one process does at a time: each decision is made knowing those before. */
const DECIDING = "decide";

/** Has something decided, and notes it about the identity as records have it. */
async function decide(
  context: GatewayContext,
  action: string,
  deciding: (hub: Hub) => ReturnType<Hub["blockIdentity"]>,
): Promise<true> {
  const { sandbox, gateway } = context;
  const decision = valueOf(await sandbox.alone(DECIDING, () => deciding(sandbox.hub)));
  const person = identityKey("identity" in decision ? decision.identity : decision.a);
  gateway.audit(context, { action, person });
  return true;
}

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
      "Two identities are two persons, those that no record has shown yet included: both get back what is theirs. Permission: Manage Identity Namespaces.",
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
      const message = `relink: expected never or observed, got ${describe(relink)}. Nothing was changed; leave it out for never.`;
      throw failure("BAD_USER_INPUT", message);
    }
    return decide(context, "identity.unlink", (hub) => hub.unlinkIdentities({ ...a }, { ...b }, relink));
  }

  @Mutation(() => Boolean, {
    description:
      "Takes an unlink back: what records say of the two counts again. NOT_FOUND when they are not unlinked. Permission: Manage Identity Namespaces.",
  })
  async relinkIdentities(
    @Arg("a", () => IdentityInput, { description: "One identity." }) a: IdentityInput,
    @Arg("b", () => IdentityInput, { description: "The other identity." }) b: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    return decide(context, "identity.relink", (hub) => hub.relinkIdentities({ ...a }, { ...b }));
  }

  @Mutation(() => Boolean, {
    description:
      "A bad value, whether a record has shown it yet or not: it links nothing, anywhere, and events that were its own are their next identity's. Permission: Manage Identity Namespaces.",
  })
  async blockIdentity(
    @Arg("identity", () => IdentityInput, { description: "The bad value." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    return decide(context, "identity.block", (hub) => hub.blockIdentity({ ...identity }));
  }

  @Mutation(() => Boolean, {
    description:
      "Takes a block back: the value links again. NOT_FOUND when it is not blocked. Permission: Manage Identity Namespaces.",
  })
  async unblockIdentity(
    @Arg("identity", () => IdentityInput, { description: "The blocked value." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    return decide(context, "identity.unblock", (hub) => hub.unblockIdentity({ ...identity }));
  }
}
