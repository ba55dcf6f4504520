import { findLimit } from "@tessera/guardrails";
import { digest, err, type Issue, isObject, type JsonSchema, ok, type Result } from "@tessera/xdm";
import type { ActivationBatch, FileBatch } from "./activation-batch.ts";
import { CSV_SCHEMA, type CsvOptions, csvWriter, parseCsvOptions } from "./csv.ts";
import type { DestinationDefinition, PlanContext } from "./definition.ts";
import { type ExportRow, exportRows, rowCells } from "./export-rows.ts";
import { fileName, fileNamePart, type FileNamePart } from "./file-name.ts";
import { FILE_TARGET_SCHEMAS } from "./file-target.ts";
import { type DeliveryOutcome, forEveryItem, unexpectedResponse } from "./outcome.ts";
import type { FileRequest, FileTarget, PlannedRequest } from "./planned-request.ts";
import type { RawResponse } from "./raw-response.ts";
import { checkSettings, settingsIssue } from "./settings.ts";

/** Settings of a CSV file destination. */
export interface CsvFileSettings {
  readonly target: FileTarget;
  readonly csv: CsvOptions;
  /** Parts of the file name; the default name when absent. */
  readonly fileName?: readonly FileNamePart[];
  /** Rows of one file at most; further rows go to `name_2.csv` and so on. Default 5,000,000. */
  readonly rowsPerFile: number;
}

const NAME_PARTS = [
  "destination-name",
  "audience-id",
  "audience-name",
  "destination-id",
  "org",
  "sandbox",
  "date-time",
  "timestamp",
] as const;
const MAX_ROWS = findLimit("destinations.rows-per-file").value;

const TITLES = { local: "Local folder", sftp: "SFTP", s3: "Amazon S3", "azure-blob": "Azure Blob" } as const;

/** CSV files, one an audience, to a place of the given kind; the transport itself lives at the rim. */
export function csvFileDestination(kind: FileTarget["kind"]): DestinationDefinition<CsvFileSettings> {
  const schema = schemaOf(kind);
  return {
    slug: `csv-${kind}`,
    title: `CSV files to ${TITLES[kind]}`,
    description:
      "Writes one CSV file an audience on a schedule: the whole audience, or who entered and left.",
    kind: "batch-file",
    settings: schema,
    parseSettings: (input) => parseSettings(kind, schema, input),
    capabilities: {
      namespaces: "any",
      batchMax: Number.MAX_SAFE_INTEGER,
      removals: true,
      attributes: true,
      audienceDefinitions: false,
      backfill: true,
      marketingActions: ["exportToThirdParty"],
    },
    plan,
    interpret,
  };
}

function schemaOf(kind: FileTarget["kind"]): JsonSchema {
  return {
    type: "object",
    title: `CSV files to ${TITLES[kind]}`,
    properties: {
      target: FILE_TARGET_SCHEMAS[kind],
      csv: CSV_SCHEMA,
      fileName: { type: "array", title: "Parts of the file name" },
      rowsPerFile: { type: "integer", minimum: 1, maximum: MAX_ROWS, title: "Rows of one file" },
    },
    required: ["target"],
    additionalProperties: false,
  };
}

function parseSettings(
  kind: FileTarget["kind"],
  schema: JsonSchema,
  input: unknown,
): Result<CsvFileSettings, readonly Issue[]> {
  const given = isObject(input) ? input : {};
  // Parsed settings carry the kind of their target, so that they can be parsed again.
  const { kind: named = kind, ...place } = isObject(given["target"]) ? given["target"] : {};
  const plain = isObject(given["target"]) ? { ...given, target: place } : input;
  const issues = [...checkSettings(schema, plain)];
  if (named !== kind) issues.push(settingsIssue("settings.enum", ["target", "kind"], kind, named));
  const csv = parseCsvOptions(given["csv"]);
  if (!csv.ok && issues.length === 0)
    issues.push(...csv.error.map((i) => ({ ...i, path: ["csv", ...(i.path ?? [])] })));
  issues.push(...credentialIssues(place), ...namePartIssues(given["fileName"]));
  if (issues.length > 0 || !csv.ok) return err(issues);
  return ok({
    target: { kind, ...place } as FileTarget,
    csv: csv.value,
    rowsPerFile: typeof given["rowsPerFile"] === "number" ? given["rowsPerFile"] : MAX_ROWS,
    ...(given["fileName"] !== undefined && { fileName: given["fileName"] as readonly FileNamePart[] }),
  });
}

