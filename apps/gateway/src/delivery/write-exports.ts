import { setTimeout as wait } from "node:timers/promises";
import { DEFAULT_RETRY, type DeliveryStore, exportAudience, type Send } from "@tessera/destinations";
import type { Hub } from "@tessera/hub";

type Planned = Extract<Awaited<ReturnType<Hub["planExports"]>>, { ok: true }>["value"][number];
/** What a file is written from. */
export type FileToWrite = Pick<Planned, "destination" | "batch" | "context">;

/** What became of one file. */
export interface WrittenFile {
  readonly name: string;
  readonly rows: number;
  readonly location: string | undefined;
  readonly bytes: number | undefined;
  readonly failure: string | undefined;
}

/** What files are written with. */
export interface ExportPorts {
  readonly send: Send;
  readonly clock: () => number;
  /** Where every row is logged, and those that were refused are set aside. */
  readonly delivery: Pick<DeliveryStore, "record">;
}

/** Someone may be waiting for the answer: a few tries soon, and the next run of the schedule does the rest. */
const RETRY = { ...DEFAULT_RETRY, maxAttempts: 3, baseMs: 400, maxMs: 2_000 };
/** Rows that are logged in one commit. */
const LOGGED_AT_ONCE = 500;

/** Writes planned files one after the other; a file that cannot be written is tried again and then told with its reason. */
export async function writeExports(
  planned: readonly FileToWrite[],
  ports: ExportPorts,
): Promise<readonly WrittenFile[]> {
  const written: WrittenFile[] = [];
  for (const { destination, batch, context } of planned) {
    const files = new Map<string, WrittenFile>();
    const { finished } = await exportAudience(destination, batch, context, {
      send: watched(ports.send, files),
      sleep: (ms, signal) => wait(ms, undefined, signal && { signal }).catch(() => undefined),
      now: ports.clock,
      random: Math.random,
      retry: RETRY,
    });
    written.push(...files.values());
    for (let at = 0; at < finished.length; at += LOGGED_AT_ONCE)
      await ports.delivery.record(finished.slice(at, at + LOGGED_AT_ONCE));
  }
  return written;
}

/** Sends, and keeps what became of each file; the last try counts. */
function watched(send: Send, files: Map<string, WrittenFile>): Send {
  return async (request, signal) => {
    const answer = await send(request, signal);
    if (request.kind !== "file") return answer;
    const { name, items } = request;
    const { location, bytes } = answer.kind === "file" ? answer : NOWHERE;
    files.set(name, { name, rows: items.length, location, bytes, failure: failureOf(answer) });
    return answer;
  };
}

const NOWHERE = { location: undefined, bytes: undefined };

function failureOf(answer: Awaited<ReturnType<Send>>): string | undefined {
  if (answer.kind === "file") return undefined;
  return answer.kind === "failure" ? `${answer.reason}: ${answer.detail}` : "an answer of the wrong kind";
}
