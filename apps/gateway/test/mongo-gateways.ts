import { type MongoStore, openMongoStore } from "@tessera/store-mongodb";
import { MongoClient } from "mongodb";
import { describe, test } from "vitest";

const MONGODB_URI: string | undefined = process.env["MONGODB_URI"];

/** Tests that need MongoDB: skipped, with the reason, where there is none; a failure under CI. */
export function withMongo(name: string, define: (uri: string) => void): void {
  if (MONGODB_URI !== undefined) {
    describe(name, () => define(MONGODB_URI));
  } else if (process.env["CI"] === "true") {
    test(`${name}: needs MongoDB`, () => {
      throw new Error("CI is set and MONGODB_URI is not: start a MongoDB replica set and export its URI.");
    });
  } else {
    test(`${name}: needs MongoDB`, ({ skip }) =>
      skip("MONGODB_URI is not set (a replica set, e.g. mongodb://127.0.0.1/?replicaSet=rs0)"));
  }
}

/** The URI with a database named in it. */
function uriOf(uri: string, database: string): string {
  const url = new URL(uri);
  url.pathname = `/${database}`;
  return url.href;
}

/** Does something with a database of its own, which is dropped in the end. */
export async function inDatabase(
  uri: string,
  work: (store: MongoStore, uri: string) => Promise<void>,
): Promise<void> {
  const database = `tessera-gateways-${process.pid}-${Math.floor(performance.now())}`;
  const store = await openMongoStore({ uri, database });
  try {
    await work(store, uriOf(uri, database));
  } finally {
    await store.close();
    const client = await new MongoClient(uri).connect();
    await client.db(database).dropDatabase();
    await client.close();
  }
}
