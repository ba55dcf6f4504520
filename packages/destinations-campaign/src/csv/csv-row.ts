import type { CsvOptions } from "./csv-options.ts";

/** One row: texts, or `null` where there is no value. */
export type CsvValues = readonly (string | null)[];

/**
 * A function that writes rows under `options`, each with its line end. A value is quoted when it holds the
 * delimiter, a quote, the escape character or a line end, has blanks at an end, or reads like the null value.
 */
export function createCsvWriter(options: CsvOptions): (values: CsvValues) => string {
  const { delimiter, quote, lineSeparator } = options;
  const special = new RegExp(`[${[delimiter, quote, options.escape].map(inClass).join("")}\r\n]|^\\s|\\s$`);
  const field = fieldWriter(options, special);
  return (values) => {
    let line = "";
    for (let index = 0; index < values.length; index += 1) {
      if (index > 0) line += delimiter;
      line += field(values[index] ?? null);
    }
    return line + lineSeparator;
  };
}

function fieldWriter(options: CsvOptions, special: RegExp): (value: string | null) => string {
  const { quote, emptyValue, formulaGuard } = options;
  const nullText = options.nullValue === "null" ? "NULL" : options.nullValue;
  const quoted = quoter(options);
  const trim = trimmer(options);
  return (value) => {
    if (value === null) return nullText;
    let text = trim === undefined ? value : trim(value);
    if (text === "") return emptyValue === '""' ? quote + quote : "";
    if (formulaGuard && isFormula(text)) text = `'${text}`;
    return text === nullText || special.test(text) ? quoted(text) : text;
  };
}

function quoter({ quote, escape, charToEscapeQuoteEscaping }: CsvOptions): (text: string) => string {
  if (escape === quote) return (text) => quote + text.replaceAll(quote, quote + quote) + quote;
  return (text) =>
    quote +
    text.replaceAll(escape, charToEscapeQuoteEscaping + escape).replaceAll(quote, escape + quote) +
    quote;
}

function trimmer(options: CsvOptions): ((text: string) => string) | undefined {
  const { ignoreLeadingWhiteSpace: start, ignoreTrailingWhiteSpace: end } = options;
  if (start && end) return (text) => text.trim();
  if (start) return (text) => text.trimStart();
  return end ? (text) => text.trimEnd() : undefined;
}

const NUMBER = /^[+-]?\d+(?:[.,]\d+)*$/;

/** Whether a spreadsheet would run the text: it begins with `=`, `+`, `-`, `@`, a tab or a carriage return and is no number. */
export function isFormula(text: string): boolean {
  const first = text.charCodeAt(0);
  const risky =
    first === 0x3d || first === 0x2b || first === 0x2d || first === 0x40 || first === 0x09 || first === 0x0d;
  return risky && !NUMBER.test(text);
}

function inClass(character: string): string {
  return character.replace(/[\\\]^-]/g, "\\$&");
}
