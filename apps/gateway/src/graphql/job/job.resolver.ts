import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import { rebuildSandbox } from "../../rebuild.ts";
import type { GatewayContext } from "../context.ts";
import { demand, demandRole, failure } from "../failure.ts";
import { jobOf, JobType } from "./job.type.ts";

@Resolver()
export class JobResolver {
  @Query(() => [JobType], {
    description: "The jobs of the sandbox, newest first. Permission: View Segments.",
  })
  jobs(@Ctx() context: GatewayContext): JobType[] {
    demand(context, "view-segments");
    return context.gateway.jobs.list(context.sandbox.name).map(jobOf);
  }

  @Query(() => JobType, {
    nullable: true,
    description: "One job; null when it is not known. Permission: View Segments.",
  })
  job(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): JobType | undefined {
    demand(context, "view-segments");
    const job = context.gateway.jobs.get(id);
    return job?.sandbox === context.sandbox.name ? jobOf(job) : undefined;
  }

  @Mutation(() => JobType, {
    description:
      "Evaluates audiences in a job; all published ones without ids. Permission: Evaluate a Segment to an Audience.",
  })
  startEvaluation(
    @Arg("ids", () => [ID], { nullable: true, description: "Published audiences; all without it." }) ids:
      | string[]
      | undefined,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "evaluate-segment");
    const { sandbox, gateway } = context;
    const job = gateway.evaluations(sandbox.name).start(ids ?? undefined);
    gateway.audit(context, { action: "job.start", subject: job.id });
    return jobOf(job);
  }

  @Mutation(() => JobType, {
    description:
      "Drops everything derived (persons, memberships) and derives it anew from events, records and links, in a job that goes on to its end; nothing may be taken in meanwhile. Permission: Manage Profiles.",
  })
  startRebuild(@Ctx() context: GatewayContext): JobType {
    demand(context, "manage-profiles");
    demandRole(context, "derive");
    const { sandbox, gateway } = context;
    const job = gateway.jobs.start(sandbox.name, "rebuild", async (progress) => {
      await rebuildSandbox(sandbox, progress);
      return sandbox.hub.totals();
    });
    gateway.audit(context, { action: "job.start", subject: job.id });
    return jobOf(job);
  }

  @Mutation(() => JobType, {
    description: "Stops a job at its next step. Permission: Evaluate a Segment to an Audience.",
  })
  cancelJob(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "evaluate-segment");
    const { gateway, sandbox } = context;
    const job = gateway.jobs.get(id)?.sandbox === sandbox.name ? gateway.jobs.cancel(id) : undefined;
    if (job === undefined) throw failure("NOT_FOUND", "No such job in this sandbox.");
    gateway.audit(context, { action: "job.cancel", subject: id });
    return jobOf(job);
  }
}
