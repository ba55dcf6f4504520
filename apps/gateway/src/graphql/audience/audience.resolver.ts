import { checkAudience, expressionText, parseExpression } from "@tessera/hub";
import { digest, identityKey } from "@tessera/xdm";
import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from "type-graphql";
import { startSwitch } from "../../schedules/switch-job.ts";
import type { GatewayContext } from "../context.ts";
import { checkAudienceUse } from "../destination/check-target.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { externalAudiences } from "../../external-audience.ts";
import { demandFieldsOf } from "../hidden-fields.ts";
import { IdentityInput } from "../identity/identity.type.ts";
import { jobOf, JobType, runningJob } from "../job/job.type.ts";
import { DateTime } from "../scalars.ts";
import {
  audienceInputOf,
  audienceOf,
  checkOf,
  explanationOf,
  issueOf,
  versionOf,
} from "./audience.mapper.ts";
import {
  Audience,
  AudienceCheck,
  AudienceEstimate,
  AudienceVersionType,
  CreateAudienceInput,
  ExpressionInput,
  ExternalAudienceType,
  MembershipExplanation,
} from "./audience.type.ts";

/** Persons that one estimate looks at. */
const SAMPLE_MAX = 50_000;
const INELIGIBLE = { eligible: false, reasons: ["The query is not valid."] };

@Resolver(() => Audience)
export class AudienceResolver {
  @FieldResolver(() => JobType, {
    nullable: true,
    description:
      "The job of this process that is at work on who is in it, if one is: an evaluation of it by name, or members who leave it after it was withdrawn.",
  })
  job(@Root() { id }: Audience, @Ctx() context: GatewayContext): JobType | undefined {
    const job = runningJob(context, id);
    return job && jobOf(job);
  }

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

  @Query(() => [AudienceVersionType], {
    description: "The versions of an audience, the newest first. Permission: View Segments.",
  })
  async audienceVersions(
    @Arg("id", () => ID, { description: "The audience." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<AudienceVersionType[]> {
    demand(context, "view-segments");
    const { hub } = context.sandbox;
    const inForce = (await hub.audience(id))?.version;
    return (await hub.audienceVersions(id)).map((kept) => versionOf(kept, inForce));
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

  @Query(() => AudienceEstimate, {
    description:
      "How many persons a query would have before it is saved, of everyone or by an even sample. Permission: View Segments, and all labels on the fields asked for.",
  })
  async estimateAudience(
    @Arg("expression", () => ExpressionInput, { description: "The query." }) expression: ExpressionInput,
    @Arg("sample", () => Int, {
      nullable: true,
      description:
        "Persons that are looked at, 1 to 50,000; with as many as there are the count is exact. Without it everyone is counted where the store keeps a columnar projection that can tell (SQLite does), else 2,000 persons are looked at.",
    })
    sample: number | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<AudienceEstimate> {
    demand(context, "view-segments");
    if (sample !== undefined && (sample < 1 || sample > SAMPLE_MAX))
      throw failure("BAD_USER_INPUT", `sample: expected 1 to ${SAMPLE_MAX}.`);
    const parsed = valueOf(parseExpression({ ...expression }));
    demandFieldsOf(context, parsed);
    return valueOf(await context.sandbox.hub.estimateAudience(parsed, sample ?? undefined));
  }

  @Query(() => [ExternalAudienceType], {
    description:
      "Audiences whose members come in files (POST /collect/audience); a member stays for 30 days after the last file. Permission: View Segments.",
  })
  async externalAudiences(@Ctx() context: GatewayContext): Promise<ExternalAudienceType[]> {
    demand(context, "view-segments");
    const external = new Map((await externalAudiences(context.sandbox.store)).map((one) => [one.id, one]));
    return (await context.sandbox.hub.audiences()).flatMap((view) => {
      const known = external.get(view.id);
      return known === undefined ? [] : [{ audience: audienceOf(view), datasetId: known.datasetId }];
    });
  }

  @Mutation(() => JobType, {
    description:
      "Counts the persons a query would have, everyone looked at, in a job whose result is the estimate. Permission: View Segments, and all labels on the fields asked for.",
  })
  startEstimate(
    @Arg("expression", () => ExpressionInput, { description: "The query." }) expression: ExpressionInput,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "view-segments");
    const { sandbox, gateway } = context;
    const parsed = valueOf(parseExpression({ ...expression }));
    demandFieldsOf(context, parsed);
    const kind = `estimate ${digest(JSON.stringify(parsed)).slice(0, 16)}`;
    const job = gateway.jobs.start(sandbox.name, kind, async (progress) =>
      valueOf(await sandbox.hub.estimateAudience(parsed, Infinity, progress)),
    );
    gateway.audit(context, { action: "job.start", subject: job.id });
    return jobOf(job);
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
    const wanted = valueOf(audienceInputOf(input));
    demandFieldsOf(context, wanted.expression);
    const made = valueOf(await context.sandbox.hub.createAudience(wanted));
    context.gateway.audit(context, { action: "audience.create", subject: made.id });
    return audienceOf(made);
  }

  @Mutation(() => Audience, {
    description:
      "Edits an audience; its version grows. What changes who is in a published one is worked out in a job beside the version in force, and takes its place whole. Permission: Manage Segments.",
  })
  async updateAudience(
    @Arg("id", () => ID, { description: "The audience." }) id: string,
    @Arg("input", () => CreateAudienceInput, { description: "What it is to be." }) input: CreateAudienceInput,
    @Ctx() context: GatewayContext,
  ): Promise<Audience> {
    demand(context, "manage-segments");
    const { gateway, sandbox } = context;
    const wanted = valueOf(audienceInputOf(input));
    demandFieldsOf(context, wanted.expression);
    const made = valueOf(await sandbox.hub.updateAudience(id, wanted));
    gateway.audit(context, { action: "audience.update", subject: id });
    if (made.next !== undefined && gateway.config.roles.includes("batch")) startSwitch(gateway.jobs, sandbox);
    return audienceOf(made);
  }

  @Mutation(() => Audience, {
    description:
      "Moves an audience between draft, published, inactive and deleted; one that a live activity of Target uses is not withdrawn. Of one that is withdrawn all members leave: what takes longer than a few seconds of that goes on as the audience's job; cancelled, those who are left leave with their next event or evaluation. Permission: Manage Segments.",
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
    const inUse = status === "published" ? [] : await checkAudienceUse(id, context.sandbox);
    if (inUse.length > 0) valueOf({ ok: false, error: inUse });
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
