import type { SearchIndex } from "@tessera/hub";
import { formatInstant } from "@tessera/xdm";
import { Arg, Ctx, Field, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { demandFields } from "../hidden-fields.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { DateTime } from "../scalars.ts";

@ObjectType("SearchIndex", {
  description: "An attribute by which searchProfiles finds persons without looking at everyone.",
})
class SearchIndexType {
  @Field(() => String, { description: "Dotted path of the attribute, such as person.name.lastName." })
  readonly path!: string;

  @Field(() => DateTime, { description: "When it was asked for." })
  readonly createdAt!: string;

  @Field(() => Boolean, { description: "Whether searches go by it; false while its job is at work." })
  readonly isReady!: boolean;
}

@Resolver()
export class SearchIndexResolver {
  @Query(() => [SearchIndexType], {
    description: "The indexes that searchProfiles goes by, at most 20. Permission: View Profiles.",
  })
  async searchIndexes(@Ctx() context: GatewayContext): Promise<SearchIndexType[]> {
    demand(context, "view-profiles");
    return (await context.sandbox.hub.searchIndexes()).map(searchIndexOf);
  }

  @Mutation(() => JobType, {
    description:
      "Indexes an attribute for searchProfiles, in a job: on SQLite a column of the projection, on MongoDB an index of the deployment; a store in memory has none. At most 20. Permission: Manage Profiles, and all labels on the attribute.",
  })
  async createSearchIndex(
    @Arg("path", () => String, { description: "Dotted path, such as person.name.lastName." }) path: string,
    @Ctx() context: GatewayContext,
  ): Promise<JobType> {
    demand(context, "manage-profiles");
    const { gateway, sandbox } = context;
    valueOf(await sandbox.hub.checkSearchIndex(path));
    demandFields(context, { attributes: [path], events: [] });
    const job = gateway.jobs.start(sandbox.name, `search index ${path}`, async (progress) =>
      searchIndexOf(valueOf(await sandbox.hub.saveSearchIndex(path, progress))),
    );
    gateway.audit(context, { action: "searchIndex.create", subject: path });
    return jobOf(job);
  }

  @Mutation(() => Boolean, {
    description: "Gives up an index; searches look at everyone again. Permission: Manage Profiles.",
  })
  async deleteSearchIndex(
    @Arg("path", () => String, { description: "Its path." }) path: string,
    @Ctx() context: GatewayContext,
  ): Promise<boolean> {
    demand(context, "manage-profiles");
    if (!(await context.sandbox.hub.deleteSearchIndex(path)))
      throw failure("NOT_FOUND", "No such index in this sandbox.");
    context.gateway.audit(context, { action: "searchIndex.delete", subject: path });
    return true;
  }
}

function searchIndexOf({ path, createdAt, isReady }: SearchIndex): SearchIndexType {
  return { path, createdAt: formatInstant(createdAt), isReady };
}
