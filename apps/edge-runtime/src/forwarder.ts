import type { EdgeNotice } from "./edge.ts";
import { backOffMs, type DrainPorts, drainStep, MAX_BATCH } from "./forward-queue.ts";

/** Keeps a queue flowing. */
export interface Forwarder {
  /** There is something new in the queue; `urgent` does not wait for others to travel with. */
  readonly wake: (urgent?: boolean) => void;
  /** Stops after the batch under way. */
  readonly stop: () => Promise<void>;
}

/** Drains a queue whenever there is something in it, waiting longer and longer while the hub does not take it. */
export function createForwarder(
  ports: DrainPorts & {
    readonly notice: (notice: EdgeNotice) => void;
    /** A number from 0 to 1. */
    readonly random: () => number;
    /** How long entries are gathered before they are sent together, in milliseconds. */
    readonly gatherMs: number;
  },
): Forwarder {
  let isStopped = false;
  let running: Promise<void> | undefined;
  let hasNews = true;
  let endSleep: (() => void) | undefined;
  let isGathering = false;
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    let failures = 0;
    let gathers = true;
    while (!isStopped) {
      isGathering = gathers;
      if (gathers) await sleep(ports.gatherMs);
      isGathering = false;
      hasNews = false;
      const step = await drainStep(ports).catch((thrown: unknown) => {
        const detail = thrown instanceof Error ? thrown.message : "unknown";
        ports.notice({ level: "error", event: "forward.failed", detail });
        return { kind: "retry" as const };
      });
      gathers = step.kind === "sent" && step.count < MAX_BATCH;
      if (step.kind === "sent") failures = 0;
      else if (step.kind === "empty") {
        if (!hasNews) return;
      } else {
        if (failures === 0)
          ports.notice({
            level: "warn",
            event: "forward.waiting",
            detail: "The hub does not take events; they are kept.",
          });
        const after = "afterMs" in step ? step.afterMs : undefined;
        await sleep(after ?? backOffMs(failures, ports.random()));
        failures++;
      }
    }
  };
  const wake = (urgent = false): void => {
    hasNews = true;
    if (urgent && isGathering) endSleep?.();
    if (isStopped || running !== undefined) return;
    running = run().finally(() => {
      running = undefined;
      if (hasNews && !isStopped) wake();
    });
  };
  return {
    wake,
    stop: async () => {
      isStopped = true;
      endSleep?.();
      await running;
    },
  };
}
