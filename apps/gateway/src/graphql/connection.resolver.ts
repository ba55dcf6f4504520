import { Args, ArgsType, Ctx, Field, ID, Int, Query, Resolver } from "type-graphql";
import { audienceOf } from "./audience/audience.mapper.ts";
import { Audience } from "./audience/audience.type.ts";
import { connectionType } from "./connection.type.ts";
import type { GatewayContext } from "./context.ts";
import {
  DeadLetterFilter,
  deadLetterOf,
  deadLetterQuery,
  DeadLetterType,
} from "./destination/dead-letter.resolver.ts";
import { destinationOf } from "./destination/destination.mapper.ts";
import { Destination } from "./destination/destination.type.ts";
import { demand } from "./failure.ts";
import { jobOf, JobType } from "./job/job.type.ts";
import { type Page, pageOf } from "./page.ts";

const AudienceConnection = connectionType(Audience, "Audience");
const DestinationConnection = connectionType(Destination, "Destination");
const JobConnection = connectionType(JobType, "Job");
const DeadLetterConnection = connectionType(DeadLetterType, "DeadLetter");

/** Dead letters of one destination that are looked through. */
const LETTERS_MAX = 100_000;

/** A page of a list. */
@ArgsType()
class PageArgs {
  @Field(() => Int, { defaultValue: 50, description: "How many on this page, 1 to 1,000." })
  readonly first!: number;

  @Field(() => String, { nullable: true, description: "Cursor to go on behind." })
  readonly after?: string;
}

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
    const all = (await context.sandbox.hub.audiences())
      .filter(
        (audience) =>
          (!statuses || statuses.includes(audience.status)) &&
          (!wanted || audience.name.toLowerCase().includes(wanted)),
      )
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    return pageOf(all.map(audienceOf), ({ id }) => id, page);
  }

  @Query(() => DestinationConnection, {
    description: "Destinations page by page, in order of their making. Permission: View Destinations.",
  })
  destinationConnection(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: GatewayContext,
  ): Page<Destination> {
    demand(context, "view-destinations");
    const all = [...context.sandbox.hub.destinations().values()]
      .sort((a, b) => a.stored.createdAt - b.stored.createdAt || (a.stored.id < b.stored.id ? -1 : 1))
      .map(destinationOf);
    return pageOf(all, ({ id }) => id, page);
  }

  @Query(() => JobConnection, { description: "Jobs page by page, newest first. Permission: View Segments." })
  jobConnection(@Args(() => PageArgs) page: PageArgs, @Ctx() context: GatewayContext): Page<JobType> {
    demand(context, "view-segments");
    return pageOf(context.gateway.jobs.list(context.sandbox.name).map(jobOf), ({ id }) => id, page);
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
    return pageOf(letters.map(deadLetterOf), ({ id }) => id, page);
  }
}
