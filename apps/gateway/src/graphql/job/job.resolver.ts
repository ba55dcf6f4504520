import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import type { JobRecords } from "../../job-records.ts";
import { rebuildSandbox } from "../../rebuild.ts";
import type { GatewayContext } from "../context.ts";
import { demand, demandRole, failure } from "../failure.ts";
import { demandCancel, demandJobs, maySee } from "./job-permissions.ts";
import { jobFor, jobOf, JobType } from "./job.type.ts";

@Resolver()
export class JobResolver {
  @Query(() => [JobType], {
    description:
      "The jobs of the sandbox, newest first, the last 1,000: of every process that shares the store, and of earlier ones with their end. Permission: View Segments, or for jobs of their own kind the one that starts them.",
  })
  async jobs(@Ctx() context: GatewayContext): Promise<JobType[]> {
    demandJobs(context);
    return (await recordsOf(context).list())
      .filter((job) => maySee(context, job))
      .map((job) => jobFor(context, job));
  }

  @Query(() => JobType, {
    nullable: true,
    description:
      "One job; null when it is not known. Permission: View Segments, or the one that starts jobs of its kind.",
  })
  async job(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<JobType | undefined> {
    demandJobs(context);
    const job = await recordsOf(context).get(id);
    return job !== undefined && maySee(context, job) ? jobFor(context, job) : undefined;
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
      "Drops everything derived (persons, memberships) and derives it anew from events, records and links, in a job that goes on to its end; nothing may be taken in meanwhile. Batch audiences are evaluated again at its end, and destinations told anew of their members. Permission: Manage Profiles.",
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
    description:
      "Stops a job at its next step, whichever process that shares the store is at it; gives it as it stands. Permission: Evaluate a Segment to an Audience, or the one that the job was started with.",
  })
  async cancelJob(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<JobType> {
    demandJobs(context);
    const { gateway } = context;
    const known = await recordsOf(context).get(id);
    if (known === undefined || !maySee(context, known))
      throw failure("NOT_FOUND", "No such job in this sandbox.");
    demandCancel(context, known);
    const job = (await recordsOf(context).cancel(id)) ?? known;
    gateway.audit(context, { action: "job.cancel", subject: id });
    return jobOf(job);
  }
}

function recordsOf({ gateway, sandbox }: GatewayContext): JobRecords {
  return gateway.jobRecords(sandbox.name);
}
