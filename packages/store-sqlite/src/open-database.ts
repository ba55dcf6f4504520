import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { inOurWords, SqliteStoreError } from "./errors.ts";
import { migrate } from "./schema.ts";

/** How a SQLite store is opened. */
export interface SqliteStoreOptions {
  /** The file; it is made when it is not there, its folder is not. One file holds one sandbox. */
  readonly path: string;
  /** Refuse (`sqlite.open`) rather than make a new file (false). */
  readonly mustExist?: boolean;
  /**
   * `full` (default): a commit is on disk, flushed, before it is acknowledged. `normal`: it is not flushed; a power
   * cut may lose the last commits (never tear one), the end of the process loses nothing.
   */
  readonly synchronous?: "full" | "normal";
  /** How long to wait for another process that writes to the file, in milliseconds (5,000). */
  readonly busyTimeout?: number;
  /** Memory for pages of the file, in MiB (64). */
  readonly pageCache?: number;
  /**
   * How much of the file is read as mapped memory, in MiB (0). It makes reads of a large store a quarter faster; the
   * system counts what was read as memory of the process, and takes it back when others need it.
   */
  readonly mappedFile?: number;
  /** How many persons used last are kept decoded in memory (10,000). */
  readonly warmPersons?: number;
  /**
   * From how many on the events stored last, which are found through memory, go into the tables that find them (20,000).
   * More make commits faster and opening slower.
   */
  readonly recentEvents?: number;
}

/** At 64 MiB a commit brings the log into the file itself. A thread does it before (`Checkpointer`), unless it cannot keep up. */
const CHECKPOINT_PAGES = 16_000;
const MIB_IN_KIB = 1024;
const MIB = 2 ** 20;

/** Opens the file with everything a store relies on: WAL, the flush it promised, and the newest schema. */
export function openDatabase(options: SqliteStoreOptions): DatabaseSync {
  const { path, synchronous = "full", busyTimeout = 5000, pageCache = 64, mappedFile = 0 } = options;
  if (options.mustExist === true && !existsSync(path)) {
    throw new SqliteStoreError("sqlite.open", `There is no file ${path}.`);
  }
  const database = open(path, busyTimeout);
  try {
    database.exec(`PRAGMA journal_mode = WAL`);
    database.exec(`PRAGMA synchronous = ${synchronous === "normal" ? "NORMAL" : "FULL"}`);
    database.exec(`PRAGMA cache_size = -${Math.round(pageCache * MIB_IN_KIB)}`);
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.exec(`PRAGMA mmap_size = ${Math.round(mappedFile * MIB)}`);
    database.exec("PRAGMA temp_store = MEMORY");
    migrate(database);
    return database;
  } catch (cause) {
    database.close();
    const known = inOurWords(cause);
    if (known instanceof SqliteStoreError) throw known;
    throw new SqliteStoreError(
      "sqlite.open",
      "Name a file that is a SQLite database or not there yet.",
      cause,
    );
  }
}

function open(path: string, timeout: number): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout });
  } catch (cause) {
    throw new SqliteStoreError(
      "sqlite.open",
      "Make the folder first, and check that it can be written to.",
      cause,
    );
  }
}
