import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Worker } from "node:worker_threads";

/** The file whose log is brought in. */
export interface CheckpointPlace {
  readonly path: string;
}

/** How one checkpoint ended. */
export type CheckpointEnd = { readonly kind: "done" } | { readonly kind: "failed"; readonly message: string };

const IS_SOURCE = import.meta.url.endsWith(".ts");
const FILE = new URL(IS_SOURCE ? "./checkpoint-thread.ts" : "./checkpoint-thread.js", import.meta.url);
/** So many changed rows make a log of about 32 MiB when each lies on a page of its own with others of its kind. */
const CHANGES = 30_000;

/**
 * Brings the log of commits into the file on a thread of its own, so that no commit waits for it. The thread starts when
 * it is first needed; when it fails, commits bring the log in themselves once it has grown to a limit (`openDatabase`).
 */
export class Checkpointer {
  readonly #place: CheckpointPlace;
  readonly #every: number;
  readonly #changes: StatementSync;
  #worker: Worker | undefined;
  #done: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #last = 0;
  #hasFailed = false;

  /** `database` is who writes; `every`: after so many rows that it changed. */
  constructor(database: DatabaseSync, place: CheckpointPlace, every: number = CHANGES) {
    this.#place = place;
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
    const worker = new Worker(FILE, { workerData: this.#place });
    // A thread that waits keeps no process alive.
    worker.unref();
    const end = (): void => {
      this.#running = undefined;
      this.#done?.();
    };
    worker.on("message", ({ kind }: CheckpointEnd) => {
      // A disk that is full or gone is told by the next commit, in its own words.
      if (kind === "failed") this.#hasFailed = true;
      end();
    });
    worker.on("error", () => {
      this.#hasFailed = true;
      end();
    });
    worker.on("exit", end);
    this.#worker = worker;
    return worker;
  }
}
