import { parseActivity } from "@tessera/destinations-target";
import type { Dataset } from "@tessera/profile-store";
import { formatInstant, type JsonObject, parseJson } from "@tessera/xdm";
import { Arg, Ctx, Field, ID, Int, Mutation, ObjectType, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { IngestReport } from "../ingestion/ingestion.type.ts";
import { DateTime, Json, JsonObjectScalar } from "../scalars.ts";

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

@ObjectType({ description: "Something that could not be taken, kept with its reason." })
class QuarantinedItem {
  @Field(() => ID, { description: "Stable id." })
  readonly id!: string;

  @Field(() => String, { description: "Dataset it was sent to." })
  readonly datasetId!: string;

  @Field(() => String, { description: "event or record." })
  readonly kind!: string;

  @Field(() => String, { description: "Stable code." })
  readonly code!: string;

  @Field(() => String, { description: "What was expected, what came and what to do." })
  readonly message!: string;

  @Field(() => DateTime, { description: "When it came." })
  readonly at!: string;

  @Field(() => Json, { description: "The item as it came." })
  readonly body!: unknown;
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
      "Defines a dataset {id, name, kind, primaryIdentity, schema, labels, eventExpirationDays}; it keeps its kind. Permission: Manage Datasets.",
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
      "Saves a merge policy {name, identityGraph: {type}, attributeMerge, default, isActiveOnEdge}; a new one without id; at most 5. Permission: Manage Merge Policies.",
  })
  async saveMergePolicy(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Arg("id", () => ID, { nullable: true, description: "The merge policy to change; a new one without it." })
    id: string | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    demand(context, "manage-merge-policies");
    const saved = valueOf(await context.sandbox.hub.saveMergePolicy(jsonOf(definition), id ?? undefined));
    context.gateway.audit(context, { action: "mergePolicy.save", subject: saved.id });
    return saved;
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
      "Saves an activity under its id, refused with all that is wrong with it; edges read it with their next snapshot. Permission: Manage Destinations.",
  })
  async saveActivity(
    @Arg("definition", () => JsonObjectScalar, { description: "The definition." }) definition: object,
    @Ctx() context: GatewayContext,
  ): Promise<object> {
    const { id } = valueOf(parseActivity(definition));
    return saveEdgeDocument(context, "activity", { ...definition, id: String(id) });
  }

  @Query(() => [QuarantinedItem], {
    description: "What could not be taken, in id order, at most 1,000 at a time. Permission: Manage Sources.",
  })
  async quarantine(
    @Arg("first", () => Int, { defaultValue: 100, description: "At most so many, 1 to 1,000." })
    first: number,
    @Arg("after", () => ID, { nullable: true, description: "Id to go on behind." }) after: string | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<QuarantinedItem[]> {
    demand(context, "manage-sources");
    const items = await context.sandbox.hub.quarantined(
      Math.min(Math.max(first, 1), 1_000),
      after ?? undefined,
    );
    return items.map((item) => ({ ...item, at: formatInstant(item.at) }));
  }

  @Mutation(() => IngestReport, {
    description:
      "Sends quarantined items again, as after a dataset was mended; those that fail again go back. Permission: Manage Sources.",
  })
  async replayQuarantine(
    @Arg("ids", () => [ID], { description: "Ids of quarantined items." }) ids: string[],
    @Ctx() context: GatewayContext,
  ): Promise<IngestReport> {
    demand(context, "manage-sources");
    const { hub } = context.sandbox;
    const report = {
      accepted: 0,
      duplicates: 0,
      rejected: [] as IngestReport["rejected"][number][],
      warnings: [],
    };
    const released = await hub.release(ids);
    for (const [index, { kind, datasetId, body }] of released.entries()) {
      const told =
        kind === "event"
          ? await hub.ingestEvents(datasetId, [body])
          : await hub.ingestRecords(datasetId, [body]);
      report.accepted += told.accepted;
      report.duplicates += told.duplicates;
      report.rejected.push(...told.rejected.map((notice) => ({ ...notice, index })));
    }
    return report;
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
