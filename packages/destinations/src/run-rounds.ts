import type { Sleep } from "./perform.ts";

/** Keeps going round at every listed destination, each at its own pace, until `signal` is aborted. */
export async function runRounds(runner: {
  readonly rounds: (destinationId: string) => Promise<{ readonly kind: string; readonly until?: number }>;
  readonly report: (destinationId: string, error: unknown) => void;
  readonly destinationIds: () => readonly string[];
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly idleMs: number;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { rounds, report, destinationIds, now, sleep, idleMs, signal } = runner;
  const running = new Map<string, Promise<void>>();
  const loop = async (id: string): Promise<void> => {
    while (!signal.aborted && destinationIds().includes(id)) {
      const round = await rounds(id).catch((error: unknown) => {
        report(id, error);
        return { kind: "idle", until: undefined };
      });
      if (round.kind === "worked") continue;
      const wait = round.until === undefined ? idleMs : Math.min(round.until - now(), idleMs * 4);
      await sleep(Math.max(1, wait), signal);
    }
  };
  while (!signal.aborted) {
    for (const id of destinationIds()) {
      if (!running.has(id))
        running.set(
          id,
          loop(id).finally(() => running.delete(id)),
        );
    }
    await sleep(idleMs, signal);
  }
  await Promise.all(running.values());
}
