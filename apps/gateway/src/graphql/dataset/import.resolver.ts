import { parseRowMapping } from "@tessera/hub";
import { parseJson } from "@tessera/xdm";
import { Arg, Ctx, Field, Float, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import { writeDocuments } from "../../documents.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { demandComputedFields } from "../hidden-fields.ts";
import { jobOf, JobType } from "../job/job.type.ts";
import { JsonObjectScalar } from "../scalars.ts";

@ObjectType("ImportProgress", {
  description: "Where the import of a file stands. A row is accepted, a duplicate or rejected.",
})
class ImportProgressType {
  @Field(() => String, { description: "Names the import: the same id goes on where it was cut short." })
  readonly importId!: string;

  @Field(() => Float, { description: "Rows that were read." })
  readonly rows!: number;

  @Field(() => Float, { description: "Rows that were new and are committed." })
  readonly accepted!: number;

  @Field(() => Float, { description: "Rows that were known already." })
  readonly duplicates!: number;

  @Field(() => Float, { description: "Rows that lie in quarantine with their reason." })
  readonly rejected!: number;

  @Field(() => Boolean, { description: "Whether the whole file was read." })
  readonly done!: boolean;
}

@Resolver()
export class ImportResolver {
  @Query(() => ImportProgressType, {
    nullable: true,
    description: "Where an import stands; null when there is none of this id. Permission: View Sources.",
  })
  importProgress(
    @Arg("importId", () => String, { description: "As the import answered it." }) importId: string,
    @Ctx() context: GatewayContext,
  ): Promise<ImportProgressType | undefined> {
    demand(context, "view-sources");
    return context.sandbox.hub.importProgress(importId);
  }

  @Query(() => JsonObjectScalar, {
    nullable: true,
    description: "How the columns of files become fields of a dataset. Permission: View Sources.",
  })
  async rowMapping(
    @Arg("datasetId", () => String, { description: "Id of the dataset." }) datasetId: string,
    @Ctx() context: GatewayContext,
  ): Promise<object | undefined> {
    demand(context, "view-sources");
    return (await context.sandbox.store.document("rowMapping", datasetId))?.body;
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Saves how the columns of files become fields, for POST /collect/rows: {fields: [{to, from, as} | {to, value} | {identity, from, primary}]}. Permission: Manage Sources.",
  })
  async saveRowMapping(
    @Arg("datasetId", () => String, { description: "Id of the dataset." }) datasetId: string,
    @Arg("mapping", () => JsonObjectScalar, { description: "One rule a field." }) mapping: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-sources");
    const parsed = valueOf(parseRowMapping(jsonOf(mapping)));
    const saved = await writeDocuments(context.sandbox.store, [
      { kind: "rowMapping", id: datasetId, body: parsed },
    ]);
    if (!saved) throw failure("CONFLICT", "Someone else saved this mapping meanwhile. Try again.");
    context.gateway.audit(context, { action: "rowMapping.save", subject: datasetId });
    return parsed;
  }

  @Query(() => [JsonObjectScalar], {
    description:
      "Attributes that are worked out of events, kept up with every event. Permission: View Profiles.",
  })
  computedAttributes(@Ctx() context: GatewayContext): object[] {
    demand(context, "view-profiles");
    return [...context.sandbox.hub.computedAttributes()];
  }

  @Mutation(() => JobType, {
    description:
      "Saves a computed attribute {name, function: count|sum|min|max|mostRecent|list, filter, field, lookBackHours, most} and works it out for everyone, in a job. Permission: Manage Profiles.",
  })
  saveComputedAttribute(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-profiles");
    const { gateway, sandbox } = context;
    const given = jsonOf(definition);
    demandComputedFields(context, given);
    valueOf(sandbox.hub.checkComputedAttribute(given));
    const job = gateway.jobs.start(sandbox.name, "saveComputedAttribute", async (progress) =>
      valueOf(await sandbox.hub.saveComputedAttribute(given, progress)),
    );
    gateway.audit(context, { action: "computedAttribute.save", subject: job.id });
    return jobOf(job);
  }

  @Mutation(() => JobType, {
    description: "Removes a computed attribute from everyone, in a job. Permission: Manage Profiles.",
  })
  deleteComputedAttribute(
    @Arg("name", () => String, { description: "Its name." }) name: string,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-profiles");
    const { gateway, sandbox } = context;
    const job = gateway.jobs.start(sandbox.name, `deleteComputedAttribute ${name}`, async (progress) =>
      valueOf(await sandbox.hub.deleteComputedAttribute(name, progress)),
    );
    gateway.audit(context, { action: "computedAttribute.delete", subject: name });
    return jobOf(job);
  }
}

function jsonOf(input: object): unknown {
  const json = parseJson(input);
  if ("badPath" in json) throw failure("BAD_USER_INPUT", `${json.badPath.join(".")}: expected JSON data.`);
  return json.value;
}
