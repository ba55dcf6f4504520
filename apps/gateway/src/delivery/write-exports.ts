import { setTimeout as wait } from "node:timers/promises";
import type { FileRequest } from "@tessera/destinations";
import type { Hub } from "@tessera/hub";
import type { Sender } from "../transports/send.ts";

type Planned = Extract<Awaited<ReturnType<Hub["planExports"]>>, { ok: true }>["value"];

/** What became of one file. */
export interface WrittenFile {
  readonly name: string;
  readonly rows: number;
  readonly location: string | undefined;
  readonly bytes: number | undefined;
  readonly failure: string | undefined;
}

const ATTEMPTS = 3;
const FILE_TIMEOUT = 600_000;

/** Writes planned files one after the other; a file that cannot be written is tried again and then told with its reason. */
export async function writeExports(planned: Planned, send: Sender): Promise<readonly WrittenFile[]> {
  const written: WrittenFile[] = [];
  for (const { requests } of planned) {
    for (const request of requests) if (request.kind === "file") written.push(await writeFile(request, send));
  }
  return written;
}

async function writeFile(request: FileRequest, send: Sender): Promise<WrittenFile> {
  const { name, items } = request;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(request, AbortSignal.timeout(FILE_TIMEOUT));
    if (answer.kind === "file") {
      const { location, bytes } = answer;
      return { name, rows: items.length, location, bytes, failure: undefined };
    }
    if (attempt === ATTEMPTS) {
      const failure =
        answer.kind === "failure" ? `${answer.reason}: ${answer.detail}` : "an answer of the wrong kind";
      return { name, rows: items.length, location: undefined, bytes: undefined, failure };
    }
    await wait(200 * 2 ** attempt);
  }
}
