import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { backup, DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { SqliteStoreError } from "./errors.ts";
import { openDatabase } from "./open-database.ts";
import { dropProjection } from "./projection/projection-files.ts";

const PAGES_AT_ONCE = 1000;

/** Copies an open database to `file`, a bit at a time, and gives the copy its name once it is complete. */
export async function backupTo(
  database: DatabaseSync,
  file: string,
  progress?: (copiedPages: number, allPages: number) => void,
): Promise<void> {
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  await backup(database, partial, {
    rate: PAGES_AT_ONCE,
    ...(progress === undefined
      ? {}
      : { progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages) }),
  });
  renameSync(partial, file);
}

/**
 * Makes the store at `to` from the backup at `from`, which stays as it is. The backup is checked first: whole, a
 * Tessera store, of a version this one reads. Refuses to overwrite `to` (`sqlite.exists`) unless `replace` is set;
 * no process may have `to` open then.
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
