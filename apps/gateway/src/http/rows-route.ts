import { type ImportProgress, parseRowMapping, type RowMapping, type RowsImport } from "@tessera/hub";
import { describe, formatInstant } from "@tessera/xdm";
import type { Context } from "hono";
import { may } from "../access/principal.ts";
import { externalAudience } from "../external-audience.ts";
import type { Gateway } from "../gateway.ts";
import { traced } from "../observe/tracing.ts";
import type { Sandbox } from "../sandbox.ts";
import { decoded, isUnreadable, operationOf, UNREADABLE } from "./collect.ts";
import { type FileFormat, fileRows, formatOf } from "./file-rows.ts";
import { FileUnreadable } from "./file-unreadable.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";

const ID = /^[A-Za-z0-9_.-]{1,100}$/;

/**
 * `POST /collect/rows?datasetId=crm&kind=profile&format=csv`: a file of any length, read as it arrives: CSV, NDJSON, JSON or
 * Parquet. CSV and Parquet go by the mapping that was saved for the dataset, the others with `mapped=true`. With `importId`
 * an import that was cut short goes on where it stood, from the same file.
 */
export function rowsRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusedImport(gateway, context);
    if (refused !== undefined) return refused;
    const asked = (name: string): string | undefined => context.req.query(name);
    const datasetId = asked("datasetId") ?? "";
    const kind = asked("kind") ?? "profile";
    if (!ID.test(datasetId) || (kind !== "profile" && kind !== "event")) {
      const message = "Expected ?datasetId=<1 to 100 letters, digits, _ . -> and &kind=profile or event.";
      return refuse(context, 400, { code: "DATASET_INVALID", message });
    }
    const format = formatOf(asked("format"), context.req.header("content-type"));
    const operation = kind === "event" ? undefined : operationOf(asked("operation"));
    if (format === undefined || operation === "unknown") {
      const message =
        "Expected &format=csv, ndjson, json or parquet, and &operation=upsert, merge or delete for records.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    const byDefault = format === "csv" || format === "parquet" ? "true" : "false";
    const isMapped = (asked("mapped") ?? byDefault) === "true";
    const mapping = isMapped ? await savedMapping(context.var.sandbox, datasetId) : undefined;
    if (mapping === undefined && (isMapped || format === "csv")) {
      const message =
        "There is no mapping of columns for this dataset. Save one first: mutation saveRowMapping.";
      return refuse(context, 400, { code: "MAPPING_MISSING", message });
    }
    return importFile(gateway, context, { format, datasetId, kind, mapping, operation });
  };
}

/** The mapping of columns that was saved for a dataset. */
export async function savedMapping({ store }: Sandbox, datasetId: string): Promise<RowMapping | undefined> {
  const stored = (await store.document("rowMapping", datasetId))?.body;
  const mapping = stored === undefined ? undefined : parseRowMapping(stored);
  return mapping?.ok === true ? mapping.value : undefined;
}

/**
 * `POST /collect/audience?name=VIPs&namespace=CRMID&column=crm_id`: the members of an audience that was made elsewhere, as
 * CSV. Members stay for 30 days after their last upload; the other columns are left out and never reach a profile.
 */
export function audienceRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusedImport(gateway, context);
    if (refused !== undefined) return refused;
    const { principal, sandbox } = context.var;
    if (!may(principal, "manage-segments", sandbox.name)) {
      const message = 'The permission "Manage Segments" is needed for this.';
      return refuse(context, 403, { code: "FORBIDDEN", message });
    }
    const [name = "", namespace = "", column = ""] = ["name", "namespace", "column"].map((key) =>
      (context.req.query(key) ?? "").trim(),
    );
    if (name === "" || namespace === "" || column === "") {
      const message =
        "Expected ?name=<of the audience>&namespace=<of the identities>&column=<that holds them>.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    const audience = await externalAudience(sandbox, { name, newId: gateway.newId });
    if (!audience.ok) {
      const message = audience.error.map((issue) => issue.message).join(" ");
      return refuse(context, 400, { code: "AUDIENCE_INVALID", message });
    }
    gateway.audit(
      { principal, sandbox, requestId: context.var.requestId },
      { action: "audience.import", subject: audience.value.id },
    );
    const importedAt = formatInstant(gateway.clock());
    const mapping: RowMapping = {
      fields: [
        { identity: namespace, from: column, primary: true },
        { to: audience.value.field, value: importedAt },
      ],
    };
    const { id, datasetId } = audience.value;
    return importFile(gateway, context, {
      format: "csv",
      datasetId,
      kind: "profile",
      mapping,
      operation: undefined,
      answer: { audienceId: id },
    });
  };
}

