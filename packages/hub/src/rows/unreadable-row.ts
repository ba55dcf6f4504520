/** A row of a file that could not even be read. It counts as a row, and goes to quarantine with its reason. */
export class UnreadableRow {
  readonly code: string;
  readonly message: string;
  /** The row as it came; without it, it was too large to be kept. */
  readonly text: string | undefined;

  constructor(code: string, message: string, text?: string) {
    this.code = code;
    this.message = message;
    this.text = text;
  }
}
