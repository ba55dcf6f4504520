import {
  compareRecords,
  type ExpiringEvents,
  fromStored,
  hasData,
  type HubStore,
  type PersonState,
  type StoredItem,
  type StoredPage,
  toStored,
} from "@tessera/profile-store";
import type { IdentityKey } from "@tessera/xdm";
import { AT_ONCE, type Collections } from "./collections.ts";
import { encodeFragments, encodePerson } from "./person-document.ts";
import { readPersons } from "./read-persons.ts";
import {
  decodeChange,
  decodeDocument,
  decodeEntry,
  decodeEvent,
  decodeItem,
  decodeRecord,
  documentKey,
  encodeChange,
  encodeEvent,
  encodeItem,
  encodeRecord,
} from "./truth-documents.ts";
import { count, type CommitTarget, writeOutbox } from "./write-commit.ts";

/** A step of the walk over all events, in the order of their ids. */
export async function expiringEvents(
  { events }: Collections,
  before: Parameters<HubStore["expiring"]>[0],
  { after, limit }: Parameters<HubStore["expiring"]>[1],
): Promise<ExpiringEvents> {
  const page = await events
    .find(after === undefined ? {} : { _id: { $gt: after } }, {
      ...AT_ONCE,
      projection: { d: 1, o: 1, t: 1 },
    })
    .sort({ _id: 1 })
    .limit(limit)
    .toArray();
  const old = page.filter(({ d, t }) => t < (before[fromStored(d)] ?? -Infinity));
  const filter = { _id: { $in: old.map(({ _id }) => _id) }, b: { $exists: true } };
  const whole = old.length === 0 ? [] : await events.find(filter, { projection: { o: 1 } }).toArray();
  const found = { events: whole.map(({ _id, o }) => ({ id: fromStored(_id), owner: fromStored(o) })) };
  const last = page.at(-1);
  return last === undefined || page.length < limit ? found : { ...found, next: last._id };
}

/** What a part of the store has after a place: items, and the place after them; no place when the part is at its end. */
interface Part {
  readonly items: readonly StoredItem[];
  readonly place: readonly (string | number)[] | undefined;
}

