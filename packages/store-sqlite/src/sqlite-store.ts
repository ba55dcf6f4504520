import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type CommitConflict,
  type CommitResult,
  type Erasure,
  findConflict,
  type HubCommit,
  type HubStore,
  type Neighbourhood,
  type PersonProjection,
  type PersonState,
} from "@tessera/profile-store";
import type { IdentityKey } from "@tessera/xdm";
import { backupTo } from "./backup.ts";
import { Checkpointer } from "./checkpointer.ts";
import { inOurWords, SqliteStoreError } from "./errors.ts";
import { FragmentCodec } from "./fragment-row.ts";
import { GroupCommit, type Outcome } from "./group-commit.ts";
import { IdentityRows } from "./identity-rows.ts";
import { atLeastOne, clamp } from "./limit.ts";
import { Names } from "./names.ts";
import { openDatabase, type SqliteStoreOptions } from "./open-database.ts";
import { PersonStateCodec } from "./person-state-row.ts";
import { PersonRows } from "./person-rows.ts";
import { PersonSource } from "./projection/person-source.ts";
import { openProjection, type ProjectionOptions } from "./projection/projection.ts";
import { QueueRows } from "./queue-rows.ts";
import { holdersOf, retoldBy } from "./retold-by.ts";
import { RetoldRows } from "./retold-rows.ts";
import { fileStats, type SqliteStoreStats } from "./stats.ts";
import { Totals } from "./totals.ts";
import { exportPage, PersonWalk, takeIn, type TransferParts } from "./transfer.ts";
import { TruthRows } from "./truth-rows.ts";

/** A HubStore in one SQLite file, with what an operator of the file needs. */
export interface SqliteStore extends HubStore {
  /**
   * Copies the store, as it is at one moment, to a new file while it goes on working. The copy is complete once this
   * resolves; a copy cut short leaves only `<file>.partial`.
   */
  backupTo(file: string, progress?: (copiedPages: number, allPages: number) => void): Promise<void>;
  /** Sizes of the file, in bytes, and what lies in its memory. */
  stats(): SqliteStoreStats;
  /**
   * Writes the file anew without what was deleted, so that no erased value stays in its free pages or its journal.
   * Needs room for a second copy meanwhile, and everyone else waits for it.
   */
  compact(): Promise<void>;
  /**
   * A projection of the persons to what audiences read, in files beside the store; its threads start with the first use.
   */
  openProjection(options?: ProjectionOptions): PersonProjection;
}

type Job = HubCommit | (() => void);

const RECENT_EVENTS = 20_000;
const WARM_PERSONS = 10_000;

/**
 * Opens the store in a file, making or migrating it as needed. Commits of one turn of the event loop share one
 * transaction and one flush; each is still accepted or refused for itself, and acknowledged only after the flush.
 * Throws a `SqliteStoreError` when the file cannot be used.
 */
export function openSqliteStore(options: SqliteStoreOptions): SqliteStore {
  return new FileStore(options);
}

