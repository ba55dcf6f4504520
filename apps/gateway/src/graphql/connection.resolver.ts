import { Args, ArgsType, Ctx, Field, ID, Query, Resolver } from "type-graphql";
import { audienceOf } from "./audience/audience.mapper.ts";
import { Audience } from "./audience/audience.type.ts";
import { connectionType } from "./connection.type.ts";
import type { GatewayContext } from "./context.ts";
import { deadLetterOf, deadLetterQuery } from "./destination/dead-letter.resolver.ts";
import { DeadLetterFilter, DeadLetterType } from "./destination/dead-letter.type.ts";
import { dataflowOf, destinationOf } from "./destination/destination.mapper.ts";
import { DataflowType, Destination } from "./destination/destination.type.ts";
import { demand } from "./failure.ts";
import { demandJobs, maySee } from "./job/job-permissions.ts";
import { jobFor, JobType } from "./job/job.type.ts";
import { inOrder, type Order, type Page, pageOf, pageWith } from "./page.ts";
import { PageArgs } from "./page.type.ts";

const AudienceConnection = connectionType(Audience, "Audience");
const DestinationConnection = connectionType(Destination, "Destination");
const DataflowConnection = connectionType(DataflowType, "Dataflow");
const JobConnection = connectionType(JobType, "Job");
const DeadLetterConnection = connectionType(DeadLetterType, "DeadLetter");

/** Dead letters of one destination that are looked through. */
const LETTERS_MAX = 100_000;

type Live = Parameters<typeof destinationOf>[0];

interface FoundDataflow {
  readonly destinationId: string;
  readonly dataflow: Live["dataflows"][number];
}

const AUDIENCES: Order<Audience> = { list: "audiences", placeOf: ({ createdAt, id }) => [createdAt, id] };
const DESTINATIONS: Order<Live> = {
  list: "destinations",
  placeOf: ({ stored }) => [stored.createdAt, stored.id],
};
const DATAFLOWS: Order<FoundDataflow> = {
  list: "dataflows",
  placeOf: ({ destinationId, dataflow }) => [destinationId, dataflow.id],
};
const JOBS: Order<JobType> = {
  list: "jobs",
  placeOf: ({ startedAt, id }) => [startedAt, id],
  descending: true,
};
const LETTERS: Order<DeadLetterType> = { list: "deadLetters", placeOf: ({ at, id }) => [at, id] };

@ArgsType()
class AudiencePageArgs extends PageArgs {
  @Field(() => [String], {
    nullable: true,
    description: "Only of these statuses; all but deleted without it.",
  })
  readonly statuses?: readonly string[];

  @Field(() => String, { nullable: true, description: "Only those whose name contains this, in any case." })
  readonly name?: string;
}

@ArgsType()
class DestinationPageArgs extends PageArgs {
  @Field(() => String, { nullable: true, description: "Only of this kind, as in `destinationKinds`." })
  readonly type?: string;

  @Field(() => String, { nullable: true, description: "Only those whose name contains this, in any case." })
  readonly name?: string;
}

@ArgsType()
class DataflowPageArgs extends PageArgs {
  @Field(() => ID, { nullable: true, description: "Only of this destination." })
  readonly destinationId?: string;

  @Field(() => ID, { nullable: true, description: "Only those that this audience goes by." })
  readonly audienceId?: string;
}

@ArgsType()
class JobPageArgs extends PageArgs {
  @Field(() => [String], {
    nullable: true,
    description: "Only of these statuses: running, done, failed, cancelled; all without it.",
  })
  readonly statuses?: readonly string[];
}

@ArgsType()
class DeadLetterPageArgs extends PageArgs {
  @Field(() => ID, { description: "Of which destination." })
  readonly destinationId!: string;

  @Field(() => [String], { nullable: true, description: "Only with these codes." })
  readonly codes?: string[];

  @Field(() => ID, { nullable: true, description: "Only of this dataflow." })
  readonly dataflowId?: string;

  @Field(() => ID, { nullable: true, description: "Only about this person." })
  readonly personId?: string;

  @Field(() => DeadLetterFilter, {
    nullable: true,
    description: "The same as for replaying; codes and dataflow given beside it count instead of its own.",
  })
  readonly filter?: DeadLetterFilter;
}

