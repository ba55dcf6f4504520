import { identityKey } from "@tessera/xdm";
import { Arg, Ctx, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand } from "../failure.ts";
import { identityGraphOf } from "./identity.mapper.ts";
import { IdentityGraph, IdentityInput } from "./identity.type.ts";

@Resolver()
export class IdentityResolver {
  @Query(() => IdentityGraph, {
    nullable: true,
    description:
      "The identity graph around an identity; null when it is unknown. Permission: View Identity Graph.",
  })
  async identityGraph(
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<IdentityGraph | undefined> {
    demand(context, "view-identity-graph");
    context.gateway.audit(context, { action: "identityGraph.view", person: identityKey(identity) });
    const view = await context.sandbox.hub.identityGraph(identity);
    return view === undefined ? undefined : identityGraphOf(view);
  }
}
