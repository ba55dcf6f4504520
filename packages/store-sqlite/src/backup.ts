import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { backup, DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { inOurWords, SqliteStoreError } from "./errors.ts";
import { openDatabase } from "./open-database.ts";
import { dropProjection } from "./projection/projection-files.ts";

const PAGES_AT_ONCE = 1000;

/**
 * Copies an open database to `file`, a bit at a time, and gives the copy its name once it is complete: it takes the place of
 * an earlier backup, and never of a store that somebody has open (`sqlite.exists`).
 */
export async function backupTo(
  database: DatabaseSync,
  file: string,
  progress?: (copiedPages: number, allPages: number) => void,
): Promise<void> {
  refuseOpen(file);
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  try {
    await backup(database, partial, {
      rate: PAGES_AT_ONCE,
      ...(progress === undefined
        ? {}
        : {
            progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages),
          }),
    });
  } catch (cause) {
    if ((cause as { readonly errcode?: number }).errcode !== CANNOT_OPEN) throw inOurWords(cause);
    throw new SqliteStoreError("sqlite.open", `No copy can be written to ${file}.`, cause);
  }
  renameSync(partial, file);
}

/** SQLite's result code for a file that cannot be opened. */
const CANNOT_OPEN = 14;

/** Refuses a file that somebody has open: what they write after it was replaced would be lost. */
function refuseOpen(file: string): void {
  if (!existsSync(file)) return;
  const database = new DatabaseSync(file);
  try {
    // Only who is alone with a file may end its log; each that opens it begins one again.
    database.exec("PRAGMA journal_mode = DELETE");
  } catch (cause) {
    const known = inOurWords(cause);
    if (!(known instanceof SqliteStoreError && known.code === "sqlite.busy")) return;
    throw new SqliteStoreError("sqlite.exists", "A process has it open: end it first, or name another file.");
  } finally {
    database.close();
  }
}

/**
 * Makes the store at `to` from the backup at `from`, which stays as it is. The backup is checked first: whole, a
 * Tessera store, of a version this one reads. Refuses to overwrite `to` (`sqlite.exists`) unless `replace` is set
 * and no process has it open.
 */
export async function restoreSqliteStore(
  from: string,
  to: string,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  if (!existsSync(from)) throw new SqliteStoreError("sqlite.open", `There is no backup at ${from}.`);
  if (existsSync(to) && options.replace !== true) {
    throw new SqliteStoreError("sqlite.exists", "Name another file, or say that it is to be replaced.");
  }
  refuseOpen(to);
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  const source = new DatabaseSync(readAlone(from), { readOnly: true });
  try {
    const verdict = verdictOf(source);
    if (verdict !== "ok") throw new SqliteStoreError("sqlite.open", `The backup is damaged: ${verdict}.`);
    await backup(source, partial, { rate: PAGES_AT_ONCE });
  } finally {
    source.close();
  }
  try {
    // Closing brings what the log still holds into the file, so that one file is all there is.
    openDatabase({ path: partial }).close();
  } catch (cause) {
    for (const end of ["", "-wal", "-shm"]) rmSync(`${partial}${end}`, { force: true });
    throw cause;
  }
  for (const end of ["", "-wal", "-shm"]) rmSync(`${to}${end}`, { force: true });
  dropProjection(to);
  renameSync(partial, to);
}

/** A file without a log is read without making one beside it; what a log holds is part of the store. */
function readAlone(file: string): string | URL {
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (log > 0) return file;
  const alone = pathToFileURL(file);
  alone.searchParams.set("immutable", "1");
  return alone;
}

function verdictOf(database: DatabaseSync): string {
  try {
    return String(database.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"]);
  } catch (cause) {
    return (cause as Error).message;
  }
}