function credentialIssues(place: Record<string, unknown>): readonly Issue[] {
  const { credential } = place;
  if (!isObject(credential)) return [];
  const needed = credential["kind"] === "key" ? "privateKey" : "password";
  const other = needed === "privateKey" ? "password" : "privateKey";
  const path = ["target", "credential"];
  if (credential[needed] === undefined)
    return [settingsIssue("settings.required", [...path, needed], "a secret reference", undefined)];
  if (credential[other] !== undefined)
    return [settingsIssue("settings.unknown", [...path, other], "one credential", credential[other])];
  return [];
}

function namePartIssues(parts: unknown): readonly Issue[] {
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((part: unknown, index): Issue[] => {
    const known = NAME_PARTS.some((name) => name === part);
    const text = isObject(part) && Object.keys(part).length === 1 && typeof part["text"] === "string";
    return known || text
      ? []
      : [
          settingsIssue(
            "settings.enum",
            ["fileName", index],
            `one of ${NAME_PARTS.join(", ")}, or { text }`,
            part,
          ),
        ];
  });
}

function plan(
  batch: ActivationBatch,
  settings: CsvFileSettings,
  context: PlanContext,
): readonly PlannedRequest[] {
  if (batch.kind !== "file") {
    const items = [...batch.items].map(({ id }) => id);
    const outcomes = forEveryItem(items, { kind: "rejected", code: "batch.unsupported" });
    return outcomes.length > 0 ? [{ kind: "settled", outcomes }] : [];
  }
  const { rows, refused } = exportRows(batch);
  const requests: PlannedRequest[] = refused.length > 0 ? [{ kind: "settled", outcomes: refused }] : [];
  const name = nameOf(batch, settings, context);
  const parts = Math.max(1, Math.ceil(rows.length / settings.rowsPerFile));
  for (let part = 1; part <= parts; part += 1) {
    const own = rows.slice((part - 1) * settings.rowsPerFile, part * settings.rowsPerFile);
    requests.push(fileOf(batch, settings, fileNamePart(name, part), own));
  }
  return requests;
}

function nameOf({ audience }: FileBatch, settings: CsvFileSettings, context: PlanContext): string {
  const values = {
    destinationName: context.destinationName,
    destinationId: context.destinationId,
    audienceId: audience.id,
    audienceName: audience.name,
    orgId: context.orgId,
    sandbox: context.sandbox,
    at: context.now,
  };
  return fileName(settings.fileName, values, settings.csv.compression === "gzip" ? ".csv.gz" : ".csv");
}

function fileOf(
  batch: FileBatch,
  { target, csv }: CsvFileSettings,
  name: string,
  rows: readonly ExportRow[],
): FileRequest {
  const items = [...new Set(rows.map(({ item }) => item.id))];
  return {
    kind: "file",
    id: digest(`${batch.dataflowId}\n${name}\n${items.length}`),
    items,
    target,
    name,
    contentType: "text/csv",
    encoding: csv.encoding,
    compression: csv.compression,
    content: {
      [Symbol.iterator]: () =>
        csvPieces(
          batch.mapping.map(({ target: t }) => t),
          rows,
          rowCells(batch.mapping),
          csv,
        ),
    },
  };
}

const LINES_A_PIECE = 512;

/** The text of a file in pieces of some hundred lines, made while it is read. */
function* csvPieces(
  header: readonly string[],
  rows: readonly ExportRow[],
  cells: ReturnType<typeof rowCells>,
  options: CsvOptions,
): Generator<string> {
  const write = csvWriter(options);
  let piece = options.header ? write(header) : "";
  let lines = 0;
  for (const row of rows) {
    piece += write(cells(row));
    lines += 1;
    if (lines % LINES_A_PIECE !== 0) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function interpret(request: PlannedRequest, response: RawResponse): readonly DeliveryOutcome[] {
  if (request.kind === "settled") return request.outcomes;
  return forEveryItem(
    request.items,
    response.kind === "file" ? { kind: "delivered" } : unexpectedResponse(response),
  );
}
