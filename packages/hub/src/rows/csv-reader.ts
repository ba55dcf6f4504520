import { UnreadableRow } from "./unreadable-row.ts";

/** A row of CSV: field by column name. */
export type CsvRow = Readonly<Record<string, string>>;

/** Reads CSV bit by bit. */
export interface CsvReader {
  /** The rows that the text so far completes. */
  readonly read: (text: string) => readonly CsvRow[];
  /** The last row, when the file does not end with a line break; unreadable when it ends within quotes. */
  readonly end: () => readonly (CsvRow | UnreadableRow)[];
}

/** So much of a row that cannot be read is kept, in characters. */
const KEPT_TEXT = 1_000_000;

/**
 * A reader of CSV (RFC 4180): quoted fields with line breaks and doubled quotes, CRLF, LF or CR, a byte order mark. The first
 * row names the columns. A row with other than so many fields keeps what fits; fields beyond are named `+1`, `+2`, …
 */
export function createCsvReader({ separator = "," }: { readonly separator?: string } = {}): CsvReader {
  let columns: readonly string[] | undefined;
  let fields: string[] = [];
  let field = "";
  let quoted = false;
  /** A quote inside a quoted field: it ends the field unless another one follows. */
  let perhapsEnd = false;
  let started = false;
  let begun = false;

  const endField = (): void => {
    fields.push(field);
    field = "";
    started = false;
  };
  const endRow = (rows: CsvRow[]): void => {
    endField();
    const row = fields;
    fields = [];
    if (row.length === 1 && row[0] === "") return;
    if (columns === undefined) columns = row;
    else rows.push(named(row, columns));
  };

  const take = (character: string, rows: CsvRow[]): void => {
    if (quoted && !perhapsEnd) {
      if (character === '"') perhapsEnd = true;
      else field += character;
      return;
    }
    if (perhapsEnd) {
      perhapsEnd = false;
      if (character === '"') {
        field += '"';
        return;
      }
      quoted = false;
    }
    if (character === '"' && !started) {
      quoted = true;
      started = true;
    } else if (character === separator) endField();
    // Of CRLF the second ends an empty row, which is none.
    else if (character === "\n" || character === "\r") endRow(rows);
    else {
      field += character;
      started = true;
    }
  };

  return {
    read: (text) => {
      const rows: CsvRow[] = [];
      const from = !begun && text.startsWith("\ufeff") ? 1 : 0;
      begun ||= text.length > 0;
      for (let index = from; index < text.length; index += 1) take(text[index] ?? "", rows);
      return rows;
    },
    end: () => {
      if (quoted && !perhapsEnd) return [openQuote([...fields, `"${field}`].join(separator))];
      const rows: CsvRow[] = [];
      if (fields.length > 0 || field !== "") endRow(rows);
      return rows;
    },
  };
}

function openQuote(text: string): UnreadableRow {
  const message =
    "Expected the quote that opens a cell to be closed, got the end of the file; all behind the quote lies here as one row. Close the quote (a quote within text is doubled), and send what follows it again.";
  return new UnreadableRow("csv.quote", message, text.length > KEPT_TEXT ? undefined : text);
}

function named(row: readonly string[], columns: readonly string[]): CsvRow {
  const out: Record<string, string> = Object.create(null) as Record<string, string>;
  row.forEach((value, index) => {
    out[columns[index] ?? `+${index - columns.length + 1}`] = value;
  });
  return { ...out };
}
