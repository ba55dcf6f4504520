import { type Erasure, toStored } from "@tessera/profile-store";
import type { ClientSession } from "mongodb";
import { AT_ONCE, type Collections } from "./collections.ts";

/** How many events and records an erasure took away. */
export interface Erased {
  readonly events: number;
  readonly records: number;
}

/** Erases what a commit takes away, inside the session's transaction, after its persons are written. */
export async function erase(
  erasure: Erasure,
  { collections, session }: { readonly collections: Collections; readonly session: ClientSession },
): Promise<Erased> {
  const {
    persons = [],
    owners = [],
    events = [],
    recordsOf = [],
    eventBodies = [],
    recordBodies = [],
  } = erasure;
  if (persons.length > 0) await erasePersons(persons.map(toStored), { collections, session });
  if (eventBodies.length > 0) {
    const filter = { _id: { $in: eventBodies.map(toStored) } };
    await collections.events.updateMany(filter, { $unset: { b: "" } }, { session });
  }
  if (recordBodies.length > 0) {
    const filter = { o: { $in: recordBodies.map(toStored) } };
    await collections.records.updateMany(filter, { $set: { op: "delete", b: "{}" } }, { session });
  }
  if (owners.length + events.length + recordsOf.length === 0) return { events: 0, records: 0 };
  const keys = owners.map(toStored);
  const chosen = { $or: [{ o: { $in: keys } }, { _id: { $in: events.map(toStored) } }] };
  const gone = await collections.events.find(chosen, { ...AT_ONCE, session, projection: { o: 1 } }).toArray();
  await collections.events.deleteMany(chosen, { session });
  const { deletedCount } = await collections.records.deleteMany(
    { o: { $in: [...keys, ...recordsOf.map(toStored)] } },
    { session },
  );
  const perhaps = [...new Set([...keys, ...recordsOf.map(toStored), ...gone.map(({ o }) => o)])];
  const owning = { o: { $in: perhaps } };
  const still = new Set<string>([
    ...(await collections.events.distinct("o", owning, { session })),
    ...(await collections.records.distinct("o", owning, { session })),
  ]);
  const idle = perhaps.filter((key) => !still.has(key));
  await collections.owners.deleteMany({ _id: { $in: idle } }, { session });
  return { events: gone.length, records: deletedCount };
}

/** Logs, waiting entries and the documents of removed persons, and of all ids that led to them. */
async function erasePersons(
  ids: readonly string[],
  { collections, session }: { readonly collections: Collections; readonly session: ClientSession },
): Promise<void> {
  const gone = new Set(ids);
  for (let open = [...ids]; open.length > 0;) {
    const aliases = await collections.persons
      .find({ s: { $in: open }, v: 0 }, { session, projection: { _id: 1 } })
      .toArray();
    open = aliases.map(({ _id }) => _id).filter((id) => gone.size !== gone.add(id).size);
  }
  const all = { $in: [...gone] };
  await collections.membershipLog.deleteMany({ p: all }, { session });
  await collections.outbox.deleteMany({ p: all }, { session });
  await collections.persons.deleteMany({ _id: all, v: 0 }, { session });
}
