import {
  audienceKey,
  type DeadLetter,
  type DeliveryJournal,
  type DeliveryLogEntry,
  type FinishedItem,
  logEntry,
  type OutboxItem,
  type Pause,
  personOf,
  rowKey,
} from "@tessera/destinations";
import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import { insist, jsonObjectOf, writeDocuments } from "../documents.ts";
import { addToLog, logOf, readLog } from "./delivery-log.ts";

/** Kinds of the documents that delivery keeps beside the log: one an item, an audience, a destination. */
const PAUSE = "deliveryPause";
const letterKind = (destinationId: string): string => `deadLetter:${destinationId}`;
const referenceKind = (destinationId: string): string => `audienceReference:${destinationId}`;

/** Documents that are deleted in one commit. */
const FORGOTTEN_AT_ONCE = 500;

/**
 * The ends of deliveries in the hub's store: dead letters, the log of what each destination was told of whom, and pauses.
 * All of it survives a restart, and every process over the store sees the same.
 */
export function createJournal(store: HubStore): DeliveryJournal {
  return {
    record: (finished) => record(store, finished),
    deadLetters: async (query) => {
      const ids = query.ids && new Set(query.ids);
      const letters = (await store.documents(letterKind(query.destinationId)))
        .map(({ body }) => body as unknown as DeadLetter)
        .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.item.id < b.item.id ? -1 : 1));
      const start =
        query.after === undefined ? 0 : letters.findIndex(({ item }) => item.id === query.after) + 1;
      return letters
        .slice(start)
        .filter(
          (letter) =>
            (!ids || ids.has(letter.item.id)) &&
            (!query.codes || query.codes.includes(letter.code)) &&
            (query.dataflowId === undefined || query.dataflowId === letter.item.dataflowId) &&
            (!query.personIds || query.personIds.includes(personOf(letter.item) ?? "")) &&
            (query.since === undefined || letter.at >= query.since),
        )
        .slice(0, query.limit);
    },
    // What replaces them was appended to the outbox before.
    replaceDeadLetters: async (destinationId, ids) => {
      const kind = letterKind(destinationId);
      const gone = new Set(ids);
      await persist(async () => {
        const letters = (await store.documents(kind)).filter(({ body }) =>
          gone.has((body as unknown as DeadLetter).item.id),
        );
        return writeDocuments(
          store,
          letters.map(({ id }) => ({ kind, id })),
        );
      });
    },
    deliveries: (query) => readLog(store, query),
    setPause: async (destinationId, pause) => {
      const change = { kind: PAUSE, id: destinationId, ...(pause && { body: pause }) };
      await persist(() => writeDocuments(store, [change]));
    },
    references: async (destinationId) =>
      new Map(
        (await store.documents(referenceKind(destinationId))).map(({ id, body }) => [
          id,
          String(body["reference"]),
        ]),
      ),
    pauseOf: async (destinationId) =>
      (await store.document(PAUSE, destinationId))?.body as unknown as Pause | undefined,
  };
}

/** Erases what was told of persons, and the dead letters that carry their values; gives how many entries went. */
export async function eraseDeliveries(
  store: HubStore,
  about: {
    readonly personIds: readonly string[];
    readonly destinationIds: Iterable<string>;
    /** Whether what is stored names one of the persons. */
    readonly names: (body: object) => boolean;
  },
): Promise<number> {
  let count = 0;
  for (const id of new Set(about.personIds)) {
    const log = await logOf(store, id);
    count += log.lines;
    for (const page of log.ids) await persist(() => writeDocuments(store, [{ kind: log.kind, id: page }]));
  }
  for (const destinationId of about.destinationIds) {
    const kind = letterKind(destinationId);
    const letters = (await store.documents(kind)).filter(({ body }) => about.names(body));
    count += letters.length;
    for (const { id } of letters) await persist(() => writeDocuments(store, [{ kind, id }]));
  }
  return count;
}

