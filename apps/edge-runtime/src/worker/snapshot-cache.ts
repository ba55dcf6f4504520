import type { CompiledSnapshot } from "../compiled-snapshot.ts";
import type { HttpHub } from "../http-hub.ts";
import type { KeyValueNamespace } from "./workers-types.ts";

const KEY = "snapshot";
/** A snapshot checked this recently is used as it is, in milliseconds. */
const FRESH_MS = 800;
/** While one request asks, the others go on with the snapshot they have, up to this age in milliseconds. */
const BUSY_MS = 3000;

/** What keeping the snapshot of an isolate works with. */
export interface SnapshotCachePorts {
  readonly hub: Pick<HttpHub, "snapshot">;
  readonly compile: (json: unknown) => CompiledSnapshot | undefined;
  readonly cache: KeyValueNamespace | undefined;
  readonly clock: () => number;
}

/**
 * The snapshot of one isolate. Isolates have no background work, so a request that finds it unchecked for most of a
 * second asks the hub whether it changed: a change is in force within one second. While the hub is away the held
 * snapshot stays in force, and a new isolate takes the last one from the cache.
 */
export function createSnapshotCache(ports: SnapshotCachePorts): () => Promise<CompiledSnapshot | undefined> {
  let held: CompiledSnapshot | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let isAsking = false;
  return async () => {
    const age = ports.clock() - checkedAt;
    if (held !== undefined && age >= 0 && (age < FRESH_MS || (isAsking && age < BUSY_MS))) return held;
    isAsking = true;
    try {
      const answer = await ports.hub.snapshot(held?.snapshot.version, 0);
      if (answer.kind === "snapshot") {
        const compiled = ports.compile(answer.json);
        if (compiled !== undefined) {
          held = compiled;
          await ports.cache?.put(KEY, answer.text);
        }
      } else if (held === undefined) {
        const text = await ports.cache?.get(KEY);
        if (typeof text === "string") held = ports.compile(JSON.parse(text));
      }
      checkedAt = ports.clock();
    } finally {
      isAsking = false;
    }
    return held;
  };
}
