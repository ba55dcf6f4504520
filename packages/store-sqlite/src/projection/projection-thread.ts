// The thread of one shard: it has its own connection to the store and a file of its own.
import { parentPort, workerData } from "node:worker_threads";
import { FileStore } from "../sqlite-store.ts";
import { Shard, type ShardPlace } from "./shard.ts";
import type { FromThread, ToThread } from "./thread-messages.ts";

const place = workerData as ShardPlace;
const PAGES_MIB = 16;
const store = new FileStore({ path: place.path, mustExist: true, warmPersons: 0, pageCache: PAGES_MIB });
const shard = new Shard(store, place);
const tell = (message: FromThread): void => parentPort?.postMessage(message);

async function answer(message: ToThread): Promise<void> {
  switch (message.kind) {
    case "refresh": {
      for (const [done, total] of shard.refresh(message.request)) tell({ kind: "progress", done, total });
      return tell({ kind: "ready", chunks: shard.chunks, persons: shard.persons });
    }
    case "decide":
      return tell({ kind: "part", part: shard.decide(message.chunk, message.asksMoved) });
    case "close":
      shard.close();
      await store.close();
      tell({ kind: "closed" });
      return parentPort?.close();
  }
}

parentPort?.on("message", (message: ToThread) => {
  answer(message).catch((error: unknown) => {
    tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  });
});
