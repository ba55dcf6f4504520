/** All failures this package can throw: what they mean, and whether the same call may succeed later. */
export const SQLITE_STORE_ERRORS = {
  "sqlite.newer": {
    meaning: "The file was written by a newer version of Tessera.",
    retryable: false,
  },
  "sqlite.foreign": {
    meaning: "The file is a database of something else.",
    retryable: false,
  },
  "sqlite.exists": {
    meaning: "A backup or a restore would overwrite a file that is to stay.",
    retryable: false,
  },
  "sqlite.open": {
    meaning: "The file cannot be opened: no such folder, no permission, or not a database.",
    retryable: false,
  },
  "sqlite.busy": {
    meaning: "Another process held the file longer than the busy timeout. Nothing was written.",
    retryable: true,
  },
  "sqlite.full": {
    meaning: "The disk is full or failed. Nothing of the commit was written.",
    retryable: true,
  },
  "sqlite.closed": {
    meaning: "The store was closed.",
    retryable: false,
  },
} as const;

/** The code of a failure of this package. */
export type SqliteStoreErrorCode = keyof typeof SQLITE_STORE_ERRORS;

/** A failure of the file or of its surroundings; refusals of a commit are `CommitResult`s, not errors. */
export class SqliteStoreError extends Error {
  readonly code: SqliteStoreErrorCode;
  readonly retryable: boolean;

  constructor(code: SqliteStoreErrorCode, detail: string, cause?: unknown) {
    super(`${SQLITE_STORE_ERRORS[code].meaning} ${detail}`, cause === undefined ? {} : { cause });
    this.name = "SqliteStoreError";
    this.code = code;
    this.retryable = SQLITE_STORE_ERRORS[code].retryable;
  }
}

const BUSY = 5;
const LOCKED = 6;
const IO_ERROR = 10;
const FULL = 13;

/** The same failure in this package's words, when SQLite's result code has one; otherwise `cause` itself. */
export function inOurWords(cause: unknown): unknown {
  const code = (cause as { readonly errcode?: number } | null)?.errcode;
  if (typeof code !== "number") return cause;
  const primary = code & 0xff;
  if (primary === BUSY || primary === LOCKED) {
    return new SqliteStoreError("sqlite.busy", "Try again, or let one process own the file.", cause);
  }
  if (primary === FULL || primary === IO_ERROR) {
    return new SqliteStoreError("sqlite.full", "Make room on the disk and try again.", cause);
  }
  return cause;
}
