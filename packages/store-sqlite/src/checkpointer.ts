import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Worker } from "node:worker_threads";

/** How one checkpoint ended. */
export type CheckpointEnd = "done" | "failed";

const IS_SOURCE = import.meta.url.endsWith(".ts");
const FILE = new URL(IS_SOURCE ? "./checkpoint-thread.ts" : "./checkpoint-thread.js", import.meta.url);
/** So many changed rows make a log of about 32 MiB when each lies on a page of its own with others of its kind. */
const CHANGES = 30_000;

/**
 * Brings the log of commits into the file on a thread of its own, so that no commit waits for it. The thread starts when
 * it is first needed; when it fails, commits bring the log in themselves once it has grown to a limit (`openDatabase`).
 */
export class Checkpointer {
  readonly #path: string;
  readonly #every: number;
  readonly #changes: StatementSync;
  #worker: Worker | undefined;
  #done: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #last = 0;
  #hasFailed = false;

  /** `database` is who writes to the file at `path`; `every`: after so many rows that it changed. */
  constructor(database: DatabaseSync, path: string, every: number = CHANGES) {
    this.#path = path;
    this.#every = every;
    this.#changes = database.prepare("SELECT total_changes()");
    this.#changes.setReturnArrays(true);
  }

  /** A transaction is on disk. */
  committed(): void {
    if (this.#running !== undefined || this.#hasFailed) return;
    const [changes] = this.#changes.get() as unknown as readonly [number];
    if (changes - this.#last < this.#every) return;
    this.#last = changes;
    this.#running = new Promise((resolve) => {
      this.#done = resolve;
      this.#thread().postMessage("checkpoint");
    });
  }

  /** Resolves when no checkpoint is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#hasFailed = true;
    await this.#running;
    await this.#worker?.terminate();
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(FILE, { workerData: this.#path });
    // A thread that waits keeps no process alive.
    worker.unref();
    const end = (how: CheckpointEnd): void => {
      if (how === "failed") this.#hasFailed = true;
      this.#running = undefined;
      this.#done?.();
    };
    worker.on("message", end);
    // A thread that is gone answers nothing any more.
    for (const event of ["error", "exit"]) worker.on(event, () => end("failed"));
    this.#worker = worker;
    return worker;
  }
}
