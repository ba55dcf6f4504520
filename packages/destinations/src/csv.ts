import { err, type Issue, isObject, type JsonSchema, ok, type Result } from "@tessera/xdm";
import { checkSettings, settingsIssue } from "./settings.ts";

/** How a CSV file is written: the documented file formatting options. */
export interface CsvOptions {
  /** One character. */
  readonly delimiter: string;
  /** Wrapped around values that need it; one character, or empty for none. */
  readonly quote: string;
  /** Written before a quote inside a quoted value. */
  readonly escape: string;
  /** `charToEscapeQuote`: written before the escape character inside a quoted value; empty: the escape character itself. */
  readonly escapeEscape: string;
  /** What stands for an empty text. */
  readonly emptyValue: string;
  /** What stands for no value: `null` in the platform's options. */
  readonly nullValue: string;
  readonly compression: "none" | "gzip";
  readonly encoding: "utf-8" | "utf-16";
  /** One character. */
  readonly lineSeparator: string;
  readonly trimLeading: boolean;
  readonly trimTrailing: boolean;
  readonly header: boolean;
}

/** Comma, double quotes doubled, UTF-8, lines ended by LF, with a header. */
export const DEFAULT_CSV: CsvOptions = {
  delimiter: ",",
  quote: '"',
  escape: '"',
  escapeEscape: "",
  emptyValue: '""',
  nullValue: "",
  compression: "none",
  encoding: "utf-8",
  lineSeparator: "\n",
  trimLeading: true,
  trimTrailing: true,
  header: true,
};

const ONE = { type: "string", minLength: 1, maxLength: 1 } as const;
const UP_TO_ONE = { type: "string", maxLength: 1 } as const;

/** The options as a settings schema; every one may be left out. */
export const CSV_SCHEMA: JsonSchema = {
  type: "object",
  title: "CSV options",
  properties: {
    delimiter: { ...ONE, title: "Delimiter" },
    quote: { ...UP_TO_ONE, title: "Quote character" },
    escape: { ...UP_TO_ONE, title: "Escape character" },
    escapeEscape: { ...UP_TO_ONE, title: "Character that escapes the escape character" },
    emptyValue: { type: "string", maxLength: 64, title: "Empty value" },
    nullValue: { type: "string", maxLength: 64, title: "Null value" },
    compression: { type: "string", enum: ["none", "gzip"], title: "Compression" },
    encoding: { type: "string", enum: ["utf-8", "utf-16"], title: "Encoding" },
    lineSeparator: { ...ONE, title: "Line separator" },
    trimLeading: { type: "boolean", title: "Drop leading blanks" },
    trimTrailing: { type: "boolean", title: "Drop trailing blanks" },
    header: { type: "boolean", title: "Header line" },
  },
  additionalProperties: false,
};

/** Reads CSV options; missing ones take their default. Characters with two meanings are refused. */
export function parseCsvOptions(input: unknown = {}): Result<CsvOptions, readonly Issue[]> {
  const issues = [...checkSettings(CSV_SCHEMA, input)];
  const options = { ...DEFAULT_CSV, ...(isObject(input) ? (input as Partial<CsvOptions>) : {}) };
  const { delimiter, quote, lineSeparator } = options;
  if (delimiter === quote || delimiter === lineSeparator || (quote !== "" && quote === lineSeparator)) {
    issues.push(
      settingsIssue(
        "settings.csv",
        ["delimiter"],
        "delimiter, quote and line separator that differ",
        delimiter,
      ),
    );
  }
  return issues.length > 0 ? err(issues) : ok(options);
}

/** A value of a cell; `null` and `undefined` are no value. */
export type CsvValue = string | number | boolean | null | undefined;

/** Writes one line, with its separator. Prepared once, called for each row. */
export function csvWriter(options: CsvOptions): (values: readonly CsvValue[]) => string {
  const { delimiter, quote, escape, escapeEscape, emptyValue, nullValue, lineSeparator } = options;
  const cell = (value: CsvValue): string => {
    if (value === null || value === undefined) return nullValue;
    if (typeof value !== "string") return String(value);
    const text = trimmed(value, options);
    if (text === "") return emptyValue;
    return needsQuotes(text, options) ? quoted(text) : text;
  };
  const quoted = (text: string): string => {
    let inner = text;
    if (escape !== quote && escape !== "")
      inner = inner.replaceAll(escape, `${escapeEscape || escape}${escape}`);
    if (escape !== "") inner = inner.replaceAll(quote, `${escape}${quote}`);
    return `${quote}${inner}${quote}`;
  };
  return (values) => {
    let line = "";
    for (let index = 0; index < values.length; index += 1) {
      line += index === 0 ? cell(values[index]) : delimiter + cell(values[index]);
    }
    return line + lineSeparator;
  };
}

function trimmed(text: string, { trimLeading, trimTrailing }: CsvOptions): string {
  if (trimLeading && trimTrailing) return text.trim();
  return trimLeading ? text.trimStart() : trimTrailing ? text.trimEnd() : text;
}

/** A text is quoted when a reader would otherwise take it apart, or for one of the stand-ins. */
function needsQuotes(text: string, options: CsvOptions): boolean {
  const { delimiter, quote, lineSeparator, emptyValue, nullValue } = options;
  if (quote === "") return false;
  return (
    text.includes(delimiter) ||
    text.includes(quote) ||
    text.includes(lineSeparator) ||
    text.includes("\n") ||
    text.includes("\r") ||
    text === nullValue ||
    text === emptyValue
  );
}
