import type { ExperienceEvent, IdentityKey, JsonObject, JsonValue, MembershipChange } from "@tessera/xdm";
import type { RecordOperation, StoredRecord } from "./fragment.ts";
import type { PersonState } from "./person-state.ts";

/** An event as it is kept for good. */
export interface StoredEvent {
  /** `_id` of the event, unique within the sandbox. */
  readonly id: string;
  readonly datasetId: string;
  /** The primary identity: the event belongs to the person who has it. */
  readonly owner: IdentityKey;
  /** All graph-building identities, in key order, the owner among them. */
  readonly identities: readonly IdentityKey[];
  /** The event's own time, in milliseconds. */
  readonly at: number;
  readonly ingestedAt: number;
  /** The event itself; `undefined` after its expiry, when only its links remain as truth. */
  readonly body?: ExperienceEvent;
}

/** Something that came in and could not be taken, kept with its reason so that it can be fixed and replayed. */
export interface QuarantinedItem {
  readonly id: string;
  readonly datasetId: string;
  readonly kind: "event" | "record";
  readonly code: string;
  readonly message: string;
  readonly at: number;
  readonly body: JsonValue;
  /** What the record was to do, when that was something else than `upsert`. */
  readonly operation?: RecordOperation;
  /** The body is a row of a file (or the text of one that cannot be read), to be mapped as its dataset says. */
  readonly isRow?: true;
}

/** A message for a destination, written in the same commit as the change that caused it. */
export interface OutboxEntry {
  /** Idempotency key: the same entry written twice is one entry. */
  readonly id: string;
  readonly destinationId: string;
  readonly personId: string;
  readonly at: number;
  readonly body: JsonObject;
}

/** A stored outbox entry; `sequence` grows in the order of commits. */
export interface QueuedEntry extends OutboxEntry {
  readonly sequence: number;
}

/** A named piece of configuration (audience, destination, dataset, …). `version` 0 stands for "not stored yet". */
export interface StoredDocument {
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly body: JsonObject;
}

/** Writing a document: refused when the stored version is not `expectedVersion`; `body` undefined deletes it. */
export interface DocumentWrite {
  readonly kind: string;
  readonly id: string;
  readonly expectedVersion: number;
  readonly body?: JsonObject;
}

/** Writing a person: refused when the stored version is not `person.version - 1`. */
export type PersonWrite =
  | {
      readonly kind: "put";
      readonly person: PersonState;
      /** whether fragments differ from what is stored */ readonly fragmentsChanged: boolean;
    }
  | {
      readonly kind: "remove";
      readonly personId: string;
      readonly expectedVersion: number;
      /** who goes on in their place */ readonly successor?: string;
    };

/** All that one decision changes. It is committed as a whole or not at all. */
export interface HubCommit {
  readonly persons: readonly PersonWrite[];
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
  readonly memberships: readonly MembershipChange[];
  readonly outbox: readonly OutboxEntry[];
  readonly quarantine: readonly QuarantinedItem[];
  readonly documents: readonly DocumentWrite[];
  /** Added to the sandbox's named counters (members of an audience, persons with data). */
  readonly counters: { readonly [name: string]: number };
  /** What the commit takes away before it adds its own. */
  readonly erase?: Erasure;
}

/** What a commit erases: for good and everywhere, so that a rebuild does not bring it back. What is not there is no conflict. */
export interface Erasure {
  /** Persons of whom no trace stays: membership log, waiting outbox entries, and ids that led to them. Remove them in the same commit. */
  readonly persons?: readonly string[];
  /** Identities of whom no trace stays: all events and records they own, and the identity itself when nobody has it. */
  readonly owners?: readonly IdentityKey[];
  /** Ids of events that go as a whole. The same commit may add an event of the same id. */
  readonly events?: readonly string[];
  /** Owners all of whose records go; their events stay. The same commit may add records of them. */
  readonly recordsOf?: readonly IdentityKey[];
  /** Ids of events that lose their body and keep their links. */
  readonly eventBodies?: readonly string[];
  /** Owners whose records lose their bodies and keep their links: each becomes a `delete`. */
  readonly recordBodies?: readonly IdentityKey[];
}

/** Events found on a walk over all of them, and where the walk goes on; without `next` it is at its end. */
export interface ExpiringEvents {
  readonly events: readonly { readonly id: string; readonly owner: IdentityKey }[];
  readonly next?: string;
}

/** One thing that a store holds, as a copy takes it to another store. */
export type StoredItem =
  | { readonly kind: "document"; readonly document: StoredDocument }
  | { readonly kind: "event"; readonly event: StoredEvent }
  /** All records of one owner, in the order they take effect. */
  | { readonly kind: "records"; readonly owner: IdentityKey; readonly records: readonly StoredRecord[] }
  | { readonly kind: "person"; readonly person: PersonState }
  /** An id that leads to another person. */
  | { readonly kind: "alias"; readonly personId: string; readonly successor: string }
  /** The whole membership log of one person. */
  | { readonly kind: "log"; readonly personId: string; readonly changes: readonly MembershipChange[] }
  | { readonly kind: "outbox"; readonly entry: OutboxEntry }
  | { readonly kind: "quarantine"; readonly item: QuarantinedItem }
  | { readonly kind: "counter"; readonly name: string; readonly value: number };

