import type { MongoClientOptions } from "mongodb";

const SERVER_SELECTION_MS = 5000;

/**
 * The options of the driver: all that is given, in the connection string or beside it, as it is. Without a word on it a
 * deployment is looked for so long that a request still gets its answer in time, not for the driver's 30 seconds.
 */
export function driverOptions(uri: string, given: MongoClientOptions = {}): MongoClientOptions {
  // What stands beside the connection string counts more than what stands in it.
  const isSaid = /[?&]serverSelectionTimeoutMS=/i.test(uri);
  return {
    ...(isSaid ? {} : { serverSelectionTimeoutMS: SERVER_SELECTION_MS }),
    ...given,
    ignoreUndefined: true,
  };
}
