import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { changeLinkingRules } from "../../rebuild.ts";
import { demand, demandRole, valueOf } from "../failure.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { linkExplanationOf } from "./identity.mapper.ts";
import { IdentityInput, LinkExplanationType } from "./identity.type.ts";

@Resolver()
export class LinkingResolver {
  @Query(() => JsonObjectScalar, {
    description:
      "The linking rules in force, as they were set; namespaces that they leave out rank below those named of their type. Permission: View Identity Namespaces.",
  })
  linkingRules(@Ctx() context: GatewayContext): object {
    demand(context, "view-identity-namespaces");
    return context.sandbox.hub.configuration().ruleSettings;
  }

  @Query(() => LinkExplanationType, {
    description: "Why two identities are, or are not, one person. Permission: View Identity Graph.",
  })
  async explainLink(
    @Arg("a", () => IdentityInput, { description: "One identity." }) a: IdentityInput,
    @Arg("b", () => IdentityInput, { description: "The other identity." }) b: IdentityInput,
    @Ctx() context: GatewayContext,
  ): Promise<LinkExplanationType> {
    demand(context, "view-identity-graph");
    return linkExplanationOf(await context.sandbox.hub.explainLink({ ...a }, { ...b }));
  }

  @Mutation(() => JobType, {
    description:
      "Puts linking rules in force and derives all persons anew under them, in a job that goes on to its end. Permission: Manage Identity Namespaces.",
  })
  setLinkingRules(
    @Arg("rules", () => JsonObjectScalar, {
      description:
        "{namespaces: [{namespace, type, unique, priority, maxValues, newValues: {count, withinDays}}], cap}",
    })
    rules: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-identity-namespaces");
    demandRole(context, "derive");
    const { gateway, sandbox } = context;
    valueOf(sandbox.hub.checkLinkingRules(rules));
    const job = gateway.jobs.start(sandbox.name, "setLinkingRules", async (progress) =>
      valueOf(await changeLinkingRules(sandbox, rules, progress)),
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
      description:
        "{namespaces: [{namespace, type, unique, priority, maxValues, newValues: {count, withinDays}}], cap}",
    })
    rules: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-identity-namespaces");
    const { gateway, sandbox } = context;
    valueOf(sandbox.hub.checkLinkingRules(rules));
    const kind = { kind: "rehearseLinkingRules", namesPersons: true } as const;
    const job = gateway.jobs.start(sandbox.name, kind, async (progress) =>
      valueOf(await sandbox.hub.rehearseLinkingRules(rules, { onProgress: progress })),
    );
    gateway.audit(context, { action: "linkingRules.rehearse", subject: job.id });
    return jobOf(job);
  }
}
