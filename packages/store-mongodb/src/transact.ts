import { setTimeout as wait } from "node:timers/promises";
import type { ClientSession, MongoClient, TransactionOptions } from "mongodb";
import type { LostSessions } from "./lost-sessions.ts";
import { inOurWords, isDuplicate, isRefusedCommit, isTransient, MongoStoreError } from "./errors.ts";

const OPTIONS: TransactionOptions = {
  readConcern: { level: "snapshot" },
  writeConcern: { w: "majority", journal: true },
  readPreference: "primary",
};
const ATTEMPTS = 12;
const FIRST_WAIT = 4;
const LONGEST_WAIT = 1000;

/** What to do in a transaction, and what to do when it meets what is there already. */
export interface Transaction<T> {
  /** Does the work; undefined asks for it to be undone, `resolve` says why. */
  readonly work: (session: ClientSession) => Promise<T | undefined>;
  /** After a refusal or a duplicate key: the answer, or undefined to try again. */
  readonly resolve: () => Promise<T | undefined>;
}

/**
 * Runs a transaction, again when the deployment asks for it or when another writer was faster, with growing pauses.
 * The answer is given only after a majority has it on disk. Throws a retryable `MongoStoreError` when it gives up.
 */
export async function transact<T>(
  client: MongoClient,
  lost: LostSessions,
  { work, resolve }: Transaction<T>,
): Promise<T> {
  await lost.end(client);
  const session = client.startSession();
  let last: unknown;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) await wait(Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt));
      let committing = false;
      session.startTransaction(OPTIONS);
      try {
        const answer = await work(session);
        if (answer !== undefined) {
          committing = true;
          await session.commitTransaction();
          last = undefined;
          return answer;
        }
        await abort(session);
      } catch (cause) {
        last = cause;
        await abort(session);
        // A commit whose answer was lost may have been done: only who asked for it can find out.
        const again = committing ? isRefusedCommit(cause) : isTransient(cause);
        if (again) continue;
        if (!isDuplicate(cause)) throw cause;
      }
      const answer = await resolve();
      if (answer !== undefined) {
        last = undefined;
        return answer;
      }
    }
  } catch (cause) {
    last = cause;
    throw inOurWords(cause);
  } finally {
    if (inOurWords(last) instanceof MongoStoreError && session.id !== undefined) lost.add(session.id);
    await session.endSession();
  }
  const known = inOurWords(last);
  if (known instanceof MongoStoreError) throw known;
  throw new MongoStoreError("mongodb.contended", "Load again and try again later.", last);
}

/** Undoes the transaction; when even that fails the server undoes it by itself. */
async function abort(session: ClientSession): Promise<void> {
  if (!session.inTransaction()) return;
  await session.abortTransaction().catch(() => undefined);
}