@Resolver()
export class ConnectionResolver {
  @Query(() => AudienceConnection, {
    description: "Audiences page by page, in order of their making. Permission: View Segments.",
  })
  async audienceConnection(
    @Args(() => AudiencePageArgs) { statuses, name, ...page }: AudiencePageArgs,
    @Ctx() context: GatewayContext,
  ): Promise<Page<Audience>> {
    demand(context, "view-segments");
    const wanted = name?.toLowerCase();
    const all = (await context.sandbox.hub.audiences()).filter(
      (audience) =>
        (!statuses || statuses.includes(audience.status)) &&
        (!wanted || audience.name.toLowerCase().includes(wanted)),
    );
    return pageOf(inOrder(all.map(audienceOf), AUDIENCES), AUDIENCES, page);
  }

  @Query(() => DestinationConnection, {
    description: "Destinations page by page, in order of their making. Permission: View Destinations.",
  })
  destinationConnection(
    @Args(() => DestinationPageArgs) { type, name, ...page }: DestinationPageArgs,
    @Ctx() context: GatewayContext,
  ): Page<Destination> {
    demand(context, "view-destinations");
    const wanted = name?.toLowerCase();
    const all = [...context.sandbox.hub.destinations().values()].filter(
      ({ stored }) =>
        (!type || stored.type === type) && (!wanted || stored.name.toLowerCase().includes(wanted)),
    );
    return told(pageOf(inOrder(all, DESTINATIONS), DESTINATIONS, page), destinationOf);
  }

  @Query(() => DataflowConnection, {
    description:
      "Dataflows of all destinations, page by page, in order of destination and id. Permission: View Destinations.",
  })
  dataflowConnection(
    @Args(() => DataflowPageArgs) { destinationId, audienceId, ...page }: DataflowPageArgs,
    @Ctx() context: GatewayContext,
  ): Page<DataflowType> {
    demand(context, "view-destinations");
    const all = [...context.sandbox.hub.destinations().entries()].flatMap(([id, { dataflows }]) =>
      destinationId && destinationId !== id
        ? []
        : dataflows
            .filter(({ audiences }) => !audienceId || audiences.some((one) => one.id === audienceId))
            .map((dataflow) => ({ destinationId: id, dataflow })),
    );
    return told(pageOf(inOrder(all, DATAFLOWS), DATAFLOWS, page), ({ dataflow }) => dataflowOf(dataflow));
  }

  @Query(() => JobConnection, { description: "Jobs page by page, newest first. Permission: View Segments." })
  async jobConnection(
    @Args(() => JobPageArgs) { statuses, ...page }: JobPageArgs,
    @Ctx() context: GatewayContext,
  ): Promise<Page<JobType>> {
    demandJobs(context);
    const all = (await context.gateway.jobRecords(context.sandbox.name).list())
      .filter((job) => maySee(context, job) && (!statuses || statuses.includes(job.status)))
      .map((job) => jobFor(context, job));
    return pageOf(inOrder(all, JOBS), JOBS, page);
  }

  @Query(() => DeadLetterConnection, {
    description: "What a destination refused, page by page, oldest first. Permission: View Destinations.",
  })
  async deadLetters(
    @Args(() => DeadLetterPageArgs) args: DeadLetterPageArgs,
    @Ctx() context: GatewayContext,
  ): Promise<Page<DeadLetterType>> {
    demand(context, "view-destinations");
    const { destinationId, codes, dataflowId, personId, filter, ...page } = args;
    const letters = await context.gateway.delivery(context.sandbox.name).store.deadLetters({
      ...(await deadLetterQuery(context, destinationId, filter ?? {})),
      limit: LETTERS_MAX,
      ...(codes && { codes }),
      ...(dataflowId && { dataflowId }),
      ...(personId && { personIds: [personId] }),
    });
    return pageOf(inOrder(letters.map(deadLetterOf), LETTERS), LETTERS, page);
  }
}

/** A page with each item as the API tells it. */
function told<T, U>({ edges, pageInfo, totalCount }: Page<T>, tell: (item: T) => U): Page<U> {
  const mapped = edges.map(({ cursor, node }) => ({ cursor, node: tell(node) }));
  return { ...pageWith(mapped, pageInfo), totalCount };
}
