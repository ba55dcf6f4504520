import type { CompiledSnapshot, SnapshotSource } from "../compiled-snapshot.ts";
import type { HttpHub } from "../http-hub.ts";
import type { KeyValueNamespace } from "./workers-types.ts";

/** The hub is asked at most this often, in milliseconds. */
const ASK_EVERY_MS = 700;
/** The request that asks waits this long at most while it has a snapshot to go on with, in milliseconds. */
const WAIT_MS = 250;

/** What keeping the snapshot of an isolate works with. */
export interface SnapshotCachePorts {
  readonly hub: Pick<HttpHub, "snapshot">;
  readonly compile: (json: unknown) => CompiledSnapshot | undefined;
  readonly cache: KeyValueNamespace | undefined;
  /** The key it is kept under there. */
  readonly key: string;
  readonly clock: () => number;
}

/**
 * The snapshot of one isolate. Isolates have no background work, so a request that finds it unchecked for most of a
 * second asks the hub whether it changed and waits a moment for the answer: a change is in force within one second.
 * A hub that is away or slow costs pages nothing after that one moment: they go on with the held snapshot, and the
 * question goes on behind them. A new isolate takes the last snapshot from the cache when the hub is away.
 */
export function createSnapshotCache(ports: SnapshotCachePorts): SnapshotSource["current"] {
  let held: CompiledSnapshot | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let isSlow = false;
  const ask = async (): Promise<void> => {
    const began = ports.clock();
    const answer = await ports.hub.snapshot(held?.snapshot.version, 0);
    isSlow = ports.clock() - began > WAIT_MS;
    if (answer.kind === "snapshot") {
      const compiled = ports.compile(answer.json);
      if (compiled === undefined) return;
      held = compiled;
      // Other isolates write the same; the platform takes one of them a second.
      await ports.cache?.put(ports.key, answer.text).catch(() => undefined);
    } else if (held === undefined) {
      const text = await ports.cache?.get(ports.key);
      if (typeof text === "string") held ??= ports.compile(JSON.parse(text));
    }
  };
  return async (waitUntil) => {
    const age = ports.clock() - askedAt;
    if (held !== undefined && age >= 0 && age < ASK_EVERY_MS) return held;
    askedAt = ports.clock();
    const asked = ask();
    if (held === undefined) await asked;
    else {
      waitUntil(asked);
      if (!isSlow) await within(asked, WAIT_MS, () => (isSlow = true));
    }
    return held;
  };
}

/** Waits for `work`, but no longer than `ms`. */
async function within(work: Promise<void>, ms: number, late: () => void): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((done) => {
    timer = setTimeout(() => {
      late();
      done();
    }, ms);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
