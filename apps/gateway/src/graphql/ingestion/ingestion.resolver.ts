import type { RecordOperation } from "@tessera/profile-store";
import { Arg, Ctx, Mutation, Resolver } from "type-graphql";
import { DATASET_ID } from "../../http/collect.ts";
import { traced } from "../../observe/tracing.ts";
import type { GatewayContext } from "../context.ts";
import { demand, demandRole, failure } from "../failure.ts";
import { Json } from "../scalars.ts";
import { IngestReport, RecordOperationEnum } from "./ingestion.type.ts";

/** Items that one mutation takes; more go to `/collect`. */
const ITEMS_MAX = 10_000;

@Resolver()
export class IngestionResolver {
  @Mutation(() => IngestReport, {
    description:
      "Takes experience events into a dataset, which opens by itself when it is new; at most 10,000 (more: POST /collect/events). Permission: Manage Sources.",
  })
  async ingestEvents(
    @Arg("datasetId", () => String, { description: "1 to 100 letters, digits, _ . -" }) datasetId: string,
    @Arg("events", () => [Json], { description: "XDM experience events." }) events: unknown[],
    @Ctx() context: GatewayContext,
  ): Promise<IngestReport> {
    admit(context, datasetId, events);
    const attributes = { "tessera.items": events.length, "tessera.dataset": datasetId };
    const report = await traced("hub.ingest", attributes, () =>
      context.sandbox.hub.ingestEvents(datasetId, events),
    );
    return counted(context, "event", report);
  }

  @Mutation(() => IngestReport, {
    description:
      "Takes profile records into a dataset, which opens by itself when it is new; at most 10,000 (more: POST /collect/records). Permission: Manage Sources.",
  })
  async ingestRecords(
    @Arg("datasetId", () => String, { description: "1 to 100 letters, digits, _ . -" }) datasetId: string,
    @Arg("records", () => [Json], { description: "XDM profile records." }) records: unknown[],
    @Arg("operation", () => RecordOperationEnum, {
      defaultValue: "upsert",
      description: "What the records do to what their dataset said before.",
    })
    operation: RecordOperation,
    @Ctx() context: GatewayContext,
  ): Promise<IngestReport> {
    admit(context, datasetId, records);
    const attributes = { "tessera.items": records.length, "tessera.dataset": datasetId };
    const report = await traced("hub.ingest", attributes, () =>
      context.sandbox.hub.ingestRecords(datasetId, records, operation),
    );
    return counted(context, "record", report);
  }
}

function admit(context: GatewayContext, datasetId: string, items: readonly unknown[]): void {
  demand(context, "manage-sources");
  demandRole(context, "collect");
  if (!DATASET_ID.test(datasetId))
    throw failure("BAD_USER_INPUT", "datasetId: expected 1 to 100 letters, digits, _ . -, as in web.");
  if (items.length > ITEMS_MAX) {
    throw failure(
      "TOO_MUCH",
      `Expected at most ${ITEMS_MAX} items, got ${items.length}. Send more to /collect.`,
    );
  }
  if (context.sandbox.hub.queueDepth() > context.gateway.config.queueLimit) {
    throw failure("UNAVAILABLE", "Too much is waiting to be taken in. Try again in a second.");
  }
}

function counted(
  { gateway, sandbox }: GatewayContext,
  kind: "event" | "record",
  report: IngestReport,
): IngestReport {
  const { items } = gateway.metrics;
  items.inc({ sandbox: sandbox.name, kind, outcome: "accepted" }, report.accepted);
  items.inc({ sandbox: sandbox.name, kind, outcome: "duplicate" }, report.duplicates);
  items.inc({ sandbox: sandbox.name, kind, outcome: "rejected" }, report.rejected.length);
  return report;
}
