import {
  type CommitResult,
  compareEvents,
  compareRecords,
  fromStored,
  type Erasure,
  type HubCommit,
  type HubStore,
  type Neighbourhood,
  type PersonFinder,
  type PersonState,
  toStored,
} from "@tessera/profile-store";
import { type ClientSession, type Db, MongoClient, type MongoClientOptions, ObjectId } from "mongodb";
import { AT_ONCE, type Collections, collectionsOf, type CounterDocument } from "./collections.ts";
import { conflictOf } from "./conflict-of.ts";
import { driverOptions } from "./driver-options.ts";
import { inOurWords, MongoStoreError } from "./errors.ts";
import { type Lease, Leases } from "./leases.ts";
import { LostSessions } from "./lost-sessions.ts";
import { followSuccessors, readAround, readPersons } from "./read-persons.ts";
import { createMongoFinder } from "./person-finder.ts";
import { duePersons, explainScan, indexAttributes, type PersonPart, scanPersons } from "./person-part.ts";
import { Recent } from "./recent.ts";
import { membershipsSince, type RecentMemberships } from "./recent-memberships.ts";
import { migrate } from "./schema.ts";
import { Slots } from "./slots.ts";
import { transact } from "./transact.ts";
import { expiringEvents, exportPage, takeIn } from "./transfer.ts";
import {
  decodeChange,
  decodeDocument,
  decodeEntry,
  decodeEvent,
  decodeItem,
  decodeRecord,
  documentKey,
} from "./truth-documents.ts";
import { type CommitTarget, ownersOf, writeCommit } from "./write-commit.ts";

/** How a MongoDB store is opened. */
export interface MongoStoreOptions {
  /** `mongodb://…` or `mongodb+srv://…` of a replica set or a sharded cluster. */
  readonly uri: string;
  readonly database: string;
  /** Each sandbox is a database of its own: `<database>_<sandbox>`. Letters, digits and hyphens. */
  readonly sandbox?: string;
  /** Passed to the driver as they are, as are those of the URI. */
  readonly clientOptions?: MongoClientOptions;
}

/** A HubStore in MongoDB, shared by any number of processes, with the leases that divide work among them. */
export interface MongoStore extends HubStore {
  readonly leases: Leases;
  /**
   * The same store, whose writes are refused (`mongodb.fenced`) once `lease` is lost. With `part`, `due` and `scan` see
   * those persons only. Closing it closes nothing.
   */
  under(lease: Lease, part?: PersonPart): HubStore;
  /** A text that is another one whenever a document of these kinds was written. */
  versionsOf(kinds: readonly string[]): Promise<string>;
  /** Makes the indexes that `scan` of candidates uses, for attributes such as `homeAddress.city`. */
  indexAttributes(paths: readonly string[]): Promise<void>;
  /** Membership changes that any process committed since a mark, some of them again; without a mark, where to begin. */
  membershipsSince(mark?: string): Promise<RecentMemberships>;
  /** Finds persons by indexes of the deployment. */
  personFinder(): PersonFinder;
  /** How the deployment would look for the candidates of `part`. */
  explainScan(part: PersonPart): Promise<object>;
}

type Removal = (filter: { _id: { $in: string[] } }, options: { session: ClientSession }) => Promise<unknown>;

const SANDBOX = /^[A-Za-z0-9-]{1,32}$/;
const KNOWN_OWNERS = 100_000;
const LARGEST_LIMIT = 2 ** 31 - 1;

/**
 * Connects, checks that the deployment has transactions, and makes or migrates the collections. Throws a
 * `MongoStoreError` when it cannot be used.
 */
