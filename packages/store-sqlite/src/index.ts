export { openSqliteStore, type SqliteStore } from "./sqlite-store.ts";
export { type SqliteStoreOptions } from "./open-database.ts";
export { type ProjectionOptions } from "./projection/projection.ts";
export { type SqliteStoreStats } from "./stats.ts";
export { restoreSqliteStore } from "./backup.ts";
export { SQLITE_STORE_ERRORS, SqliteStoreError, type SqliteStoreErrorCode } from "./errors.ts";
export { createProjectedFinder } from "./projection/projected-finder.ts";