/** Who may not send files now, and why. */
export function refusedImport(gateway: Gateway, context: Context<RouteEnv>): Response | undefined {
  const { principal, sandbox } = context.var;
  if (!may(principal, "manage-sources", sandbox.name)) {
    const message = 'The permission "Manage Sources" is needed for this.';
    return refuse(context, 403, { code: "FORBIDDEN", message });
  }
  if (!gateway.config.roles.includes("collect")) {
    const message = "This process takes nothing in; send it to one whose TESSERA_ROLES has collect.";
    return refuse(context, 503, { code: "ROLE_ABSENT", message });
  }
  if (sandbox.hub.queueDepth() > gateway.config.queueLimit) {
    const message = "Too much is waiting to be taken in. Nothing of this request was; send it again later.";
    return refuse(context, 429, { code: "BUSY", message, retryAfter: 1 });
  }
  return undefined;
}

async function importFile(
  gateway: Gateway,
  context: Context<RouteEnv>,
  file: {
    readonly format: FileFormat;
    readonly datasetId: string;
    readonly kind: "profile" | "event";
    readonly mapping: RowMapping | undefined;
    readonly operation: RowsImport["operation"] | undefined;
    readonly answer?: object;
  },
): Promise<Response> {
  const { format, datasetId, kind, mapping, operation, answer = {} } = file;
  const { sandbox, requestId } = context.var;
  const importId = context.req.query("importId") ?? gateway.newId();
  const separator = context.req.query("separator") ?? ",";
  const body = decoded(context.env.incoming);
  if (body === undefined || !ID.test(importId) || [...separator].length !== 1) {
    const message = `Expected importId of letters, digits, _ . -, one character as separator, got ${describe(separator)}, and Content-Encoding gzip, deflate, br or none.`;
    return refuse(context, 400, { code: "BAD_REQUEST", message });
  }
  try {
    const rows = fileRows(body, format, separator);
    const how = { ...(mapping && { mapping }), ...(operation && { operation }) };
    const told = await traced("hub.import", { "tessera.dataset": datasetId }, () =>
      sandbox.hub.importRows({ importId, datasetId, kind, rows, ...how }),
    );
    if (told.refused !== undefined) {
      const { refused, ...progress } = told;
      const { message } = refused;
      return context.json({ ...answer, ...progress, code: "IMPORT_CONFLICT", message, requestId }, 409);
    }
    count(gateway, sandbox, { kind, told });
    return context.json({ ...answer, ...told });
  } catch (error) {
    const soFar = await sandbox.hub.importProgress(importId).catch(() => undefined);
    if (error instanceof FileUnreadable || isUnreadable(error)) {
      const [code, why] =
        error instanceof FileUnreadable
          ? ["FILE_UNREADABLE", error.message]
          : ["BODY_UNREADABLE", UNREADABLE];
      const message = `${why} What is accepted is durable; the whole file, sent with the same importId, goes on behind it.`;
      return context.json({ ...answer, ...soFar, importId, code, message, requestId }, 400);
    }
    gateway.log.error({ err: error, requestId }, "importing failed");
    const message =
      "Importing failed. What is accepted is durable; send the file again with the same importId.";
    context.header("Retry-After", "2");
    return context.json({ ...answer, ...soFar, importId, code: "UNAVAILABLE", message, requestId }, 503);
  }
}

function count(
  { metrics }: Gateway,
  { name: sandbox }: Sandbox,
  { kind, told }: { readonly kind: "profile" | "event"; readonly told: ImportProgress },
): void {
  const labels = { sandbox, kind: kind === "event" ? "event" : "record" };
  metrics.items.inc({ ...labels, outcome: "accepted" }, told.accepted);
  metrics.items.inc({ ...labels, outcome: "duplicate" }, told.duplicates);
  metrics.items.inc({ ...labels, outcome: "rejected" }, told.rejected);
}
