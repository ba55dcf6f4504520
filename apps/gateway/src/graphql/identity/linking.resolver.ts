import { identityKey } from "@tessera/xdm";
import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { Json, JsonObjectScalar } from "../scalars.ts";
import { IdentityInput } from "./identity.type.ts";

@Resolver()
export class LinkingResolver {
  @Query(() => JsonObjectScalar, {
    description: "The linking rules in force. Permission: View Identity Namespaces.",
  })
  linkingRules(@Ctx() context: GatewayContext): object {
    demand(context, "view-identity-namespaces");
    return context.sandbox.hub.configuration().rules;
  }

  @Query(() => Json, {
    description: "Why two identities are, or are not, one person. Permission: View Identity Graph.",
  })
  async explainLink(
    @Arg("a", () => IdentityInput, { description: "One identity." }) a: IdentityInput,
    @Arg("b", () => IdentityInput, { description: "The other identity." }) b: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "view-identity-graph");
    return context.sandbox.hub.explainLink({ ...a }, { ...b });
  }

  @Mutation(() => JobType, {
    description:
      "Puts linking rules in force and derives all persons anew under them, in a job. Permission: Manage Identity Namespaces.",
  })
  setLinkingRules(
    @Arg("rules", () => JsonObjectScalar, {
      description: "{namespaces: [{namespace, type, unique, priority}], cap}",
    })
    rules: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-identity-namespaces");
    const { gateway, sandbox } = context;
    const job = gateway.jobs.start(sandbox.name, "setLinkingRules", async (progress) =>
      valueOf(await sandbox.hub.setLinkingRules(rules, progress)),
    );
    gateway.audit(context, { action: "linkingRules.set", subject: job.id });
    return jobOf(job);
  }

  @Mutation(() => JobType, {
    description:
      "Tries linking rules on the stored history, in a job, and changes nothing: how many persons would join, split or lose identities, the worst clusters, a sample, and the memberships that would follow stand in the job's result. Permission: Manage Identity Namespaces.",
  })
  rehearseLinkingRules(
    @Arg("rules", () => JsonObjectScalar, {
      description: "{namespaces: [{namespace, type, unique, priority}], cap}",
    })
    rules: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-identity-namespaces");
    const { gateway, sandbox } = context;
    const job = gateway.jobs.start(sandbox.name, "rehearseLinkingRules", async (progress) =>
      valueOf(await sandbox.hub.rehearseLinkingRules(rules, { onProgress: progress })),
    );
    gateway.audit(context, { action: "linkingRules.rehearse", subject: job.id });
    return jobOf(job);
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
    description: "A bad value: it links nothing any more, anywhere. Permission: Manage Identity Namespaces.",
  })
  async blockIdentity(
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-identity-namespaces");
    valueOf(await context.sandbox.hub.blockIdentity({ ...identity }));
    context.gateway.audit(context, { action: "identity.block", person: identityKey(identity) });
    return true;
  }
}
