import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";

const RULES = ["wide", "documented"] as const;

@Resolver()
export class EligibilityResolver {
  @Query(() => String, {
    description:
      "The rule that says how queries of this sandbox may be evaluated: wide (any window and any sequence in streaming and on the edge) or documented (the platform's published rules). Permission: View Segments.",
  })
  eligibilityRule(@Ctx() context: GatewayContext): string {
    demand(context, "view-segments");
    return context.sandbox.hub.configuration().eligibility;
  }

  @Mutation(() => String, {
    description:
      "Chooses the rule that says how queries of this sandbox may be evaluated; audiences that are there stay as they are until they are edited. Permission: Manage Guardrails.",
  })
  async setEligibilityRule(
    @Arg("rule", () => String, { description: "wide or documented." }) rule: string,
    @Ctx() context: GatewayContext,
  ): Promise<string> {
    demand(context, "manage-guardrails");
    const found = RULES.find((known) => known === rule);
    if (found === undefined) throw failure("BAD_USER_INPUT", `rule: expected ${RULES.join(" or ")}.`);
    valueOf(await context.sandbox.hub.setEligibility(found));
    context.gateway.audit(context, { action: "eligibility.set", subject: found });
    return found;
  }
}
