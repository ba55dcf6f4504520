/** Reads CSV bit by bit. */
export interface CsvReader {
  /** The rows that the text so far completes: field by column name. */
  readonly read: (text: string) => readonly Readonly<Record<string, string>>[];
  /** The last row, when the file does not end with a line break. */
  readonly end: () => readonly Readonly<Record<string, string>>[];
}

/**
 * A reader of CSV (RFC 4180): quoted fields with line breaks and doubled quotes, CRLF or LF, a byte order mark. The first
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
  const endRow = (rows: Readonly<Record<string, string>>[]): void => {
    endField();
    const row = fields;
    fields = [];
    if (row.length === 1 && row[0] === "") return;
    if (columns === undefined) columns = row;
    else rows.push(named(row, columns));
  };

  const take = (character: string, rows: Readonly<Record<string, string>>[]): void => {
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
    else if (character === "\n") endRow(rows);
    else if (character !== "\r") {
      field += character;
      started = true;
    }
  };

  return {
    read: (text) => {
      const rows: Readonly<Record<string, string>>[] = [];
      const from = !begun && text.startsWith("\ufeff") ? 1 : 0;
      begun ||= text.length > 0;
      for (let index = from; index < text.length; index += 1) take(text[index] ?? "", rows);
      return rows;
    },
    end: () => {
      const rows: Readonly<Record<string, string>>[] = [];
      if (fields.length > 0 || field !== "") endRow(rows);
      return rows;
    },
  };
}

function named(row: readonly string[], columns: readonly string[]): Readonly<Record<string, string>> {
  const out: Record<string, string> = Object.create(null) as Record<string, string>;
  row.forEach((value, index) => {
    out[columns[index] ?? `+${index - columns.length + 1}`] = value;
  });
  return { ...out };
}
