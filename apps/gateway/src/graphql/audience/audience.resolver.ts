import { checkAudience, expressionText, parseExpression } from "@tessera/hub";
import { identityKey } from "@tessera/xdm";
import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { DateTime } from "../scalars.ts";
import { audienceInputOf, audienceOf, checkOf, explanationOf, issueOf } from "./audience.mapper.ts";
import {
  Audience,
  AudienceCheck,
  CreateAudienceInput,
  ExpressionInput,
  MembershipExplanation,
} from "./audience.type.ts";

const INELIGIBLE = { eligible: false, reasons: ["The query is not valid."] };

@Resolver()
export class AudienceResolver {
  @Query(() => [Audience], { description: "All audiences of the sandbox. Permission: View Segments." })
  async audiences(@Ctx() context: GatewayContext): Promise<Audience[]> {
    demand(context, "view-segments");
    return (await context.sandbox.hub.audiences()).map(audienceOf);
  }

  @Query(() => Audience, {
    nullable: true,
    description: "One audience; null when there is none of this id. Permission: View Segments.",
  })
  async audience(
    @Arg("id", () => ID, { description: "The audience." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<Audience | undefined> {
    demand(context, "view-segments");
    const view = await context.sandbox.hub.audience(id);
    return view === undefined ? undefined : audienceOf(view);
  }

  @Query(() => AudienceCheck, {
    description:
      "Checks a query before it is saved: all that is wrong, and how it may be evaluated. Permission: View Segments.",
  })
  checkAudience(
    @Arg("expression", () => ExpressionInput, { description: "The query." }) expression: ExpressionInput,
    @Ctx() context: GatewayContext,
  ): AudienceCheck {
    demand(context, "view-segments");
    const parsed = parseExpression({ ...expression });
    const text = parsed.ok ? expressionText(parsed.value) : parsed;
    if (text.ok) return checkOf(checkAudience(text.value, context.sandbox.hub.configuration()));
    const eligibility = { batch: INELIGIBLE, streaming: INELIGIBLE, edge: INELIGIBLE };
    return { valid: false, issues: text.error.map(issueOf), eligibility };
  }

  @Query(() => MembershipExplanation, {
    description: "Why a person is, or is not, in a published audience. Permission: View Profiles.",
  })
  async explainMembership(
    @Arg("audienceId", () => ID, { description: "The audience." }) audienceId: string,
    @Arg("identity", () => IdentityInput, { description: "Any identity of the person." })
    identity: IdentityInput,
    @Arg("asOf", () => DateTime, { nullable: true, description: "A past moment; now without it." })
    asOf: Date | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<MembershipExplanation> {
    demand(context, "view-profiles");
    const { sandbox, principal } = context;
    const explained = valueOf(await sandbox.hub.explainMembership(audienceId, identity, asOf?.toISOString()));
    context.gateway.audit(context, { action: "membership.explain", person: identityKey(identity) });
    return explanationOf(explained, sandbox.labels.hiddenFrom(principal).length === 0);
  }

  @Mutation(() => Audience, {
    description:
      "Makes an audience, published unless it says draft. Whatever is wrong comes as one error with extensions.issues. Permission: Manage Segments.",
  })
  async createAudience(
    @Arg("input", () => CreateAudienceInput, { description: "What it is to be." }) input: CreateAudienceInput,
    @Ctx() context: GatewayContext,
  ): Promise<Audience> {
    demand(context, "manage-segments");
    const made = valueOf(await context.sandbox.hub.createAudience(valueOf(audienceInputOf(input))));
    context.gateway.audit(context, { action: "audience.create", subject: made.id });
    return audienceOf(made);
  }

  @Mutation(() => Audience, {
    description: "Edits an audience; its version grows. Permission: Manage Segments.",
  })
  async updateAudience(
    @Arg("id", () => ID, { description: "The audience." }) id: string,
    @Arg("input", () => CreateAudienceInput, { description: "What it is to be." }) input: CreateAudienceInput,
    @Ctx() context: GatewayContext,
  ): Promise<Audience> {
    demand(context, "manage-segments");
    const made = valueOf(await context.sandbox.hub.updateAudience(id, valueOf(audienceInputOf(input))));
    context.gateway.audit(context, { action: "audience.update", subject: id });
    return audienceOf(made);
  }

  @Mutation(() => Audience, {
    description:
      "Moves an audience between draft, published, inactive and deleted. Permission: Manage Segments.",
  })
  async setAudienceStatus(
    @Arg("id", () => ID, { description: "The audience." }) id: string,
    @Arg("status", () => String, { description: "published, inactive or deleted." }) status: string,
    @Ctx() context: GatewayContext,
  ): Promise<Audience> {
    demand(context, "manage-segments");
    if (status !== "published" && status !== "inactive" && status !== "deleted") {
      throw failure("BAD_USER_INPUT", "status: expected published, inactive or deleted.");
    }
    const changed = valueOf(await context.sandbox.hub.setAudienceStatus(id, status));
    context.gateway.audit(context, { action: `audience.${status}`, subject: id });
    return audienceOf(changed);
  }

  @Mutation(() => [Audience], {
    description:
      "Evaluates audiences for every person and answers when it is done; all published ones without ids. Permission: Evaluate a Segment to an Audience.",
  })
  async evaluateAudiences(
    @Arg("ids", () => [ID], { nullable: true, description: "Published audiences; all without it." }) ids:
      | string[]
      | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<Audience[]> {
    demand(context, "evaluate-segment");
    const { gateway, sandbox } = context;
    const evaluated = valueOf(await sandbox.hub.evaluateAudiences(ids ?? undefined));
    await gateway.delivery(sandbox.name).exports.afterEvaluation(evaluated.map(({ id }) => id));
    return evaluated.map(audienceOf);
  }
}
