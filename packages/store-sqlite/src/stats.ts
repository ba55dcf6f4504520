import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/** Sizes of a store's file. */
export interface SqliteStoreStats {
  /** The file, the log of commits beside it included. */
  readonly bytes: number;
  /** Part of the file that is free to be used again. */
  readonly freeBytes: number;
  /** The log of commits that are on disk and not yet in the file itself. */
  readonly logBytes: number;
  readonly schemaVersion: number;
}

/** Sizes of the file at `path`, which `database` has open. */
export function fileStats(database: DatabaseSync, path: string): SqliteStoreStats {
  const pragma = (name: string): number =>
    Number((database.prepare(`PRAGMA ${name}`).get() as Record<string, unknown>)[name]);
  const pageSize = pragma("page_size");
  const logBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return {
    bytes: pragma("page_count") * pageSize + logBytes,
    freeBytes: pragma("freelist_count") * pageSize,
    logBytes,
    schemaVersion: pragma("user_version"),
  };
}
