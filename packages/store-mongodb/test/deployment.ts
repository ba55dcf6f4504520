import { MongoClient } from "mongodb";
import { afterAll, describe, test } from "vitest";
import { type MongoStore, type MongoStoreOptions, openMongoStore } from "../src/index.ts";

const { MONGODB_URI, MONGODB_ABSENT = "MONGODB_URI is not set: name a replica set" } = process.env;

/** What a test of a deployment uses; all databases it names are dropped in the end. */
export interface Deployment {
  readonly uri: string;
  /** The name of a database that nobody else uses. */
  readonly fresh: () => string;
  readonly open: (options?: Partial<MongoStoreOptions>) => Promise<MongoStore>;
}

/**
 * Tests that need MongoDB. Without MONGODB_URI they are skipped, and the skipped test says why; under CI that is a
 * failure: what is not there cannot be shown to work.
 */
export function withMongo(name: string, define: (deployment: Deployment) => void): void {
  if (MONGODB_URI === undefined) {
    if (process.env["CI"] === "true") {
      test(`${name}: needs MongoDB`, () => {
        throw new Error(`${MONGODB_ABSENT}; under CI that is a failure.`);
      });
    } else {
      test(`${name}: needs MongoDB`, ({ skip }) => skip(MONGODB_ABSENT));
    }
    return;
  }
  const uri = MONGODB_URI;
  const databases: string[] = [];
  describe(name, () => {
    afterAll(async () => {
      const client = await new MongoClient(uri).connect();
      const { databases: all } = await client.db().admin().listDatabases({ nameOnly: true });
      const ours = all.filter((database) => databases.some((known) => database.name.startsWith(known)));
      for (const database of ours) await client.db(database.name).dropDatabase();
      await client.close();
    }, 60_000);
    const fresh = (): string => {
      const title = name.replaceAll(/[^a-z]+/gi, "-").slice(0, 20);
      const database = `tessera-test-${process.pid}-${title}-${databases.length}`;
      databases.push(database);
      return database;
    };
    define({
      uri,
      fresh,
      open: async (options) => openMongoStore({ uri, database: options?.database ?? fresh(), ...options }),
    });
  });
}
