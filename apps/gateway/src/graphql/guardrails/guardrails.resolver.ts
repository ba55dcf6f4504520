import { LATENCY_EXPECTATIONS } from "@tessera/guardrails";
import { Arg, Ctx, Mutation, Query, Resolver } from "type-graphql";
import type { LatencyWindow } from "../../observe/latency-window.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";
import {
  LatencyType,
  latencyTypeOf,
  limitCheckOf,
  LimitCheckType,
  LimitUse,
  limitUseOf,
} from "./guardrails.type.ts";

const EVALUATIONS = ["batch", "streaming", "edge"] as const;
const PROFILES = ["adobe", "tessera"] as const;

@Resolver()
export class GuardrailsResolver {
  @Query(() => [LimitUse], {
    description:
      "All limits with current use, trend and the date of reaching them; only those that were measured unless all is true. Permission: View Guardrails.",
  })
  async guardrails(
    @Arg("all", () => Boolean, { defaultValue: false, description: "Also limits that nothing is known of." })
    all: boolean,
    @Ctx() context: GatewayContext,
  ): Promise<LimitUse[]> {
    demand(context, "view-guardrails");
    const rows = await context.sandbox.hub.limitsReport();
    return rows.filter(({ kind }) => all || kind !== "unmeasured").map(limitUseOf);
  }

  @Query(() => [LimitCheckType], {
    description:
      "Every limit that one more published audience of an evaluation (batch, streaming, edge) would touch. Permission: View Guardrails.",
  })
  preflightAudience(
    @Arg("evaluation", () => String, { description: "batch, streaming or edge." }) evaluation: string,
    @Ctx() context: GatewayContext,
  ): LimitCheckType[] {
    demand(context, "view-guardrails");
    const found = EVALUATIONS.find((known) => known === evaluation);
    if (found === undefined)
      throw failure("BAD_USER_INPUT", `evaluation: expected ${EVALUATIONS.join(", ")}.`);
    return context.sandbox.hub.preflightAudience(found).map(limitCheckOf);
  }

  @Query(() => [LatencyType], {
    description:
      "Published latencies of each evaluation and destination beside what this gateway measured. Permission: View Guardrails.",
  })
  latencies(@Ctx() context: GatewayContext): LatencyType[] {
    demand(context, "view-guardrails");
    const { evaluating, delivering } = context.gateway.metrics;
    const secondsOf = (window: LatencyWindow | undefined): readonly number[] => window?.seconds() ?? [];
    return LATENCY_EXPECTATIONS.map((expected) =>
      latencyTypeOf(expected, {
        evaluating: secondsOf(new Map(Object.entries(evaluating)).get(expected.evaluation)),
        delivering: secondsOf(new Map(Object.entries(delivering)).get(expected.destination)),
      }),
    );
  }

  @Mutation(() => [LimitUse], {
    description:
      "Takes a profile of limits (adobe: as documented; tessera: what this engine holds) with other values for some. Permission: Manage Guardrails.",
  })
  async setLimits(
    @Arg("profile", () => String, { description: "adobe (the documented values) or tessera." })
    profile: string,
    @Arg("overrides", () => JsonObjectScalar, {
      nullable: true,
      description: "Other values, by id of the limit.",
    })
    overrides: object | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<LimitUse[]> {
    demand(context, "manage-guardrails");
    const found = PROFILES.find((known) => known === profile);
    if (found === undefined) throw failure("BAD_USER_INPUT", `profile: expected ${PROFILES.join(" or ")}.`);
    valueOf(await context.sandbox.hub.setLimits(found, overrides ?? {}));
    context.gateway.audit(context, { action: "limits.set", subject: found });
    return (await context.sandbox.hub.limitsReport()).map(limitUseOf);
  }
}
