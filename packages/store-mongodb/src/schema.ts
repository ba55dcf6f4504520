import type { Db } from "mongodb";
import { collectionsOf } from "./collections.ts";
import { MongoStoreError } from "./errors.ts";

/** One step a schema version. Steps can be run again after a crash, and are never edited after a release. */
const MIGRATIONS: readonly ((database: Db) => Promise<void>)[] = [
  makeCollections,
  indexSuccessors,
  markTexts,
];

/** Brings the database to the newest schema. Throws `mongodb.newer` for one of a later version. */
export async function migrate(
  database: Db,
  migrations: readonly ((database: Db) => Promise<void>)[] = MIGRATIONS,
): Promise<void> {
  const { values } = collectionsOf(database);
  const version = (await values.findOne({ _id: "schema" }))?.value ?? 0;
  if (version > migrations.length) {
    throw new MongoStoreError(
      "mongodb.newer",
      `Its schema is ${version}, this version reads up to ${migrations.length}. Run the newer version, or restore a backup.`,
    );
  }
  for (const [index, step] of migrations.entries()) {
    if (index < version) continue;
    await step(database);
    await values.updateOne({ _id: "schema" }, { $max: { value: index + 1 } }, { upsert: true });
  }
}

/** Collections exist before the first transaction, which cannot make them everywhere; and each query has its index. */
async function makeCollections(database: Db): Promise<void> {
  const collections = collectionsOf(database);
  const there = new Set(
    (await database.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name),
  );
  for (const { collectionName } of Object.values(collections)) {
    if (!there.has(collectionName)) await database.createCollection(collectionName);
  }
  await collections.persons.createIndex({ next: 1 }, { sparse: true });
  await collections.events.createIndex({ o: 1, t: 1 });
  await collections.records.createIndex({ o: 1 });
  await collections.membershipLog.createIndex({ p: 1, n: 1 }, { unique: true });
  await collections.outbox.createIndex({ d: 1, n: 1 });
  await collections.documents.createIndex({ k: 1, id: 1 });
}

/** Whoever is erased takes along the ids that led to them. */
async function indexSuccessors(database: Db): Promise<void> {
  await collectionsOf(database).persons.createIndex({ s: 1 }, { sparse: true });
}

/** A filter on attributes cannot look into bodies that are kept as text: it finds them by a mark of their own. */
async function markTexts(database: Db): Promise<void> {
  const { fragments } = collectionsOf(database);
  await fragments.updateMany({ "fragments.body": { $type: "string" } }, { $set: { text: true } });
  await fragments.createIndex({ text: 1, _id: 1 }, { partialFilterExpression: { text: true } });
}