/** The parts of a store in the order of an export. */
const PARTS: readonly ((
  collections: Collections,
  after: readonly (string | number)[],
  limit: number,
) => Promise<Part>)[] = [
  async ({ documents }, [after = ""], limit) =>
    part(
      await documents
        .find({ _id: { $gt: String(after) } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
      limit,
      {
        item: (found) => ({ kind: "document", document: decodeDocument(found) }),
      },
    ),
  async ({ events }, [after], limit) =>
    part(
      await events
        .find(after === undefined ? {} : { _id: { $gt: String(after) } }, AT_ONCE)
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
      limit,
      { item: (found) => ({ kind: "event", event: decodeEvent(found) }) },
    ),
  async ({ owners, records }, [after = ""], limit) => {
    const page = await owners
      .find({ _id: { $gt: String(after) } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    const found = await records.find({ o: { $in: page.map(({ _id }) => _id) } }, AT_ONCE).toArray();
    const byOwner = Map.groupBy(found.map(decodeRecord).sort(compareRecords), ({ owner }) => owner);
    return {
      items: [...byOwner]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([owner, said]) => ({ kind: "records", owner, records: said })),
      place: placeAfter(page, limit),
    };
  },
  async (collections, [after], limit) => {
    const from = after === undefined ? {} : { _id: { $gt: String(after) } };
    const page = await collections.persons
      .find({ ...from, v: { $gt: 0 } }, { ...AT_ONCE, projection: { _id: 1 } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    const persons = await readPersons(
      collections,
      page.map(({ _id }) => _id),
    );
    return {
      items: page.flatMap(({ _id }) => {
        const person = persons.get(_id);
        return person === undefined ? [] : [{ kind: "person" as const, person }];
      }),
      place: placeAfter(page, limit),
    };
  },
  async ({ persons }, [after], limit) => {
    const from = after === undefined ? {} : { _id: { $gt: String(after) } };
    const page = await persons
      .find({ ...from, v: 0, s: { $exists: true } }, { projection: { s: 1 } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    return part(page, limit, {
      item: ({ _id, s = "" }) => ({ kind: "alias", personId: fromStored(_id), successor: fromStored(s) }),
    });
  },
  async ({ persons, membershipLog }, [after], limit) => {
    const from = after === undefined ? {} : { _id: { $gt: String(after) } };
    const page = await persons
      .find({ ...from, logged: { $gt: 0 } }, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    const changes = await membershipLog
      .find({ p: { $in: page.map(({ _id }) => _id) } }, AT_ONCE)
      .sort({ p: 1, n: 1 })
      .toArray();
    const byPerson = Map.groupBy(changes.map(decodeChange), ({ personId }) => personId);
    return {
      items: [...byPerson].map(([personId, log]) => ({ kind: "log", personId, changes: log })),
      place: placeAfter(page, limit),
    };
  },
  async ({ outbox }, [destination = "", sequence = 0], limit) => {
    const d = String(destination);
    const page = await outbox
      .find({ $or: [{ d, n: { $gt: Number(sequence) } }, { d: { $gt: d } }] })
      .sort({ d: 1, n: 1 })
      .limit(limit)
      .toArray();
    const last = page.at(-1);
    return {
      items: page.map((found) => {
        const { sequence: _sequence, ...entry } = decodeEntry(found);
        return { kind: "outbox", entry };
      }),
      place: last === undefined || page.length < limit ? undefined : [last.d, last.n],
    };
  },
  async ({ quarantine }, [after], limit) =>
    part(
      await quarantine
        .find(after === undefined ? {} : { _id: { $gt: String(after) } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
      limit,
      { item: (found) => ({ kind: "quarantine", item: decodeItem(found) }) },
    ),
];

/** A page of everything but the counters, which `counters` gives and which come last; `after` names a part and a place in it. */
export async function exportPage(
  collections: Collections,
  { after, limit }: Parameters<HubStore["exportItems"]>[0],
  counters: () => Promise<Readonly<Record<string, number>>>,
): Promise<StoredPage> {
  const [at = 0, ...place] =
    after === undefined ? [] : (JSON.parse(after) as [number, ...(string | number)[]]);
  const read = PARTS[at];
  if (read === undefined) {
    const [from = 0] = place;
    const all = Object.entries(await counters());
    const items = all
      .slice(Number(from), Number(from) + limit)
      .map(([name, value]) => ({ kind: "counter" as const, name, value }));
    const next = Number(from) + limit;
    return next < all.length ? { items, next: JSON.stringify([at, next]) } : { items };
  }
  const found = await read(collections, place, limit);
  const next = found.place === undefined ? [at + 1] : [at, ...found.place];
  return { items: found.items, next: JSON.stringify(next) };
}

/** Takes in items of a copy inside the session's transaction. */
export async function takeIn(items: readonly StoredItem[], target: CommitTarget): Promise<void> {
  for (const item of items) {
    if (item.kind !== "event") await takeInOne(item, target);
  }
  await takeInEvents(items, target);
}

async function takeInEvents(items: readonly StoredItem[], target: CommitTarget): Promise<void> {
  const { collections, session } = target;
  const events = items.flatMap((item) => (item.kind === "event" ? [item.event] : []));
  if (events.length === 0) return;
  const { upsertedCount } = await collections.events.bulkWrite(
    events.map(encodeEvent).map(({ _id, ...event }) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: event }, upsert: true },
    })),
    { session, ordered: false },
  );
  await count(target, { events: upsertedCount });
  await own(
    events.map(({ owner }) => owner),
    target,
  );
}

async function takeInOne(item: Exclude<StoredItem, { kind: "event" }>, target: CommitTarget): Promise<void> {
  const { collections, session, slot } = target;
  switch (item.kind) {
    case "document": {
      const { kind, id, version, body } = item.document;
      const _id = documentKey(kind, id);
      const replacement = { k: toStored(kind), id: toStored(id), v: version, b: JSON.stringify(body) };
      await collections.documents.replaceOne({ _id }, replacement, { session, upsert: true });
      return;
    }
    case "records": {
      const o = toStored(item.owner);
      const { deletedCount } = await collections.records.deleteMany({ o }, { session });
      if (item.records.length > 0)
        await collections.records.insertMany(item.records.map(encodeRecord), { session });
      await count(target, { records: item.records.length - deletedCount });
      await own([item.owner], target);
      return;
    }
    case "person":
      return takeInPerson(item.person, target);
    case "alias": {
      const update = { $set: { v: 0, s: toStored(item.successor) } };
      await collections.persons.updateOne({ _id: toStored(item.personId) }, update, {
        session,
        upsert: true,
      });
      return;
    }
    case "log": {
      const p = toStored(item.personId);
      const changes = item.changes.map((change, index) => encodeChange(change, index + 1));
      await collections.membershipLog.deleteMany({ p }, { session });
      if (changes.length > 0) await collections.membershipLog.insertMany(changes, { session });
      const update = { $set: { logged: changes.length }, $setOnInsert: { v: 0 } };
      await collections.persons.updateOne({ _id: p }, update, { session, upsert: true });
      return;
    }
    case "outbox": {
      const there = await collections.outbox.findOne({ _id: toStored(item.entry.id) }, { session });
      if (there === null) await writeOutbox([item.entry], target);
      return;
    }
    case "quarantine": {
      const { _id, ...rest } = encodeItem(item.item);
      await collections.quarantine.replaceOne({ _id }, rest, { session, upsert: true });
      return;
    }
    case "counter": {
      const name = toStored(item.name);
      await collections.counters.deleteMany({ kind: "hub", name }, { session });
      const _id = JSON.stringify(["hub", slot, item.name]);
      await collections.counters.insertOne({ _id, name, kind: "hub", value: item.value }, { session });
    }
  }
}

async function takeInPerson(person: PersonState, target: CommitTarget): Promise<void> {
  const { collections, session } = target;
  const _id = toStored(person.personId);
  const before = await collections.persons.findOne({ _id }, { session });
  const { set, unset } = encodePerson(person);
  const some = person.fragments.length > 0;
  const update = {
    $set: { ...set, ...(some ? { fv: person.version } : {}) },
    $unset: { ...unset, ...(some ? {} : { fv: "" as const }) },
  };
  await collections.persons.updateOne({ _id }, update, { session, upsert: true });
  if (some) {
    const { _id: _same, ...fragments } = encodeFragments(person);
    await collections.fragments.replaceOne({ _id }, fragments, { session, upsert: true });
  } else await collections.fragments.deleteOne({ _id }, { session });
  await collections.identities.deleteMany({ p: _id, _id: { $in: [...(before?.ids ?? [])] } }, { session });
  const keys = person.identities.map((key) => ({ _id: toStored(key), p: _id }));
  if (keys.length > 0) await collections.identities.insertMany(keys, { session });
  await count(target, {
    persons: (hasData(person) ? 1 : 0) - (before?.data === true ? 1 : 0),
    identities: keys.length - (before?.ids?.length ?? 0),
  });
}

async function own(keys: readonly IdentityKey[], { collections, session }: CommitTarget): Promise<void> {
  await collections.owners.bulkWrite(
    [...new Set(keys.map(toStored))].map((_id) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: { _id } }, upsert: true },
    })),
    { session, ordered: false },
  );
}

function part<D extends { readonly _id: string }>(
  page: readonly D[],
  limit: number,
  { item }: { readonly item: (found: D) => StoredItem },
): Part {
  return { items: page.map(item), place: placeAfter(page, limit) };
}

function placeAfter(page: readonly { readonly _id: string }[], limit: number): readonly string[] | undefined {
  const last = page.at(-1);
  return last === undefined || page.length < limit ? undefined : [last._id];
}
