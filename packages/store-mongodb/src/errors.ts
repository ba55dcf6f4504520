import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoOperationTimeoutError,
  MongoServerSelectionError,
} from "mongodb";

/** All failures this package can throw: what they mean, and whether the same call may succeed later. */
export const MONGO_STORE_ERRORS = {
  "mongodb.unavailable": {
    meaning: "The deployment cannot be reached, or changed its primary in the middle of a call.",
    retryable: true,
  },
  "mongodb.contended": {
    meaning: "Other writers changed the same things again and again. Nothing was written.",
    retryable: true,
  },
  "mongodb.no-transactions": {
    meaning: "The deployment has no transactions: it is neither a replica set nor a sharded cluster.",
    retryable: false,
  },
  "mongodb.newer": {
    meaning: "The database was written by a newer version of Tessera.",
    retryable: false,
  },
  "mongodb.sandbox": {
    meaning: "The name of the sandbox is not usable as part of a database name.",
    retryable: false,
  },
  "mongodb.fenced": {
    meaning: "The lease under which this was to be written is lost. Nothing was written.",
    retryable: false,
  },
} as const;

/** The code of a failure of this package. */
export type MongoStoreErrorCode = keyof typeof MONGO_STORE_ERRORS;

/** A failure of the deployment or of its use; refusals of a commit are `CommitResult`s, not errors. */
export class MongoStoreError extends Error {
  readonly code: MongoStoreErrorCode;
  readonly retryable: boolean;

  constructor(code: MongoStoreErrorCode, detail: string, cause?: unknown) {
    super(`${MONGO_STORE_ERRORS[code].meaning} ${detail}`, cause === undefined ? {} : { cause });
    this.name = "MongoStoreError";
    this.code = code;
    this.retryable = MONGO_STORE_ERRORS[code].retryable;
  }
}

const DUPLICATE = 11_000;
const AWAY = ["RetryableWriteError", "RetryableError", "UnknownTransactionCommitResult"];
/** A server that starts, stops or is not the primary any more, or a time that ran out: reads carry no label for those. */
const AWAY_CODES: ReadonlySet<unknown> = new Set([
  6, 7, 50, 89, 91, 134, 189, 262, 9001, 10_107, 11_600, 11_602, 13_435, 13_436,
]);

/** Whether a write failed because a unique key was there already. */
export function isDuplicate(cause: unknown): boolean {
  return cause instanceof MongoError && cause.code === DUPLICATE;
}

/**
 * Whether work inside a transaction may be tried again from its beginning: the server says so, or the wire broke. Where no
 * server was found for as long as the driver looks for one, whoever asked is told, and does not wait for it several times.
 */
export function isTransient(cause: unknown): boolean {
  const error = originOf(cause);
  if (error instanceof MongoServerSelectionError) return false;
  return (error instanceof MongoError && error.hasErrorLabel("TransientTransactionError")) || isAway(error);
}

/** Whether a commit was surely not done, so that its work may be tried again. */
export function isRefusedCommit(cause: unknown): boolean {
  return (
    cause instanceof MongoError &&
    cause.hasErrorLabel("TransientTransactionError") &&
    !cause.hasErrorLabel("UnknownTransactionCommitResult")
  );
}

/** The same failure in this package's words, when it is one of the deployment; otherwise `cause` itself. */
export function inOurWords(cause: unknown): unknown {
  if (!isAway(originOf(cause))) return cause;
  return new MongoStoreError("mongodb.unavailable", "Load again and try again once it is back.", cause);
}

function isAway(error: unknown): boolean {
  return (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    error instanceof MongoOperationTimeoutError ||
    (error instanceof MongoError &&
      (AWAY_CODES.has(error.code) || AWAY.some((label) => error.hasErrorLabel(label))))
  );
}

/** A bulk write wraps what really happened, and loses its labels. */
function originOf(cause: unknown): unknown {
  if (!(cause instanceof MongoBulkWriteError)) return cause;
  const origin: unknown = cause.errorResponse;
  return origin instanceof MongoError ? origin : cause;
}
