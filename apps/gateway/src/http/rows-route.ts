import { createCsvReader, type ImportProgress, parseRowMapping, type RowMapping } from "@tessera/hub";
import { describe, formatInstant } from "@tessera/xdm";
import type { Context } from "hono";
import { may } from "../access/principal.ts";
import { externalAudience } from "../external-audience.ts";
import type { Gateway } from "../gateway.ts";
import { traced } from "../observe/tracing.ts";
import type { Sandbox } from "../sandbox.ts";
import { decoded } from "./collect.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";

const ID = /^[A-Za-z0-9_.-]{1,100}$/;
const LINE_MAX = 5_000_000;

/**
 * `POST /collect/rows?datasetId=crm&kind=profile`: a CSV file of any length, read as it arrives, by the mapping that was
 * saved for the dataset. With `importId` an import that was cut short goes on where it stood.
 */
export function rowsRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusal(gateway, context);
    if (refused !== undefined) return refused;
    const { sandbox } = context.var;
    const datasetId = context.req.query("datasetId") ?? "";
    const kind = context.req.query("kind") ?? "profile";
    if (!ID.test(datasetId) || (kind !== "profile" && kind !== "event")) {
      const message = "Expected ?datasetId=<1 to 100 letters, digits, _ . -> and &kind=profile or event.";
      return refuse(context, 400, { code: "DATASET_INVALID", message });
    }
    const stored = (await sandbox.store.document("rowMapping", datasetId))?.body;
    const mapping = stored === undefined ? undefined : parseRowMapping(stored);
    if (mapping?.ok !== true) {
      const message =
        "There is no mapping of columns for this dataset. Save one first: mutation saveRowMapping.";
      return refuse(context, 400, { code: "MAPPING_MISSING", message });
    }
    return importCsv(gateway, context, { datasetId, kind, mapping: mapping.value });
  };
}

/**
 * `POST /collect/audience?name=VIPs&namespace=CRMID&column=crm_id`: the members of an audience that was made elsewhere, as
 * CSV. Members stay for 30 days after their last upload; the other columns are left out and never reach a profile.
 */
export function audienceRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusal(gateway, context);
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
    return importCsv(gateway, context, { datasetId, kind: "profile", mapping, answer: { audienceId: id } });
  };
}

function refusal(gateway: Gateway, context: Context<RouteEnv>): Response | undefined {
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

async function importCsv(
  gateway: Gateway,
  context: Context<RouteEnv>,
  file: {
    readonly datasetId: string;
    readonly kind: "profile" | "event";
    readonly mapping: RowMapping;
    readonly answer?: object;
  },
): Promise<Response> {
  const { datasetId, kind, mapping, answer = {} } = file;
  const { sandbox, requestId } = context.var;
  const importId = context.req.query("importId") ?? gateway.newId();
  const separator = context.req.query("separator") ?? ",";
  const body = decoded(context.env.incoming);
  if (body === undefined || !ID.test(importId) || [...separator].length !== 1) {
    const message = `Expected importId of letters, digits, _ . -, one character as separator, got ${describe(separator)}, and Content-Encoding gzip, deflate, br or none.`;
    return refuse(context, 400, { code: "BAD_REQUEST", message });
  }
  try {
    const rows = csvRows(body, separator);
    const told = await traced("hub.import", { "tessera.dataset": datasetId }, () =>
      sandbox.hub.importRows({ importId, datasetId, kind, rows, mapping }),
    );
    count(gateway, sandbox, { kind, told });
    return context.json({ ...answer, ...told });
  } catch (error) {
    gateway.log.error({ err: error, requestId }, "importing failed");
    const message =
      "Importing failed. What is accepted is durable; send the file again with the same importId.";
    const soFar = await sandbox.hub.importProgress(importId).catch(() => undefined);
    context.header("Retry-After", "2");
    return context.json({ ...answer, ...soFar, importId, code: "UNAVAILABLE", message, requestId }, 503);
  }
}

async function* csvRows(
  body: NodeJS.ReadableStream,
  separator: string,
): AsyncGenerator<Readonly<Record<string, string>>> {
  const reader = createCsvReader({ separator });
  const decoder = new TextDecoder();
  let since = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    since += chunk.length;
    for (const row of reader.read(decoder.decode(chunk, { stream: true }))) {
      since = 0;
      yield row;
    }
    if (since > LINE_MAX) throw new Error("A row of the file does not end.");
  }
  yield* reader.end();
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