export async function openMongoStore(options: MongoStoreOptions): Promise<MongoStore> {
  const { uri, database, sandbox, clientOptions } = options;
  if (sandbox !== undefined && !SANDBOX.test(sandbox)) {
    throw new MongoStoreError("mongodb.sandbox", "Use 1 to 32 letters, digits and hyphens.");
  }
  const client = new MongoClient(uri, driverOptions(uri, clientOptions));
  try {
    await client.connect();
    const db = client.db(sandbox === undefined ? database : `${database}_${sandbox}`);
    const hello = await db.command({ hello: 1 });
    if (hello["setName"] === undefined && hello["msg"] !== "isdbgrid") {
      throw new MongoStoreError(
        "mongodb.no-transactions",
        "Start mongod with --replSet, one member is enough.",
      );
    }
    await migrate(db);
    return new DatabaseStore(client, db);
  } catch (cause) {
    await client.close();
    throw inOurWords(cause);
  }
}

class DatabaseStore implements MongoStore {
  readonly leases: Leases;
  readonly #client: MongoClient;
  readonly #c: Collections;
  readonly #slots: Slots;
  readonly #owners = new Recent<string, true>(KNOWN_OWNERS);
  readonly #lost = new LostSessions();
  #lastInLine: Promise<unknown> = Promise.resolve();

