import type { MongoClientOptions } from "mongodb";

const SERVER_SELECTION_MS = 5000;
const HEARTBEAT_MS = 2000;
/** How much longer than the pause between two checks of a server nobody may ask for one sooner, in milliseconds. */
const UNASKED_MS = 500;

/**
 * The options of the driver: all that is given, in the connection string or beside it, as it is. Without a word on it a
 * deployment is looked for so long that a request still gets its answer in time, not for the driver's 30 seconds.
 *
 * Servers are checked at fixed times, never sooner because an operation failed. Where checks are polled, the driver would
 * otherwise send one at once on the connection that has just been closed, wait for its answer for good, and never find
 * the deployment again once it is back.
 */
export function driverOptions(uri: string, given: MongoClientOptions = {}): MongoClientOptions {
  // What stands beside the connection string counts more than what stands in it.
  const said = (name: string): string | undefined => new RegExp(`[?&]${name}=([^&]*)`, "i").exec(uri)?.[1];
  const heartbeat = given.heartbeatFrequencyMS ?? Number(said("heartbeatFrequencyMS") ?? HEARTBEAT_MS);
  return {
    ...(said("serverSelectionTimeoutMS") === undefined && { serverSelectionTimeoutMS: SERVER_SELECTION_MS }),
    heartbeatFrequencyMS: heartbeat,
    minHeartbeatFrequencyMS: heartbeat + UNASKED_MS,
    ...given,
    ignoreUndefined: true,
  };
}
