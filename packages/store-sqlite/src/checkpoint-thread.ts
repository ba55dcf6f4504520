import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { bringIn, type CheckpointPass } from "./bring-in.ts";
import type { CheckpointEnd } from "./checkpointer.ts";

/**
 * The thread's side of `Checkpointer`: one checkpoint a message, over a connection that lives no longer than that, so
 * that whoever closes the store is the last to have the file open.
 */
const path = workerData as string;

parentPort?.on("message", () => {
  parentPort?.postMessage(checkpoint());
});

function checkpoint(): CheckpointEnd {
  try {
    const database = new DatabaseSync(path);
    try {
      database.exec("PRAGMA synchronous = FULL");
      // PASSIVE waits for nobody and lets everyone write meanwhile.
      const pass = database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
      pass.setReturnArrays(true);
      bringIn(() => pass.get() as unknown as CheckpointPass);
    } finally {
      database.close();
    }
    return "done";
  } catch {
    // A disk that is full or gone is told by the next commit, in its own words.
    return "failed";
  }
}