/** Forgets what is kept of a destination that is gone: dead letters, names of audiences, its pause. The log stays. */
export async function forgetDestination(store: HubStore, destinationId: string): Promise<void> {
  for (const kind of [letterKind(destinationId), referenceKind(destinationId)]) {
    const documents = await store.documents(kind);
    for (let at = 0; at < documents.length; at += FORGOTTEN_AT_ONCE) {
      const part = documents.slice(at, at + FORGOTTEN_AT_ONCE);
      await persist(() =>
        writeDocuments(
          store,
          part.map(({ id }) => ({ kind, id })),
        ),
      );
    }
  }
  await persist(() => writeDocuments(store, [{ kind: PAUSE, id: destinationId }]));
}

/** One commit for all that ended: a log line each, and a dead letter for what was rejected. */
async function record(store: HubStore, finished: readonly FinishedItem[]): Promise<void> {
  const added = new Map<string, DeliveryLogEntry[]>();
  for (const { item, at, outcome } of finished) {
    const line = logEntry(item, at, outcome);
    if (line === undefined) continue;
    const lines = added.get(line.personId);
    if (lines) lines.push(line);
    else added.set(line.personId, [line]);
  }
  // The last word about a row counts, also within one call.
  const letters = new Map<string, readonly [OutboxItem, DeadLetter | undefined]>();
  for (const { item, at, outcome } of finished) {
    if (outcome.kind !== "delivered") {
      letters.set(letterId(item), [item, { item, at, attempts: 1, ...withoutKind(outcome) }]);
    } else if (rowKey(item) !== undefined) letters.set(letterId(item), [item, undefined]);
  }
  await persist(async () => {
    const [lines, writes] = await Promise.all([
      Promise.all([...added].map(([personId, own]) => addToLog(store, personId, own))),
      Promise.all([
        ...[...letters.values()].map(([item, letter]) => letterWrite(store, item, letter)),
        ...[...referred(finished).values()].map((told) => referenceWrite(store, told)),
      ]),
    ]);
    const documents = [...lines.flat(), ...writes.filter((write) => write !== undefined)];
    return documents.length === 0 || (await store.commit({ ...emptyCommit, documents })).ok;
  });
}

interface Referred {
  readonly destinationId: string;
  readonly key: string;
  /** Without one the audience is gone there. */
  readonly reference: string | undefined;
}

/** What destinations call audiences from now on, the last word of each. */
function referred(finished: readonly FinishedItem[]): ReadonlyMap<string, Referred> {
  const told = new Map<string, Referred>();
  for (const { item, outcome } of finished) {
    const { destinationId, payload } = item;
    if (payload.kind !== "audience" || outcome.kind !== "delivered") continue;
    const gone = payload.item.change === "unmapped";
    const reference = gone ? undefined : outcome.reference;
    if (!gone && reference === undefined) continue;
    const key = audienceKey(payload.item.audience);
    told.set(`${destinationId}\n${key}`, { destinationId, key, reference });
  }
  return told;
}

async function referenceWrite(
  store: HubStore,
  { destinationId, key, reference }: Referred,
): Promise<DocumentWrite | undefined> {
  const kind = referenceKind(destinationId);
  const before = await store.document(kind, key);
  if (reference === undefined && before === undefined) return undefined;
  const body = reference === undefined ? undefined : { reference };
  return { kind, id: key, expectedVersion: before?.version ?? 0, ...(body && { body }) };
}

/** A letter stands under the id of its item; that of a row under what it has in common with earlier ones. */
function letterId(item: OutboxItem): string {
  return rowKey(item) ?? item.id;
}

async function letterWrite(
  store: HubStore,
  item: OutboxItem,
  letter: DeadLetter | undefined,
): Promise<DocumentWrite | undefined> {
  const kind = letterKind(item.destinationId);
  const id = letterId(item);
  const before = await store.document(kind, id);
  if (letter === undefined && before === undefined) return undefined;
  const write = { kind, id, expectedVersion: before?.version ?? 0 };
  return letter === undefined ? write : { ...write, body: jsonObjectOf(letter) };
}

function withoutKind<T extends { readonly kind: string }>({ kind: _kind, ...rest }: T): Omit<T, "kind"> {
  return rest;
}

/** Writes until it is written. */
function persist(write: () => Promise<boolean>): Promise<void> {
  return insist(
    write,
    "The delivery journal met conflicting commits without end; it is written again later.",
  );
}
