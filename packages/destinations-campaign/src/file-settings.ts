import { settingsIssue } from "@tessera/destinations";
import type { Issue, JsonSchema } from "@tessera/xdm";
import { csvOptionIssues, type CsvOptions, DEFAULT_CSV } from "./csv/csv-options.ts";
import { MAX_ROWS_PER_FILE } from "./export/write-files.ts";
import { DEFAULT_FILE_NAME, type FileNamePart } from "./file-name.ts";

/** Settings of the files themselves, the same for both destinations. */
export interface FileSettings {
  readonly csv: CsvOptions;
  readonly fileName: readonly FileNamePart[];
  readonly rowsPerFile: number;
  readonly manifest: boolean;
}

const character: JsonSchema = { type: "string", minLength: 1, maxLength: 1 };

/** The form of `FileSettings`. */
export const FILE_SETTINGS: { readonly [field: string]: JsonSchema } = {
  csv: {
    type: "object",
    properties: {
      delimiter: character,
      quote: character,
      escape: character,
      charToEscapeQuoteEscaping: character,
      emptyValue: { type: "string", enum: ['""', ""] },
      nullValue: { type: "string", enum: ["null", '""', ""] },
      lineSeparator: { type: "string", enum: ["\n", "\r"] },
      ignoreLeadingWhiteSpace: { type: "boolean" },
      ignoreTrailingWhiteSpace: { type: "boolean" },
      header: { type: "boolean" },
      encoding: { type: "string", enum: ["utf-8", "utf-16"] },
      compression: { type: "string", enum: ["none", "gzip"] },
      formulaGuard: { type: "boolean" },
    },
    additionalProperties: false,
  },
  fileName: {
    type: "array",
    items: {
      type: "object",
      properties: {
        kind: {
          type: "string",
          enum: ["audienceName", "timestamp", "text", "destinationId", "organisation", "sandbox"],
        },
        format: { type: "string", enum: ["yyyymmddhhmmss", "MMDDYYYY_HHMMSS", "unix"] },
        text: { type: "string", minLength: 1, maxLength: 100 },
      },
      required: ["kind"],
      additionalProperties: false,
    },
  },
  rowsPerFile: { type: "integer", minimum: 1, maximum: MAX_ROWS_PER_FILE },
  manifest: { type: "boolean" },
};

/** Fills the defaults in; `given` has passed `FILE_SETTINGS`. */
export function withFileDefaults(
  given: Partial<Omit<FileSettings, "csv">> & { readonly csv?: Partial<CsvOptions> },
): FileSettings {
  const csv = given.csv ?? {};
  const { escape = DEFAULT_CSV.escape } = csv;
  return {
    csv: {
      ...DEFAULT_CSV,
      charToEscapeQuoteEscaping:
        escape === (csv.quote ?? DEFAULT_CSV.quote) ? DEFAULT_CSV.charToEscapeQuoteEscaping : escape,
      ...csv,
    },
    fileName: given.fileName ?? DEFAULT_FILE_NAME,
    rowsPerFile: given.rowsPerFile ?? MAX_ROWS_PER_FILE,
    manifest: given.manifest ?? true,
  };
}

/** What the form cannot say: options that contradict each other, name parts without their field. */
export function fileSettingIssues(settings: FileSettings): readonly Issue[] {
  return [
    ...csvOptionIssues(settings.csv).map(({ option, expected }) =>
      settingsIssue("settings.range", ["csv", option], expected, settings.csv[option]),
    ),
    ...settings.fileName.flatMap((part, index) => {
      const field = part.kind === "timestamp" ? "format" : part.kind === "text" ? "text" : undefined;
      const value = field === undefined ? "" : (part as { readonly [field: string]: unknown })[field];
      return field !== undefined && value === undefined
        ? [settingsIssue("settings.required", ["fileName", index, field], "a value", undefined)]
        : [];
    }),
  ];
}
