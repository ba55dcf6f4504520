/** How a CSV file is written: the documented options of file destinations. */
export interface CsvOptions {
  readonly delimiter: string;
  readonly quote: string;
  /** Stands before a quote inside a quoted value. The quote itself (doubling, RFC 4180) or another character. */
  readonly escape: string;
  /** Stands before an escape character inside a quoted value, when `escape` is not the quote. */
  readonly charToEscapeQuoteEscaping: string;
  /** What an empty text is written as: `""` (quoted) or nothing. */
  readonly emptyValue: '""' | "";
  /** What a missing value is written as (`null` writes `NULL`). A text that happens to be the same is quoted. */
  readonly nullValue: "null" | '""' | "";
  readonly lineSeparator: "\n" | "\r";
  /** Blanks at the ends of values are cut. */
  readonly ignoreLeadingWhiteSpace: boolean;
  readonly ignoreTrailingWhiteSpace: boolean;
  readonly header: boolean;
  readonly encoding: "utf-8" | "utf-16";
  readonly compression: "none" | "gzip";
  /** Texts that a spreadsheet would run as a formula get a `'` in front. */
  readonly formulaGuard: boolean;
}

/** What is written unless told otherwise. A missing value is an empty field, an empty text is `""`. */
export const DEFAULT_CSV: CsvOptions = {
  delimiter: ",",
  quote: '"',
  escape: '"',
  charToEscapeQuoteEscaping: "\\",
  emptyValue: '""',
  nullValue: "",
  lineSeparator: "\n",
  ignoreLeadingWhiteSpace: false,
  ignoreTrailingWhiteSpace: false,
  header: true,
  encoding: "utf-8",
  compression: "none",
  formulaGuard: false,
};

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const UNFIT = /[\u0000\r\n\ud800-\udfff]/;

/** Why options contradict each other; empty when they do not. Each names the option and what was expected. */
export function csvOptionIssues(
  options: CsvOptions,
): readonly { readonly option: keyof CsvOptions; readonly expected: string }[] {
  const issues: { readonly option: keyof CsvOptions; readonly expected: string }[] = [];
  for (const option of ["delimiter", "quote", "escape", "charToEscapeQuoteEscaping"] as const) {
    const value = options[option];
    if (value.length !== 1 || UNFIT.test(value))
      issues.push({ option, expected: "one character that is no line end" });
  }
  if (options.delimiter === options.quote)
    issues.push({ option: "quote", expected: "another character than the delimiter" });
  if (options.delimiter === options.escape)
    issues.push({ option: "escape", expected: "another character than the delimiter" });
  if (options.escape !== options.quote && options.charToEscapeQuoteEscaping !== options.escape)
    issues.push({
      option: "charToEscapeQuoteEscaping",
      expected: "the escape character itself, so that readers agree",
    });
  return issues;
}
