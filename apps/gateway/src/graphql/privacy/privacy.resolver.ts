import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import type { PrivacyJobs } from "../../privacy/privacy-jobs.ts";
import type { GatewayContext } from "../context.ts";
import { demand, valueOf } from "../failure.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { JsonObjectScalar } from "../scalars.ts";
import { privacyJobOf, PrivacyJobType, SubmittedPrivacyRequest } from "./privacy.type.ts";

@Resolver()
export class PrivacyResolver {
  @Query(() => [PrivacyJobType], {
    description: "Privacy jobs, newest first. Permission: View Privacy Requests.",
  })
  async privacyJobs(@Ctx() context: GatewayContext): Promise<PrivacyJobType[]> {
    demand(context, "view-privacy-jobs");
    return (await privacyOf(context).list()).map(privacyJobOf);
  }

  @Query(() => PrivacyJobType, {
    nullable: true,
    description: "One privacy job with the receipts of every system. Permission: View Privacy Requests.",
  })
  async privacyJob(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<PrivacyJobType | undefined> {
    demand(context, "view-privacy-jobs");
    const job = await privacyOf(context).get(id);
    return job === undefined ? undefined : privacyJobOf(job);
  }

  @Query(() => JsonObjectScalar, {
    nullable: true,
    description:
      "The one file of a complete access job: everything about the person, nothing merged; gone after 30 days. Permission: Manage Privacy Requests.",
  })
  async privacyResult(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<object | undefined> {
    demand(context, "manage-privacy-jobs");
    context.gateway.audit(context, { action: "privacy.result", subject: id });
    return privacyOf(context).result(id);
  }

  @Mutation(() => SubmittedPrivacyRequest, {
    description:
      "Takes a privacy request {companyContexts, users: [{key, action, userIDs}], include, expandIds, regulation} and works on it: access or deletion, with a receipt of each system. Permission: Manage Privacy Requests.",
  })
  async submitPrivacyRequest(
    @Arg("request", () => JsonObjectScalar, { description: "The request, as the privacy API takes it." })
    request: object,
    @Ctx() context: GatewayContext,
  ): Promise<SubmittedPrivacyRequest> {
    demand(context, "manage-privacy-jobs");
    const privacy = privacyOf(context);
    const { jobs, issues } = valueOf(await privacy.submit(request));
    const worked: PrivacyJobType[] = [];
    for (const { jobId, action } of jobs) {
      context.gateway.audit(context, { action: `privacy.${action}`, subject: jobId });
      worked.push(privacyJobOf(valueOf(await privacy.run(jobId))));
    }
    return { jobs: worked, issues: issues.map(({ message }) => message) };
  }

  @Mutation(() => JobType, {
    description:
      "Takes a privacy request as submitPrivacyRequest does, and works on it in a job: its progress counts actions of persons, its result lists the privacy jobs. Cancelled, it goes on at the next start. Permission: Manage Privacy Requests.",
  })
  startPrivacyRequest(
    @Arg("request", () => JsonObjectScalar, { description: "The request, as the privacy API takes it." })
    request: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-privacy-jobs");
    const { gateway, sandbox } = context;
    const privacy = privacyOf(context);
    const job = gateway.jobs.start(sandbox.name, `privacy ${gateway.newId()}`, async (progress) => {
      const { jobs } = valueOf(await privacy.submit(request));
      for (const [index, { jobId, action }] of jobs.entries()) {
        progress(index, jobs.length);
        gateway.audit(context, { action: `privacy.${action}`, subject: jobId });
        valueOf(await privacy.run(jobId));
      }
      progress(jobs.length, jobs.length);
      return jobs.map(({ jobId }) => ({ id: jobId }));
    });
    return jobOf(job);
  }

  @Mutation(() => PrivacyJobType, {
    description: "Opens the failed steps of a job again. Permission: Manage Privacy Requests.",
  })
  async retryPrivacyJob(
    @Arg("id", () => ID, { description: "The job." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<PrivacyJobType> {
    demand(context, "manage-privacy-jobs");
    context.gateway.audit(context, { action: "privacy.retry", subject: id });
    return privacyJobOf(valueOf(await privacyOf(context).retry(id)));
  }
}

function privacyOf({ gateway, sandbox }: GatewayContext): PrivacyJobs {
  return gateway.privacy(sandbox.name);
}
