import { parseJson, type JsonObject } from "@tessera/xdm";
import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import { answerEarly } from "../../answer-early.ts";
import { CATALOG } from "../../catalog.ts";
import { writeExports } from "../../delivery/write-exports.ts";
import { issueOf } from "../audience/audience.mapper.ts";
import type { GatewayContext } from "../context.ts";
import { demand, failure, valueOf } from "../failure.ts";
import { demandMappedFields } from "../hidden-fields.ts";
import { jobOf, JobType, runningJob } from "../job/job.type.ts";
import { checkActivation } from "./check-dataflow.ts";
import { checkTargetConnection } from "./check-target.ts";
import { capabilitiesOf, dataflowOf, destinationOf, mappingOf } from "./destination.mapper.ts";
import {
  ActivateAudiencesInput,
  Activation,
  CreateDestinationInput,
  Destination,
  DestinationKindType,
  ExportedFile,
} from "./destination.type.ts";

@Resolver()
export class DestinationResolver {
  @Query(() => [DestinationKindType], {
    description: "The kinds of destinations there are, with their settings. Permission: View Destinations.",
  })
  destinationKinds(@Ctx() context: GatewayContext): DestinationKindType[] {
    demand(context, "view-destinations");
    return CATALOG.map(({ slug, title, description, kind, settings, capabilities }) => ({
      type: slug,
      title,
      description,
      kind,
      settings,
      capabilities: capabilitiesOf(capabilities),
    }));
  }

  @Query(() => [Destination], {
    description: "All destinations of the sandbox. Permission: View Destinations.",
  })
  destinations(@Ctx() context: GatewayContext): Destination[] {
    demand(context, "view-destinations");
    return [...context.sandbox.hub.destinations().values()].map(destinationOf);
  }

  @Query(() => Destination, {
    nullable: true,
    description: "One destination; null when there is none of this id. Permission: View Destinations.",
  })
  destination(
    @Arg("id", () => ID, { description: "The destination." }) id: string,
    @Ctx() context: GatewayContext,
  ): Destination | undefined {
    demand(context, "view-destinations");
    const live = context.sandbox.hub.destinations().get(id);
    return live === undefined ? undefined : destinationOf(live);
  }

  @Mutation(() => Destination, {
    description:
      "Makes a destination. Whatever is wrong comes as one error with extensions.issues. Permission: Manage Destinations.",
  })
  async createDestination(
    @Arg("input", () => CreateDestinationInput, { description: "What it is to be." }) {
      name,
      type,
      settings,
    }: CreateDestinationInput,
    @Ctx() context: GatewayContext,
  ): Promise<Destination> {
    demand(context, "manage-destinations");
    const json = parseJson(settings ?? {});
    if ("badPath" in json)
      throw failure("BAD_USER_INPUT", `settings.${json.badPath.join(".")}: expected JSON data.`);
    const input = { name, type, settings: json.value as JsonObject };
    const issues = await checkTargetConnection(input, context);
    if (issues.length > 0) valueOf({ ok: false, error: issues });
    const made = valueOf(await context.sandbox.hub.createDestination(input));
    context.gateway.audit(context, { action: "destination.create", subject: made.stored.id });
    return destinationOf(made);
  }

  @Mutation(() => Activation, {
    description:
      "Sends audiences to a destination, now and whenever they change. File destinations get a first file at once. What takes longer than a few seconds goes on as the job of the answer. Permission: Activate Destinations.",
  })
  async activateAudiences(
    @Arg("input", () => ActivateAudiencesInput, { description: "What it is to be." })
    input: ActivateAudiencesInput,
    @Ctx() context: GatewayContext,
  ): Promise<Activation> {
    const { destinationId, audienceIds, mapping, name } = input;
    demand(context, mapping ? "activate-destinations" : "activate-without-mapping");
    const { sandbox, gateway } = context;
    const wanted = {
      destinationId,
      audienceIds,
      ...(mapping && { mapping: valueOf(mappingOf(mapping)) }),
      ...(name && { name }),
    };
    demandMappedFields(context, wanted.mapping ?? []);
    const warnings = await checkActivation(context, wanted);
    const dataflow = valueOf(await sandbox.hub.activateAudiences(wanted));
    gateway.audit(context, { action: "audience.activate", subject: dataflow.id });
    const isFile = sandbox.hub.destinations().get(destinationId)?.configured.kind === "batch-file";
    const written = isFile
      ? await answerEarly(
          { jobs: gateway.jobs, sandbox: sandbox.name, waitMs: gateway.config.changeWaitMs },
          { kind: `export ${destinationId}`, id: gateway.newId() },
          (progress) => exportFiles(context, { destinationId, audienceIds, progress }),
        )
      : { value: [] };
    const telling = runningJob(context, dataflow.id);
    const job = "job" in written ? written.job : telling;
    return {
      id: dataflow.id,
      dataflowId: dataflow.id,
      destinationId,
      audienceIds: dataflow.audiences.map(({ id }) => id),
      status: dataflow.enabled ? "enabled" : "disabled",
      dataflow: dataflowOf(dataflow),
      warnings: warnings.map(issueOf),
      files: "value" in written ? written.value : [],
      job: job && jobOf(job),
    };
  }

  @Mutation(() => JobType, {
    description:
      "Writes full files of a file destination in a job, one after the other; the files are its result. Permission: Export Audience for Segment.",
  })
  startExport(
    @Arg("destinationId", () => ID, { description: "The destination." }) destinationId: string,
    @Arg("audienceIds", () => [ID], { nullable: true, description: "Only these audiences; all without it." })
    audienceIds: string[] | undefined,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "export-audience");
    const { sandbox, gateway } = context;
    const job = gateway.jobs.start(sandbox.name, `export ${destinationId}`, (progress) =>
      exportFiles(context, { destinationId, audienceIds: audienceIds ?? undefined, progress }),
    );
    gateway.audit(context, { action: "audience.export", subject: destinationId });
    return jobOf(job);
  }

  @Mutation(() => [ExportedFile], {
    description:
      "Writes full files of a file destination now; of all its audiences without audienceIds. Permission: Export Audience for Segment.",
  })
  async exportAudiences(
    @Arg("destinationId", () => ID, { description: "The destination." }) destinationId: string,
    @Arg("audienceIds", () => [ID], { nullable: true, description: "Only these audiences; all without it." })
    audienceIds: string[] | undefined,
    @Ctx() context: GatewayContext,
  ): Promise<readonly ExportedFile[]> {
    demand(context, "export-audience");
    context.gateway.audit(context, { action: "audience.export", subject: destinationId });
    return exportFiles(context, { destinationId, audienceIds: audienceIds ?? undefined });
  }
}

/** Writes full files, one audience after the other. */
async function exportFiles(
  { sandbox, gateway }: GatewayContext,
  {
    destinationId,
    audienceIds,
    progress,
  }: {
    readonly destinationId: string;
    readonly audienceIds?: readonly string[] | undefined;
    readonly progress?: (done: number, total: number) => void;
  },
): Promise<readonly ExportedFile[]> {
  const planned = valueOf(await sandbox.hub.planExports(destinationId, audienceIds));
  const files: ExportedFile[] = [];
  for (const [index, one] of planned.entries()) {
    progress?.(index, planned.length);
    files.push(...(await writeExports([one], gateway.delivery(sandbox.name).exportPorts)));
  }
  progress?.(planned.length, planned.length);
  return files;
}
