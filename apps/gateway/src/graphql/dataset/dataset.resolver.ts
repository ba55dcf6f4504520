import { parseActivity } from "@tessera/destinations-target";
import type { Dataset } from "@tessera/profile-store";
import { type JsonObject, parseJson } from "@tessera/xdm";
import { Arg, Ctx, Field, ID, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { checkActivity } from "../destination/check-target.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { JsonObjectScalar } from "../scalars.ts";

@ObjectType("Dataset", { description: "Where events or records come in." })
class DatasetType {
  @Field(() => String, { description: "Its id, as in ?datasetId=." })
  readonly id!: string;

  @Field(() => String, { description: "Name for people." })
  readonly name!: string;

  @Field(() => String, { description: "event or profile." })
  readonly kind!: string;

  @Field(() => JsonObjectScalar, { description: "The whole definition." })
  readonly definition!: object;
}

@Resolver()
export class DatasetResolver {
  @Query(() => [DatasetType], { description: "Datasets that were defined. Permission: View Datasets." })
  datasets(@Ctx() context: GatewayContext): DatasetType[] {
    demand(context, "view-datasets");
    return context.sandbox.hub.datasets().map(datasetOf);
  }

  @Mutation(() => DatasetType, {
    description:
      "Defines a dataset {id, name, kind, primaryIdentity: {path, namespace}, schemaId or schema, labels, eventExpirationDays}; it keeps its kind, and its schema only grows. Permission: Manage Datasets.",
  })
  async saveDataset(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<DatasetType> {
    demand(context, "manage-datasets");
    const saved = valueOf(await context.sandbox.hub.saveDataset(jsonOf(definition)));
    context.gateway.audit(context, { action: "dataset.save", subject: saved.id });
    return datasetOf(saved);
  }

  @Query(() => [JsonObjectScalar], { description: "All merge policies. Permission: View Merge Policies." })
  mergePolicies(@Ctx() context: GatewayContext): object[] {
    demand(context, "view-merge-policies");
    return [...context.sandbox.hub.mergePolicies()];
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Saves a merge policy {name, identityGraph: {type}, attributeMerge, default, isActiveOnEdge}; a new one without id; at most 5. When another one becomes active on edge, a job derives everyone anew. Permission: Manage Merge Policies.",
  })
  async saveMergePolicy(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Arg("id", () => ID, { nullable: true, description: "The merge policy to change; a new one without it." })
    id: string | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-merge-policies");
    const { gateway, sandbox } = context;
    const { hub } = sandbox;
    const before = hub.configuration().edgePolicy;
    const saved = valueOf(await hub.saveMergePolicy(jsonOf(definition), id ?? undefined));
    const { edgePolicy } = hub.configuration();
    if (edgePolicy.id !== before.id || edgePolicy.version !== before.version)
      gateway.jobs.start(
        sandbox.name,
        `followMergePolicy ${edgePolicy.id} ${edgePolicy.version}`,
        (progress) => hub.deriveEveryone(progress),
      );
    gateway.audit(context, { action: "mergePolicy.save", subject: saved.id });
    return saved;
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Deletes a merge policy that is neither the default nor active on edge and that no audience uses. Permission: Manage Merge Policies.",
  })
  async deleteMergePolicy(
    @Arg("id", () => ID, { description: "Id of the merge policy." }) id: string,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-merge-policies");
    const deleted = valueOf(await context.sandbox.hub.deleteMergePolicy(id));
    context.gateway.audit(context, { action: "mergePolicy.delete", subject: id });
    return deleted;
  }

  @Query(() => [JsonObjectScalar], {
    description: "Datastreams that edges serve. Permission: View Destinations.",
  })
  async datastreams(@Ctx() context: GatewayContext): Promise<object[]> {
    demand(context, "view-destinations");
    return [...(await context.sandbox.hub.edgeDocuments("datastream"))];
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Saves a datastream under its id; edges read it with their next snapshot. Permission: Manage Destinations.",
  })
  async saveDatastream(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    return saveEdgeDocument(context, "datastream", definition);
  }

  @Query(() => [JsonObjectScalar], {
    description: "Activities that edges decide by. Permission: View Destinations.",
  })
  async activities(@Ctx() context: GatewayContext): Promise<object[]> {
    demand(context, "view-destinations");
    return [...(await context.sandbox.hub.edgeDocuments("activity"))];
  }

  @Mutation(() => JsonObjectScalar, {
    description:
      "Saves an activity under its id, refused with all that is wrong with it, and a live one that asks about audiences no Target connection of its workspace maps; edges read it with their next snapshot. Permission: Manage Destinations.",
  })
  async saveActivity(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-destinations");
    const activity = valueOf(parseActivity(definition));
    const { id } = activity;
    const issues = checkActivity(activity, context);
    if (issues.length > 0) valueOf({ ok: false, error: issues });
    return saveEdgeDocument(context, "activity", { ...definition, id: String(id) });
  }
}

async function saveEdgeDocument(
  context: GatewayContext,
  kind: "datastream" | "activity",
  definition: object,
): Promise<object> {
  demand(context, "manage-destinations");
  const saved = valueOf(await context.sandbox.hub.saveEdgeDocument(kind, jsonOf(definition)));
  context.gateway.audit(context, { action: `${kind}.save`, subject: String(saved["id"]) });
  return saved;
}

function jsonOf(input: object): JsonObject {
  const json = parseJson(input);
  if ("badPath" in json) throw failure("BAD_USER_INPUT", `${json.badPath.join(".")}: expected JSON data.`);
  return json.value as JsonObject;
}

function datasetOf(dataset: Dataset): DatasetType {
  const { id, name, kind } = dataset;
  return { id, name, kind, definition: dataset };
}
