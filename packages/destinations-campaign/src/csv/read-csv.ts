/** How a file to be read was written. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly escape: string;
}

const RFC_4180: CsvDialect = { delimiter: ",", quote: '"', escape: '"' };
const ROW_END = /[\r\n]/;

/**
 * Reads the rows of a CSV text that comes in pieces of any size, cut anywhere. Bare empty fields are `null`, quoted ones
 * texts; `\n`, `\r` and `\r\n` end rows; empty lines are passed over. A quoted value that never ends is read up to the end.
 */
export function* readCsv(
  pieces: Iterable<string>,
  dialect: CsvDialect = RFC_4180,
): Generator<readonly (string | null)[], void, undefined> {
  const { delimiter, quote, escape } = dialect;
  let row: (string | null)[] = [];
  let value = "";
  let quoted = false;
  let inside = false;
  /** An escape character whose meaning the next character decides. */
  let held = false;
  let afterReturn = false;
  const field = (): void => {
    row.push(value === "" && !quoted ? null : value);
    value = "";
    quoted = false;
  };
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += 1) {
      const character = piece.charAt(at);
      if (held) {
        held = false;
        if (character === quote || (escape !== quote && character === escape)) {
          value += character;
          continue;
        }
        if (escape === quote) inside = false;
        else value += escape;
      }
      if (inside) {
        if (character === escape) held = true;
        else if (character === quote) inside = false;
        else value += character;
        continue;
      }
      if (character === "\n" && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = character === "\r";
      if (character === quote && value === "" && !quoted) {
        inside = true;
        quoted = true;
      } else if (character === delimiter) field();
      else if (ROW_END.test(character)) {
        if (row.length > 0 || value !== "" || quoted) {
          field();
          yield row;
          row = [];
        }
      } else value += character;
    }
  }
  if (row.length > 0 || value !== "" || quoted) {
    field();
    yield row;
  }
}

/** The rows after the first as objects under the names of the first; fields without a value are absent. */
export function* readCsvRecords(
  pieces: Iterable<string>,
  dialect?: CsvDialect,
): Generator<{ readonly [column: string]: string }, void, undefined> {
  let columns: readonly (string | null)[] | undefined;
  for (const row of readCsv(pieces, dialect)) {
    if (columns === undefined) {
      columns = row;
      continue;
    }
    const record: [string, string][] = [];
    for (const [index, value] of row.entries()) {
      const column = columns[index];
      if (column !== undefined && column !== null && value !== null) record.push([column.trim(), value]);
    }
    yield Object.fromEntries(record);
  }
}
