import type { RecordOperation } from "@tessera/profile-store";
import type { Binary, Collection, Db, Document } from "mongodb";

/** What every event touches of a person. `v` 0 stands for someone removed: `s` says who goes on. */
export interface PersonDocument {
  readonly _id: string;
  readonly v: number;
  readonly ids?: readonly string[];
  /** Whether the person has data (counts as a person). */
  readonly data?: boolean;
  /** `nextChangeAt`. */
  readonly next?: number;
  /** Identity graph, as JSON: opaque to stores. */
  readonly graph?: string;
  readonly memberships?: readonly MembershipDocument[];
  readonly state?: Binary;
  readonly events?: number;
  readonly evaluated?: number;
  /** Regions, as JSON. */
  readonly regions?: string;
  /** The version of the person that last wrote the fragments; absent when there are none. */
  readonly fv?: number;
  /** The person's successor. */
  readonly s?: string;
  /** How many membership changes the log holds of this person. */
  readonly logged?: number;
}

/** One standing in one audience. */
export interface MembershipDocument {
  readonly ns: string;
  readonly id: string;
  readonly status: string;
  readonly at: number;
  readonly v: number;
  readonly until?: number;
}

/** The attributes of a person, apart from what every event touches. */
export interface FragmentsDocument {
  readonly _id: string;
  readonly v: number;
  /** There when the body of a fragment is a text, which no filter can look into. */
  readonly text?: true;
  readonly fragments: readonly FragmentDocument[];
}

/** One fragment; its body is a document that MongoDB can filter, or JSON text when its field names do not allow that. */
interface FragmentDocument {
  readonly dataset: string;
  readonly owner: string;
  readonly at: number;
  readonly times?: string;
  /** As JSON. */
  readonly state?: string;
  readonly body: Document | string;
}

/** Whom an identity belongs to. */
export interface IdentityDocument {
  readonly _id: string;
  readonly p: string;
}

/** An event; its body is JSON text. */
export interface EventDocument {
  readonly _id: string;
  readonly d: string;
  readonly o: string;
  readonly i?: readonly string[];
  readonly t: number;
  readonly n: number;
  readonly b?: string;
}

/** A record; its body is JSON text. */
export interface RecordDocument {
  readonly id: string;
  readonly d: string;
  readonly o: string;
  readonly i?: readonly string[];
  readonly op: string;
  readonly t: number;
  readonly n: number;
  readonly b: string;
}

/** A membership change: number `n` of person `p`. */
export interface ChangeDocument {
  readonly p: string;
  readonly n: number;
  readonly ns: string;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly at: string;
  readonly v: number;
}

/** An outbox entry. */
export interface EntryDocument {
  readonly _id: string;
  readonly d: string;
  readonly p: string;
  readonly at: number;
  readonly b: string;
  readonly n: number;
}

/** A quarantined item. */
export interface ItemDocument {
  readonly _id: string;
  readonly d: string;
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly at: number;
  readonly b: string;
  /** What a record was to do, unless it was `upsert`. */
  readonly o?: RecordOperation;
  /** Whether it is a row of a file. */
  readonly r?: true;
}

/** A configuration document. */
export interface ConfigurationDocument {
  readonly _id: string;
  readonly k: string;
  readonly id: string;
  readonly v: number;
  readonly b: string;
}

/** One of the parts that a counter is kept in. */
export interface CounterDocument {
  readonly _id: string;
  readonly name: string;
  /** `hub`: a counter of the port. `total`: a number of stored things. */
  readonly kind: "hub" | "total";
  readonly value: number;
}

/** A lease on a piece of work. */
interface LeaseDocument {
  readonly _id: string;
  readonly holder: string;
  /** Grows each time the lease changes hands. */
  readonly token: number;
  readonly until: Date;
  readonly writes: number;
}

/** A named value: the schema version, the last outbox sequence of a destination. */
interface ValueDocument {
  readonly _id: string;
  readonly value: number;
}

/** For reads of many documents: as many in one answer as fit, where the driver's first one would hold 101. */
export const AT_ONCE = { batchSize: 20_000 } as const;

/** All collections of one store. */
export interface Collections {
  readonly persons: Collection<PersonDocument>;
  readonly fragments: Collection<FragmentsDocument>;
  readonly identities: Collection<IdentityDocument>;
  readonly events: Collection<EventDocument>;
  readonly records: Collection<RecordDocument>;
  /** Owners of events and records. */
  readonly owners: Collection<{ readonly _id: string }>;
  readonly membershipLog: Collection<ChangeDocument>;
  readonly outbox: Collection<EntryDocument>;
  readonly quarantine: Collection<ItemDocument>;
  readonly documents: Collection<ConfigurationDocument>;
  readonly counters: Collection<CounterDocument>;
  readonly leases: Collection<LeaseDocument>;
  readonly values: Collection<ValueDocument>;
}

/** The collections of a database. */
export function collectionsOf(database: Db): Collections {
  return {
    persons: database.collection("persons"),
    fragments: database.collection("fragments"),
    identities: database.collection("identities"),
    events: database.collection("events"),
    records: database.collection("records"),
    owners: database.collection("owners"),
    membershipLog: database.collection("membershipLog"),
    outbox: database.collection("outbox"),
    quarantine: database.collection("quarantine"),
    documents: database.collection("documents"),
    counters: database.collection("counters"),
    leases: database.collection("leases"),
    values: database.collection("values"),
  };
}
