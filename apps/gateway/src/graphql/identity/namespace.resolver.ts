import type { Namespace } from "@tessera/identity-graph";
import { Arg, Ctx, Field, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";

@ObjectType("IdentityNamespace", { description: "A namespace of identities." })
class IdentityNamespaceType {
  @Field(() => String, { description: "Its symbol, as in identity maps." })
  readonly code!: string;

  @Field(() => String, { description: "Its name." })
  readonly name!: string;

  @Field(() => String, { description: "Identity type, such as CROSS_DEVICE or COOKIE." })
  readonly type!: string;

  @Field(() => Boolean, { description: "Whether sandboxes define it themselves." })
  readonly custom!: boolean;

  @Field(() => String, { nullable: true, description: "The form that its values must have, in words." })
  readonly expected!: string | undefined;
}

@Resolver()
export class NamespaceResolver {
  @Query(() => [IdentityNamespaceType], {
    description: "The namespaces that records may use. Permission: View Identity Namespaces.",
  })
  identityNamespaces(@Ctx() context: GatewayContext): IdentityNamespaceType[] {
    demand(context, "view-identity-namespaces");
    return context.sandbox.hub.identityNamespaces().map(namespaceOf);
  }

  @Query(() => JsonObjectScalar, {
    description:
      "The sandbox's own namespaces and its block list, as they were set last. Permission: View Identity Namespaces.",
  })
  async identityNamespaceSettings(@Ctx() context: GatewayContext): Promise<object> {
    demand(context, "view-identity-namespaces");
    return context.sandbox.hub.namespaceSettings();
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Sets the sandbox's own namespaces and the values that records to come may not have as an identity, in place of what was set before. Namespaces are never deleted and keep their type. A value that is already in graphs is taken out by blockIdentity. Permission: Manage Identity Namespaces.",
  })
  async setIdentityNamespaces(
    @Arg("settings", () => JsonObjectScalar, {
      description:
        "{namespaces: [{code, type, name}], unknown: cookie or refuse, blocked: [{namespace, values, patterns}]}",
    })
    settings: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-identity-namespaces");
    const set = valueOf(await context.sandbox.hub.setIdentityNamespaces(settings));
    context.gateway.audit(context, { action: "identityNamespaces.set", subject: "current" });
    return set;
  }
}

function namespaceOf({ code, name, type, custom, expected }: Namespace): IdentityNamespaceType {
  return { code, name, type, custom, expected };
}