/** The store itself; beyond `SqliteStore` it shows its persons by row. */
export class FileStore implements SqliteStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #checkpointer: Checkpointer;
  readonly #names: Names;
  readonly #identities: IdentityRows;
  readonly #totals: Totals;
  readonly #truth: TruthRows;
  readonly #persons: PersonRows;
  readonly #queues: QueueRows;
  readonly #retold: RetoldRows;
  readonly #source: PersonSource;
  readonly #group: GroupCommit<Job, CommitResult>;
  readonly #dataVersion: StatementSync;
  readonly #due: StatementSync;
  readonly #nextDue: StatementSync;
  readonly #parts: TransferParts;
  #seenVersion: number;
  #closed = false;

  constructor(options: SqliteStoreOptions) {
    const database = openDatabase(options);
    this.#path = options.path;
    this.#database = database;
    this.#names = new Names(database);
    this.#identities = new IdentityRows(database);
    this.#totals = new Totals(database);
    const fragments = new FragmentCodec(this.#names);
    const shared = { names: this.#names, identities: this.#identities, totals: this.#totals, fragments };
    const truth = new TruthRows(database, { ...shared, recentEvents: options.recentEvents ?? RECENT_EVENTS });
    this.#truth = truth;
    this.#persons = new PersonRows(database, {
      ...shared,
      states: new PersonStateCodec(this.#names),
      bodyOfRecord: (row) => truth.bodyOf(row),
      warm: options.warmPersons ?? WARM_PERSONS,
    });
    this.#queues = new QueueRows(database, this.#names, this.#persons);
    this.#retold = new RetoldRows(database);
    this.#source = new PersonSource(database, { persons: this.#persons, truth, retold: this.#retold });
    this.#parts = {
      truth,
      persons: this.#persons,
      queues: this.#queues,
      walk: new PersonWalk(database, this.#persons),
    };
    this.#group = new GroupCommit((jobs) => this.#inTransaction(jobs));
    this.#dataVersion = this.#arrays("PRAGMA data_version");
    this.#checkpointer = new Checkpointer(database, options.path);
    this.#due = this.#arrays(
      "SELECT pid FROM person WHERE next_change <= ? ORDER BY next_change, id LIMIT ?",
    );
    this.#nextDue = this.#arrays("SELECT min(next_change) FROM person WHERE next_change IS NOT NULL");
    this.#seenVersion = this.#versionOfFile();
  }

  async load(identities: readonly IdentityKey[], eventIds: readonly string[]): Promise<Neighbourhood> {
    return this.#read(() => {
      const persons = new Map<string, PersonState>();
      const personOf = new Map<IdentityKey, string>();
      for (const key of identities) {
        const row = this.#identities.personOf(key);
        const person = row === undefined ? undefined : this.#persons.at(row);
        if (person === undefined) continue;
        personOf.set(key, person.personId);
        persons.set(person.personId, person);
      }
      return { persons, personOf, knownEvents: new Set(eventIds.filter((id) => this.#truth.isKnown(id))) };
    });
  }

  async persons(personIds: readonly string[]): Promise<readonly PersonState[]> {
    return this.#read(() => {
      const found = new Map<string, PersonState>();
      for (const id of personIds) {
        const person = this.#persons.follow(id);
        if (person !== undefined) found.set(person.personId, person);
      }
      return [...found.values()];
    });
  }

  events: HubStore["events"] = async (owners, from = -Infinity) =>
    this.#read(() => this.#truth.events(owners, from));

  records: HubStore["records"] = async (owners) => this.#read(() => this.#truth.records(owners));

  async commit(commit: HubCommit): Promise<CommitResult> {
    this.#mustBeOpen();
    return this.#group.add(commit);
  }

  due: HubStore["due"] = async (now, limit) =>
    this.#read(() => {
      const rows = this.#due.all(now, clamp(limit)) as unknown as readonly (readonly [string])[];
      return rows.map(([pid]) => this.#persons.nameOf(pid));
    });

  nextDue: HubStore["nextDue"] = async () =>
    this.#read(() => (this.#nextDue.get() as unknown as readonly [number | null])[0] ?? undefined);

  scan: HubStore["scan"] = async (after, limit) => this.#read(() => this.#persons.scan(after, clamp(limit)));

  membershipLog: HubStore["membershipLog"] = async (personId) =>
    this.#read(() => this.#queues.log.of(personId));

  document: HubStore["document"] = async (kind, id) => this.#read(() => this.#queues.document(kind, id));

  documents: HubStore["documents"] = async (kind) => this.#read(() => this.#queues.documents(kind));

  counters: HubStore["counters"] = async () => this.#read(() => this.#queues.counters());

  totals: HubStore["totals"] = async () => this.#read(() => this.#totals.read());

  outbox: HubStore["outbox"] = async (destinationId, after, limit) =>
    this.#read(() => this.#queues.outbox(destinationId, after, clamp(limit)));

  acknowledge: HubStore["acknowledge"] = (ids) => this.#write(() => this.#queues.acknowledge(ids));

  quarantined: HubStore["quarantined"] = async (limit, after = "") =>
    this.#read(() => this.#queues.quarantined(clamp(limit), after));

  releaseQuarantined: HubStore["releaseQuarantined"] = (ids) => this.#write(() => this.#queues.release(ids));

  expiring: HubStore["expiring"] = async (before, step) =>
    this.#read(() => this.#truth.expiring(before, { ...step, limit: atLeastOne(step.limit) }));

  exportItems: HubStore["exportItems"] = async (step) =>
    this.#read(() => exportPage(this.#parts, { ...step, limit: atLeastOne(step.limit) }));

  importItems: HubStore["importItems"] = (items) =>
    this.#write(() => {
      for (const item of items) takeIn(item, this.#parts);
      this.#retold.addAll();
      this.#identities.forgetHolders();
      this.#persons.droppedAll();
    });

  dropDerived: HubStore["dropDerived"] = () =>
    this.#write(() => {
      this.#database.exec(`
        UPDATE person SET version = 0, has_data = 0, next_change = NULL, state = NULL WHERE version > 0;
        UPDATE identity SET person = NULL WHERE person IS NOT NULL;
        DELETE FROM fragments; DELETE FROM membership_log; DELETE FROM counter;
        UPDATE total SET value = 0 WHERE name IN ('persons', 'identities');`);
      this.#retold.addAll();
      this.#totals.forgetDerived();
      this.#identities.forgetHolders();
      this.#persons.droppedAll();
    });

  owners: HubStore["owners"] = async (after, limit) =>
    this.#read(() => this.#truth.owners(after, clamp(limit)));

  async backupTo(file: string, progress?: (copied: number, all: number) => void): Promise<void> {
    this.#mustBeOpen();
    this.#group.flush();
    await backupTo(this.#database, file, progress);
  }

  openProjection(options?: ProjectionOptions): PersonProjection {
    this.#mustBeOpen();
    return openProjection(this.#path, options);
  }

  /** Several reads of persons by row, all of one moment. */
  readSource<T>(work: (source: PersonSource) => T): T {
    return this.#read(() => work(this.#source));
  }

  stats(): SqliteStoreStats {
    this.#mustBeOpen();
    return fileStats(this.#database, this.#path);
  }

  async compact(): Promise<void> {
    this.#mustBeOpen();
    this.#group.flush();
    await this.#checkpointer.idle();
    // What is still replaced after this, such as the request itself, leaves nothing behind in its page either.
    this.#database.exec("PRAGMA secure_delete = ON");
    this.#database.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#group.flush();
    this.#closed = true;
    await this.#checkpointer.close();
    this.#database.close();
  }

  /** Several reads that see the same state of the file, even when another process writes between them. */
  #read<T>(work: () => T): T {
    this.#mustBeOpen();
    this.#database.exec("BEGIN");
    try {
      this.#noticeOthers();
      return work();
    } catch (cause) {
      throw inOurWords(cause);
    } finally {
      this.#database.exec("COMMIT");
    }
  }

  async #write(work: () => void): Promise<void> {
    this.#mustBeOpen();
    await this.#group.add(work);
  }

  #inTransaction(jobs: readonly Job[]): readonly Outcome<CommitResult>[] {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#noticeOthers();
      const outcomes = jobs.map((job) => this.#alone(job, jobs.length === 1));
      this.#totals.write();
      this.#truth.mergeSome();
      this.#database.exec("COMMIT");
      const parts = [this.#persons, this.#truth, this.#names, this.#identities, this.#checkpointer];
      for (const part of parts) part.committed();
      return outcomes;
    } catch (cause) {
      this.#undoAll();
      throw inOurWords(cause);
    }
  }

  /**
   * Does one job so that it leaves nothing behind when it is refused or fails, and the others of its group live. Without
   * others all of the transaction is undone: a savepoint would copy every page before it changes.
   */
  #alone(job: Job, isOnly: boolean): Outcome<CommitResult> {
    const marks = [this.#persons.mark(), this.#truth.mark(), this.#totals.mark()] as const;
    if (!isOnly) this.#database.exec("SAVEPOINT one");
    const undo = (): void => {
      this.#database.exec(isOnly ? "ROLLBACK; BEGIN IMMEDIATE" : "ROLLBACK TO one; RELEASE one");
      this.#persons.backTo(marks[0]);
      this.#truth.backTo(marks[1]);
      this.#totals.backTo(marks[2]);
      // Numbers given by earlier jobs of the group stay valid; they are only looked up again.
      this.#names.rolledBack();
      this.#identities.rolledBack();
      this.#noticeOthers();
    };
    try {
      if (typeof job === "function" ? (job(), true) : this.#apply(job)) {
        if (!isOnly) this.#database.exec("RELEASE one");
        return { answer: { ok: true } };
      }
      undo();
      return { answer: { ok: false, error: this.#conflictOf(job as HubCommit) } };
    } catch (failure) {
      undo();
      return { failure: inOurWords(failure) };
    }
  }

  #apply(commit: HubCommit): boolean {
    const { erase } = commit;
    const parts = { truth: this.#truth, identities: this.#identities, persons: this.#persons };
    const holders = holdersOf(erase, parts);
    if (erase !== undefined) this.#truth.erase(erase);
    // Records come before persons, whose fragments may refer to them.
    this.#truth.addRecords(commit.records);
    if (!this.#persons.write(commit.persons)) return false;
    this.#retold.add(retoldBy(commit, holders, parts));
    if (erase !== undefined) this.#eraseTraces(erase);
    if (!this.#truth.addEvents(commit.events)) return false;
    if (!this.#queues.writeDocuments(commit.documents)) return false;
    this.#queues.addToCounters(commit.counters);
    this.#queues.log.add(commit.memberships);
    this.#queues.enqueue(commit.outbox);
    this.#queues.setAside(commit.quarantine);
    return true;
  }

  /** What is left of persons and identities once nothing refers to them. */
  #eraseTraces({ persons = [], owners = [] }: Erasure): void {
    this.#queues.erase(this.#persons.erase(persons));
    for (const owner of owners) this.#identities.erase(owner);
  }

  #conflictOf(commit: HubCommit): CommitConflict {
    const holderOf = (key: IdentityKey): string | undefined => {
      const row = this.#identities.personOf(key);
      return row === undefined ? undefined : this.#persons.idOf(row);
    };
    const conflict = findConflict(commit, {
      versionOfPerson: (id) => this.#persons.versionOf(id),
      holderOf,
      isKnownEvent: (id) => this.#truth.isKnown(id),
      versionOfDocument: (kind, id) => this.#queues.versionOfDocument(kind, id),
    });
    if (conflict === undefined) {
      throw new Error("A commit was refused, and it conflicts with nothing: this is a bug of the store.");
    }
    return conflict;
  }

  #undoAll(): void {
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    for (const part of [this.#persons, this.#truth, this.#names, this.#identities]) part.rolledBack();
    this.#totals.reset();
  }

  /** What is kept decoded is right only as long as nobody else wrote to the file. */
  #noticeOthers(): void {
    const version = this.#versionOfFile();
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    this.#persons.forgetAll();
    this.#identities.forgetAll();
    this.#truth.catchUp();
  }

  #versionOfFile(): number {
    return (this.#dataVersion.get() as unknown as readonly [number])[0];
  }

  #arrays(sql: string): StatementSync {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new SqliteStoreError("sqlite.closed", "Open it again to go on.");
  }
}
