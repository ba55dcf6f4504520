import { MongoClient } from "mongodb";
import { driverOptions } from "./driver-options.ts";
import { inOurWords } from "./errors.ts";
import type { MongoStoreOptions } from "./mongo-store.ts";

/** Removes a sandbox's database with everything in it. Nobody may have it open. The default one is never removed. */
export async function dropMongoStore(
  options: Omit<MongoStoreOptions, "sandbox"> & { readonly sandbox: string },
): Promise<void> {
  const client = new MongoClient(options.uri, driverOptions(options.uri, options.clientOptions));
  try {
    await client.db(`${options.database}_${options.sandbox}`).dropDatabase();
  } catch (cause) {
    throw inOurWords(cause);
  } finally {
    await client.close();
  }
}
