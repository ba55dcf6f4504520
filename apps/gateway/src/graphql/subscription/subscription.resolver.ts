import type { MembershipChange } from "@tessera/xdm";
import { Arg, Ctx, Field, ID, ObjectType, Resolver, Root, Subscription } from "type-graphql";
import { followMemberships } from "../../workers/follow-memberships.ts";
import type { Job } from "../../jobs.ts";
import type { GatewayContext } from "../context.ts";
import { demand } from "../failure.ts";
import { demandJobs, maySee } from "../job/job-permissions.ts";
import { jobFor, JobType } from "../job/job.type.ts";
import { DateTime } from "../scalars.ts";
import { changesOf } from "./changes.ts";

@ObjectType("MembershipChange", { description: "One audience's state changing for one person." })
class MembershipChangeType {
  @Field(() => String, { description: "Id of the person." })
  readonly personId!: string;

  @Field(() => String, { description: "Id of the audience." })
  readonly audienceId!: string;

  @Field(() => String, { description: "none, realized, existing or exited." })
  readonly from!: string;

  @Field(() => String, { description: "none, realized, existing or exited." })
  readonly to!: string;

  @Field(() => DateTime, { description: "When it changed." })
  readonly at!: string;
}

interface Request {
  readonly context: GatewayContext;
  readonly args: { readonly audienceIds?: readonly string[] | null; readonly id?: string | null };
}

@Resolver()
export class SubscriptionResolver {
  @Subscription(() => MembershipChangeType, {
    description:
      "Every membership change of the sandbox after its commit; of other processes that share the store within two seconds; only of some audiences with audienceIds. Permission: View Profiles.",
    subscribe: ({ context, args }: Request) => membershipChanges(context, args.audienceIds),
  })
  membershipChanged(
    @Root() change: MembershipChange,
    @Arg("audienceIds", () => [ID], { nullable: true, description: "Only these audiences; all without it." })
    _audienceIds: string[] | undefined,
  ): MembershipChangeType {
    return change;
  }

  @Subscription(() => JobType, {
    description:
      "The progress of one job, or of all jobs of the sandbox without id; of jobs of other processes once a second. Permission: View Segments, or for jobs of their own kind the one that starts them.",
    subscribe: ({ context, args }: Request) => jobChanges(context, args.id),
  })
  jobChanged(
    @Root() job: Job,
    @Arg("id", () => ID, { nullable: true, description: "The job; all of the sandbox without it." }) _id:
      | string
      | undefined,
    @Ctx() context: GatewayContext,
  ): JobType {
    return jobFor(context, job);
  }
}

function membershipChanges(
  context: GatewayContext,
  audienceIds: readonly string[] | null | undefined,
): AsyncIterable<MembershipChange> {
  demand(context, "view-profiles");
  const wanted = audienceIds ? new Set(audienceIds) : undefined;
  return changesOf<MembershipChange>(
    (listener) =>
      followMemberships(
        context.sandbox,
        (change) => {
          if (wanted?.has(change.audienceId) ?? true) listener(change);
        },
        (error) => context.gateway.log.error({ err: error }, "following memberships failed"),
      ),
    context.signal,
  );
}

function jobChanges(context: GatewayContext, id: string | null | undefined): AsyncIterable<Job> {
  demandJobs(context);
  const { gateway, sandbox } = context;
  return changesOf<Job>(
    (listener) =>
      gateway.jobRecords(sandbox.name).follow((job) => {
        if ((!id || job.id === id) && maySee(context, job)) listener(job);
      }),
    context.signal,
  );
}
