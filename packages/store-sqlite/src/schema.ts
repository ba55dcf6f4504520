import type { DatabaseSync } from "node:sqlite";
import { SqliteStoreError } from "./errors.ts";

/** "Tess": marks a file as a Tessera store in the file's header. */
const APPLICATION_ID = 0x54657373;

/**
 * One step a schema version, each run once, in order. Steps are never edited after a release: a new one is added.
 *
 * What the tables are for:
 * - `name`: data sets, audiences and destinations as small numbers.
 * - `identity`: identity keys as numbers, and whom each belongs to now. Rows are never deleted; an erased key is blotted out.
 * - `person`: what every event touches, as one small row; a row of version 0 stands for someone removed or not yet there.
 * - `fragments`: the attributes of a person, apart, so that an event does not rewrite them.
 * - `event`, `record`: the truth, in the order of arrival, with links to the owner.
 * - `event_key`, `event_of`: events by id and by owner, up to the row that `total` names as `indexed`.
 * - `retold`: persons whose row or truth was taken away in part, in the order of the commits; the `epoch` in `total`
 *   grows when that happened to everyone.
 * - `total`: numbers of stored things, kept by each commit.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE name(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE identity(id INTEGER PRIMARY KEY, key TEXT NOT NULL, person INTEGER);
  CREATE UNIQUE INDEX identity_key ON identity(key);
  CREATE TABLE person(
    id INTEGER PRIMARY KEY, pid TEXT NOT NULL, version INTEGER NOT NULL, has_data INTEGER NOT NULL,
    next_change INTEGER, successor INTEGER, state BLOB);
  CREATE UNIQUE INDEX person_pid ON person(pid);
  CREATE INDEX person_due ON person(next_change) WHERE next_change IS NOT NULL;
  CREATE TABLE fragments(person INTEGER PRIMARY KEY, data BLOB NOT NULL);
  CREATE TABLE event(
    id INTEGER PRIMARY KEY, eid BLOB NOT NULL, dataset INTEGER NOT NULL, owner INTEGER NOT NULL, identities BLOB,
    at INTEGER NOT NULL, ingested INTEGER NOT NULL, body BLOB);
  CREATE UNIQUE INDEX event_eid ON event(eid);
  CREATE INDEX event_owner ON event(owner, at);
  CREATE TABLE record(
    id INTEGER PRIMARY KEY, rid BLOB NOT NULL, dataset INTEGER NOT NULL, owner INTEGER NOT NULL, identities BLOB,
    operation INTEGER NOT NULL, at INTEGER NOT NULL, ordinal INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE INDEX record_owner ON record(owner);
  CREATE TABLE membership_log(
    id INTEGER PRIMARY KEY, person INTEGER NOT NULL, audience INTEGER NOT NULL, change INTEGER NOT NULL,
    version INTEGER NOT NULL, at INTEGER NOT NULL);
  CREATE INDEX membership_log_person ON membership_log(person);
  CREATE TABLE outbox(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, destination INTEGER NOT NULL,
    person TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE INDEX outbox_destination ON outbox(destination);
  CREATE TABLE quarantine(
    id TEXT PRIMARY KEY, dataset TEXT NOT NULL, kind TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    at INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE TABLE document(
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(kind, id));
  CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE total(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO total(name, value) VALUES ('events', 0), ('records', 0), ('persons', 0), ('identities', 0);
  `,
  // Events are found through tables that are filled in sorted batches: see EventIndex.
  `
  CREATE TABLE event_key(eid BLOB PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE event_of(owner INTEGER, at INTEGER, id INTEGER, PRIMARY KEY(owner, at, id)) WITHOUT ROWID;
  INSERT INTO event_key(eid, id) SELECT eid, id FROM event ORDER BY eid;
  INSERT INTO event_of(owner, at, id) SELECT owner, at, id FROM event ORDER BY owner, at, id;
  INSERT INTO total(name, value) SELECT 'indexed', coalesce(max(id), 0) FROM event;
  DROP INDEX event_eid;
  DROP INDEX event_owner;
  `,
  // Whoever is erased takes along the ids that led to them.
  `
  CREATE INDEX person_successor ON person(successor) WHERE successor IS NOT NULL;
  `,
  // What is set aside is sent again as what it was.
  `
  ALTER TABLE quarantine ADD COLUMN operation TEXT;
  ALTER TABLE quarantine ADD COLUMN is_row INTEGER NOT NULL DEFAULT 0;
  `,
  // What a projection of the persons cannot see by their versions: see RetoldRows.
  `
  CREATE TABLE retold(id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL);
  INSERT INTO total(name, value) VALUES ('epoch', 0);
  `,
  // Changes of one person that come together share a row: see MembershipLogRows.
  `
  ALTER TABLE membership_log ADD COLUMN more BLOB;
  `,
];

/**
 * Brings the file to the newest schema, each step with its version number in one transaction.
 * Throws `sqlite.newer` for a file of a later version and `sqlite.foreign` for a database of something else.
 */
export function migrate(database: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  const pragma = (name: string): number =>
    Number((database.prepare(`PRAGMA ${name}`).get() as Record<string, unknown>)[name]);
  const mark = pragma("application_id");
  const tables = (): number =>
    Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] ?? 0);
  if (mark !== APPLICATION_ID && (mark !== 0 || tables() > 0)) {
    throw new SqliteStoreError("sqlite.foreign", "Name a new file, or one that Tessera made.");
  }
  const version = pragma("user_version");
  if (version > migrations.length) {
    throw new SqliteStoreError(
      "sqlite.newer",
      `Its schema is ${version}, this version reads up to ${migrations.length}. Run the newer version, or restore a backup.`,
    );
  }
  if (version === migrations.length) return;
  // The version is read again once the file is ours: another process may have migrated it meanwhile.
  for (;;) {
    database.exec("BEGIN IMMEDIATE");
    try {
      const at = pragma("user_version");
      const step = migrations[at];
      if (step !== undefined) {
        database.exec(step);
        database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${at + 1}`);
      }
      database.exec("COMMIT");
      if (step === undefined) return;
    } catch (cause) {
      database.exec("ROLLBACK");
      throw cause;
    }
  }
}