/** A page of what a store holds, and where the next one begins; without `next` it is the last. */
export interface StoredPage {
  readonly items: readonly StoredItem[];
  readonly next?: string;
}

/** Why a commit was refused. Nothing of it was written: load and decide again. */
export interface CommitConflict {
  readonly code: "conflict";
  readonly persons: readonly string[];
  readonly events: readonly string[];
  readonly documents: readonly string[];
}

/** The persons around a batch: whom its identities belong to, and which of its events are known already. */
export interface Neighbourhood {
  readonly persons: ReadonlyMap<string, PersonState>;
  readonly personOf: ReadonlyMap<IdentityKey, string>;
  readonly knownEvents: ReadonlySet<string>;
}

/** The outcome of a commit. */
export type CommitResult = { readonly ok: true } | { readonly ok: false; readonly error: CommitConflict };

/**
 * The hub's store, one for each sandbox: what the hub needs kept, and nothing of what it decides.
 *
 * Laws (the conformance suite shows them): a commit is atomic and durable before it resolves; versions guard every
 * person and document, so that two writers never lose an update; an event id is stored once; an identity belongs to one
 * person, and a put that takes it from a person not written in the same commit conflicts; reads see whole commits;
 * what is erased is gone from every later answer.
 */
export interface HubStore {
  /** Persons by identity, and which event ids are stored. Unknown identities are simply absent. */
  load(identities: readonly IdentityKey[], eventIds: readonly string[]): Promise<Neighbourhood>;
  /** Persons by id; an id that went into another person leads to that one. */
  persons(personIds: readonly string[]): Promise<readonly PersonState[]>;
  /** Events owned by any of `owners` with `from <= at`, in (at, id) order. */
  events(owners: readonly IdentityKey[], from?: number): Promise<readonly StoredEvent[]>;
  /** Records owned by any of `owners`, in the order they take effect. */
  records(owners: readonly IdentityKey[]): Promise<readonly StoredRecord[]>;
  commit(commit: HubCommit): Promise<CommitResult>;

  /** Persons with `nextChangeAt <= now`, earliest first. */
  due(now: number, limit: number): Promise<readonly string[]>;
  /** The earliest `nextChangeAt` of all persons. */
  nextDue(): Promise<number | undefined>;
  /** Persons in `personId` order, after `after`. */
  scan(after: string, limit: number): Promise<readonly PersonState[]>;
  /** Membership changes of a person in commit order, newest last. */
  membershipLog(personId: string): Promise<readonly MembershipChange[]>;

  document(kind: string, id: string): Promise<StoredDocument | undefined>;
  /** All documents of a kind, in id order. */
  documents(kind: string): Promise<readonly StoredDocument[]>;
  counters(): Promise<{ readonly [name: string]: number }>;
  /** Numbers of stored things. */
  totals(): Promise<{
    readonly events: number;
    readonly records: number;
    readonly persons: number;
    readonly identities: number;
  }>;

  /** Outbox entries of a destination with a sequence above `after`, in order. */
  outbox(destinationId: string, after: number, limit: number): Promise<readonly QueuedEntry[]>;
  /** Removes delivered entries by id. */
  acknowledge(entryIds: readonly string[]): Promise<void>;

  quarantined(limit: number, after?: string): Promise<readonly QuarantinedItem[]>;
  releaseQuarantined(ids: readonly string[]): Promise<void>;

  /**
   * Walks over the events that have a body, some in each call, and gives those that happened before the moment (ms) of
   * their dataset. A walk begins without `after`, goes on at the `next` of the page before, and each of its steps is
   * short: a page may hold fewer than `limit` events, or none. Events stored after the walk began may be left out.
   */
  expiring(
    before: { readonly [datasetId: string]: number },
    step: { readonly after?: string; readonly limit: number },
  ): Promise<ExpiringEvents>;

  /**
   * All that the store holds, about `limit` items a page, in an order that stays while nobody writes: `next` of a page,
   * kept over a restart, leads to the page after it.
   */
  exportItems(step: { readonly after?: string; readonly limit: number }): Promise<StoredPage>;
  /**
   * Takes in items of an export as they are, versions included, in the order they were exported. An item taken in twice
   * is there once. For a store that nobody else uses meanwhile; each call is atomic.
   */
  importItems(items: readonly StoredItem[]): Promise<void>;

  /** Removes all that is derived (persons, memberships, counters); the truth and the documents stay. */
  dropDerived(): Promise<void>;
  /** All owners with events or records, in key order, after `after`: where a rebuild begins. */
  owners(after: IdentityKey, limit: number): Promise<readonly IdentityKey[]>;

  close(): Promise<void>;
}
