import type { CompiledSnapshot, SnapshotSource } from "./compiled-snapshot.ts";
import type { EdgeNotice } from "./edge.ts";
import { backOffMs } from "./forward-queue.ts";
import type { HttpHub } from "./http-hub.ts";

/** What following the hub's snapshots works with. */
export interface SnapshotPollPorts {
  readonly hub: Pick<HttpHub, "snapshot">;
  /** Makes a snapshot ready; `undefined` when it cannot be used (the notice has been given). */
  readonly compile: (json: unknown) => CompiledSnapshot | undefined;
  /** Told of each snapshot that came into force, with its text. */
  readonly save: (text: string) => void;
  readonly notice: (notice: EdgeNotice) => void;
  readonly clock: () => number;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly initial: CompiledSnapshot | undefined;
}

/** A snapshot source that follows the hub until stopped. */
export interface SnapshotPoll extends SnapshotSource {
  readonly current: () => CompiledSnapshot | undefined;
  readonly stop: () => void;
}

const WAIT_MS = 20_000;
/** A hub that answers at once instead of waiting is asked this often. */
const PAUSE_MS = 500;

/** Follows the hub by long polling: a change is in force as soon as it has come over; an unreachable hub changes nothing. */
export function followSnapshots(ports: SnapshotPollPorts): SnapshotPoll {
  let current = ports.initial;
  let isStopped = false;
  let wake: (() => void) | undefined;
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const follow = async (): Promise<void> => {
    let failures = 0;
    while (!isStopped) {
      const asked = ports.clock();
      const answer = await ports.hub.snapshot(current?.snapshot.version, current === undefined ? 0 : WAIT_MS);
      if (isStopped) return;
      if (answer.kind === "unavailable") {
        if (failures === 0)
          ports.notice({
            level: "warn",
            event: "snapshot.unavailable",
            detail: `status ${answer.status ?? "none"}`,
          });
        await sleep(backOffMs(failures++, ports.random()));
        continue;
      }
      failures = 0;
      const compiled = answer.kind === "snapshot" ? ports.compile(answer.json) : undefined;
      if (compiled !== undefined && answer.kind === "snapshot") {
        current = compiled;
        ports.save(answer.text);
        ports.notice({
          level: "info",
          event: "snapshot.taken",
          detail: `version ${compiled.snapshot.version}`,
        });
      } else if (ports.clock() - asked < PAUSE_MS) {
        await sleep(PAUSE_MS);
      }
    }
  };
  void follow();
  return {
    current: () => current,
    stop: () => {
      isStopped = true;
      wake?.();
    },
  };
}