  constructor(client: MongoClient, db: Db) {
    this.#client = client;
    this.#c = collectionsOf(db);
    this.leases = new Leases(this.#c);
    this.#slots = new Slots(new ObjectId().id[6] ?? 0);
  }

  under(lease: Lease, part?: PersonPart): HubStore {
    const remove = (collection: { deleteMany: Removal }, ids: readonly string[]): Promise<true> =>
      this.#inLine(() =>
        this.#transact(async ({ session }) => {
          await this.leases.guard(lease, session);
          await collection.deleteMany({ _id: { $in: ids.map(toStored) } }, { session });
          return true as const;
        }),
      );
    return {
      ...this,
      commit: (commit) => this.#commit(commit, lease),
      due: (now, limit) => asked(() => duePersons(this.#c, { now, limit: clamp(limit), part })),
      scan: (after, limit) => asked(() => scanPersons(this.#c, { after, limit: clamp(limit), part })),
      acknowledge: async (ids) => {
        if (ids.length > 0) await remove(this.#c.outbox, ids);
      },
      releaseQuarantined: async (ids) => {
        if (ids.length > 0) await remove(this.#c.quarantine, ids);
      },
      close: async () => undefined,
    };
  }

  async versionsOf(kinds: readonly string[]): Promise<string> {
    const found = await asked(() =>
      this.#c.documents
        .find({ k: { $in: kinds.map(toStored) } }, { ...AT_ONCE, projection: { v: 1 } })
        .sort({ k: 1, id: 1 })
        .toArray(),
    );
    return found.map(({ _id, v }) => `${_id} ${v}`).join("\n");
  }

  async indexAttributes(paths: readonly string[]): Promise<void> {
    await asked(() => indexAttributes(this.#c, paths));
  }

  membershipsSince(mark?: string): Promise<RecentMemberships> {
    return asked(() => membershipsSince(this.#c, mark));
  }

  personFinder(): PersonFinder {
    return createMongoFinder(this.#c, asked);
  }

  async explainScan(part: PersonPart): Promise<object> {
    return asked(() => explainScan(this.#c, part));
  }

  load: HubStore["load"] = async (identities, eventIds) =>
    asked(async (): Promise<Neighbourhood> => {
      const events =
        eventIds.length === 0
          ? []
          : this.#c.events
              .find({ _id: { $in: eventIds.map(toStored) } }, { projection: { _id: 1 } })
              .toArray();
      const [known, around] = await Promise.all([events, readAround(this.#c, identities)]);
      return { ...around, knownEvents: new Set(known.map(({ _id }) => fromStored(_id))) };
    });

  persons: HubStore["persons"] = async (personIds) =>
    asked(async () => {
      const ends = await followSuccessors(this.#c, [...new Set(personIds)].map(toStored));
      const persons = await readPersons(this.#c, [...ends.values()]);
      const found = new Map<string, PersonState>();
      for (const id of personIds) {
        const person = persons.get(ends.get(toStored(id)) ?? "");
        if (person !== undefined) found.set(person.personId, person);
      }
      return [...found.values()];
    });

  events: HubStore["events"] = async (owners, from) =>
    asked(async () => {
      if (owners.length === 0) return [];
      const filter = {
        o: { $in: owners.map(toStored) },
        ...(from === undefined ? {} : { t: { $gte: from } }),
      };
      return (await this.#c.events.find(filter, AT_ONCE).toArray()).map(decodeEvent).sort(compareEvents);
    });

  records: HubStore["records"] = async (owners) =>
    asked(async () => {
      if (owners.length === 0) return [];
      const found = await this.#c.records.find({ o: { $in: owners.map(toStored) } }, AT_ONCE).toArray();
      return found.map(decodeRecord).sort(compareRecords);
    });

  commit: HubStore["commit"] = async (commit) => this.#commit(commit, undefined);

  due: HubStore["due"] = async (now, limit) => asked(() => duePersons(this.#c, { now, limit: clamp(limit) }));

  nextDue: HubStore["nextDue"] = async () =>
    asked(async () => {
      const filter = { next: { $exists: true } };
      return (await this.#c.persons.findOne(filter, { sort: { next: 1 }, projection: { next: 1 } }))?.next;
    });

  scan: HubStore["scan"] = async (after, limit) =>
    asked(() => scanPersons(this.#c, { after, limit: clamp(limit) }));

  membershipLog: HubStore["membershipLog"] = async (personId) =>
    asked(async () => {
      const found = this.#c.membershipLog.find({ p: toStored(personId) }, AT_ONCE).sort({ n: 1 });
      return (await found.toArray()).map(decodeChange);
    });

  document: HubStore["document"] = async (kind, id) =>
    asked(async () => {
      const found = await this.#c.documents.findOne({ _id: documentKey(kind, id) });
      return found === null ? undefined : decodeDocument(found);
    });

  documents: HubStore["documents"] = async (kind) =>
    asked(async () => {
      const found = await this.#c.documents
        .find({ k: toStored(kind) })
        .sort({ id: 1 })
        .toArray();
      return found.map(decodeDocument);
    });

  counters: HubStore["counters"] = async () => asked(() => this.#sums("hub"));

  totals: HubStore["totals"] = async () =>
    asked(async () => {
      const { events = 0, records = 0, persons = 0, identities = 0 } = await this.#sums("total");
      return { events, records, persons, identities };
    });

  outbox: HubStore["outbox"] = async (destinationId, after, limit) =>
    asked(async () => {
      if (limit < 1) return [];
      const found = this.#c.outbox
        .find({ d: toStored(destinationId), n: { $gt: after } })
        .sort({ n: 1 })
        .limit(clamp(limit));
      return (await found.toArray()).map(decodeEntry);
    });

  acknowledge: HubStore["acknowledge"] = async (ids) =>
    asked(async () => {
      if (ids.length > 0) await this.#c.outbox.deleteMany({ _id: { $in: ids.map(toStored) } });
    });

  quarantined: HubStore["quarantined"] = async (limit, after = "") =>
    asked(async () => {
      if (limit < 1) return [];
      const found = this.#c.quarantine
        .find({ _id: { $gt: toStored(after) } })
        .sort({ _id: 1 })
        .limit(clamp(limit));
      return (await found.toArray()).map(decodeItem);
    });

  releaseQuarantined: HubStore["releaseQuarantined"] = async (ids) =>
    asked(async () => {
      if (ids.length > 0) await this.#c.quarantine.deleteMany({ _id: { $in: ids.map(toStored) } });
    });

  expiring: HubStore["expiring"] = async (before, step) =>
    asked(() => expiringEvents(this.#c, before, { ...step, limit: atLeastOne(step.limit) }));

  exportItems: HubStore["exportItems"] = async (step) =>
    asked(() => exportPage(this.#c, { ...step, limit: atLeastOne(step.limit) }, () => this.#sums("hub")));

  importItems: HubStore["importItems"] = async (items) => {
    await this.#transact(async (target) => {
      await takeIn(items, target);
      return true;
    });
  };

  /** Removes collection by collection: stop the workers first, and call it again if it was cut short. */
  dropDerived: HubStore["dropDerived"] = async () =>
    asked(async () => {
      await this.#c.persons.deleteMany({ v: { $gt: 0 } });
      await this.#c.persons.updateMany({ logged: { $gt: 0 } }, { $unset: { logged: "" } });
      await this.#c.fragments.deleteMany({});
      await this.#c.identities.deleteMany({});
      await this.#c.membershipLog.deleteMany({});
      await this.#c.counters.deleteMany({ kind: "hub" });
      await this.#c.counters.deleteMany({ kind: "total", name: { $in: ["persons", "identities"] } });
    });

  owners: HubStore["owners"] = async (after, limit) =>
    asked(async () => {
      if (limit < 1) return [];
      const found = this.#c.owners
        .find({ _id: { $gt: toStored(after) } })
        .sort({ _id: 1 })
        .limit(clamp(limit));
      return (await found.toArray()).map(({ _id }) => fromStored(_id));
    });

  async close(): Promise<void> {
    await this.#lost.end(this.#client);
    await this.#client.close();
  }

  async #commit(commit: HubCommit, lease: Lease | undefined): Promise<CommitResult> {
    const write = (): Promise<CommitResult> => this.#write(commit, lease);
    return commit.outbox.length > 0 || lease !== undefined ? this.#inLine(write) : write();
  }

  /** What would wait for each other in the database waits for each other here, where it costs no retry. */
  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const written = this.#lastInLine.then(work);
    this.#lastInLine = written.catch(() => undefined);
    return written;
  }

  async #write(commit: HubCommit, lease: Lease | undefined): Promise<CommitResult> {
    const result = await this.#transact<CommitResult>(
      async (target) => {
        if (lease !== undefined) await this.leases.guard(lease, target.session);
        return (await writeCommit(commit, target)) ? { ok: true } : undefined;
      },
      async () => {
        const error = await conflictOf(commit, this.#c);
        return error === undefined ? undefined : { ok: false, error };
      },
    );
    if (!result.ok) return result;
    for (const key of erasedOwners(commit.erase)) this.#owners.delete(key);
    for (const key of ownersOf(commit)) this.#owners.set(key, true);
    return result;
  }

  async #transact<T>(
    work: (target: CommitTarget) => Promise<T | undefined>,
    resolve: () => Promise<T | undefined> = async () => undefined,
  ): Promise<T> {
    const slot = this.#slots.take();
    const isKnownOwner = (key: string): boolean => this.#owners.get(key) === true;
    try {
      return await transact<T>(this.#client, this.#lost, {
        work: (session) => work({ collections: this.#c, session, slot, isKnownOwner }),
        resolve,
      });
    } finally {
      this.#slots.release(slot);
    }
  }

  async #sums(kind: CounterDocument["kind"]): Promise<Readonly<Record<string, number>>> {
    const sums = new Map<string, number>();
    for (const { name, value } of await this.#c.counters.find({ kind }, AT_ONCE).toArray()) {
      sums.set(fromStored(name), (sums.get(fromStored(name)) ?? 0) + value);
    }
    return Object.fromEntries([...sums].filter(([, value]) => value !== 0).sort());
  }
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw inOurWords(cause);
  }
}

function erasedOwners(erasure: Erasure | undefined): readonly string[] {
  return (erasure?.owners ?? []).map(toStored);
}

function atLeastOne(limit: number): number {
  return Math.max(1, clamp(limit));
}

function clamp(limit: number): number {
  return Math.min(LARGEST_LIMIT, Math.trunc(limit));
}
