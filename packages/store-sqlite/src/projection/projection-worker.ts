import { Worker } from "node:worker_threads";
import type { ShardPart, ShardPlace, ShardRequest } from "./shard.ts";
import type { FromThread, ToThread } from "./thread-messages.ts";

const IS_SOURCE = import.meta.url.endsWith(".ts");
const FILE = new URL(IS_SOURCE ? "./projection-thread.ts" : "./projection-thread.js", import.meta.url);
/** From the sources, packages are found by their sources too. */
const ARGUMENTS = IS_SOURCE ? ["--conditions=@tessera/source"] : [];

/** One thread, from the side of those who ask it. */
export class ProjectionThread {
  readonly #worker: Worker;
  #waiting: ((message: FromThread) => void) | undefined;
  #fail: ((cause: unknown) => void) | undefined;
  #next = 0;
  #chunks = 0;
  #ended = false;

  constructor(place: ShardPlace) {
    this.#worker = new Worker(FILE, { workerData: place, execArgv: ARGUMENTS });
    // Idle threads keep no process alive.
    this.#worker.unref();
    this.#worker.on("message", (message: FromThread) => this.#waiting?.(message));
    this.#worker.on("error", (error: unknown) =>
      this.#end(error instanceof Error ? error : new Error(String(error))),
    );
    this.#worker.on("exit", () => this.#end(new Error("A thread of the projection ended.")));
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Brings the shard up to date; gives how many persons it has. */
  async refresh(request: ShardRequest, onProgress: (done: number, total: number) => void): Promise<number> {
    const ready = await this.#ask({ kind: "refresh", request }, "ready", onProgress);
    this.#next = 0;
    this.#chunks = ready.chunks;
    return ready.persons;
  }

  /** Decides the next chunk; undefined when there is none. */
  next(asksMoved: boolean): Promise<ShardPart> | undefined {
    if (this.#next >= this.#chunks) return undefined;
    const chunk = this.#next;
    this.#next += 1;
    return this.#ask({ kind: "decide", chunk, asksMoved }, "part").then(({ part }) => part);
  }

  /** Ends the thread whatever it does: what is asked of it fails with `cause`. Its file stays as after its last write. */
  async stop(cause: unknown): Promise<void> {
    this.#end(cause);
    await this.#worker.terminate();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    await this.#ask({ kind: "close" }, "closed");
    await this.#worker.terminate();
  }

  async #ask<K extends FromThread["kind"]>(
    message: ToThread,
    kind: K,
    onProgress?: (done: number, total: number) => void,
  ): Promise<Extract<FromThread, { readonly kind: K }>> {
    if (this.#ended) throw new Error("A thread of the projection ended.");
    this.#worker.ref();
    try {
      return await new Promise((resolve, reject) => {
        this.#fail = reject;
        this.#waiting = (answer) => {
          if (answer.kind === "progress") onProgress?.(answer.done, answer.total);
          else if (answer.kind === "failed") reject(new Error(answer.message));
          else if (isOf(answer, kind)) resolve(answer);
        };
        this.#worker.postMessage(message);
      });
    } finally {
      this.#waiting = undefined;
      this.#fail = undefined;
      this.#worker.unref();
    }
  }

  #end(cause: unknown): void {
    this.#ended = true;
    this.#fail?.(cause);
  }
}

function isOf<K extends FromThread["kind"]>(
  message: FromThread,
  kind: K,
): message is Extract<FromThread, { readonly kind: K }> {
  return message.kind === kind;
}
