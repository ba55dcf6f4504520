import { availableParallelism } from "node:os";
import type { PersonProjection, ProjectedPart, ProjectionRequest } from "@tessera/profile-store";
import { dropProjection } from "./projection-files.ts";
import { ProjectionThread } from "./projection-worker.ts";
import type { ShardPart, ShardRequest } from "./shard.ts";

/** How a projection works. */
export interface ProjectionOptions {
  /** Threads, each with its part of the persons; one for each core, at most 8, without it. Another number begins anew. */
  readonly threads?: number;
  /** Memory for columns, all threads together, in MiB (512). What does not fit is read from the files as it is needed. */
  readonly memory?: number;
}

const MOST_THREADS = 8;
const MEMORY_MIB = 512;
const MIB = 2 ** 20;

/** The projection of the store in a file. */
export function openProjection(path: string, options: ProjectionOptions = {}): PersonProjection {
  return new ThreadedProjection(path, options);
}

class ThreadedProjection implements PersonProjection {
  readonly #path: string;
  readonly #count: number;
  readonly #memory: number;
  #threads: readonly ProjectionThread[] = [];
  /** One request at a time: the threads stand at one moment. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Requests that are worked on or wait for their turn. */
  #holders = 0;
  #closed = false;

  constructor(path: string, options: ProjectionOptions) {
    this.#path = path;
    this.#count = Math.max(1, options.threads ?? Math.min(MOST_THREADS, availableParallelism()));
    this.#memory = ((options.memory ?? MEMORY_MIB) * MIB) / this.#count;
  }

  parts(request: ProjectionRequest): AsyncIterable<ProjectedPart> {
    return this.#decided(request, true);
  }

  async *#decided(request: ProjectionRequest, asksMoved: boolean): AsyncIterable<ProjectedPart> {
    const release = await this.#take();
    try {
      const total = await this.#refresh(request);
      let done = 0;
      for await (const { persons, counts, moved } of merged(this.#threads, asksMoved)) {
        done += persons;
        yield { done, total, counts, moved };
      }
    } finally {
      release();
    }
  }

  async count(
    request: ProjectionRequest,
  ): Promise<{ readonly counts: readonly number[]; readonly persons: number }> {
    const counts = request.audienceIds.map(() => 0);
    let persons = 0;
    for await (const part of this.#decided(request, false)) {
      persons = part.total;
      part.counts.forEach((count, index) => (counts[index] = (counts[index] ?? 0) + count));
    }
    return { counts, persons };
  }

  isBusy(): boolean {
    return this.#holders > 0;
  }

  async forget(): Promise<void> {
    const release = await this.#take();
    try {
      await this.#stop();
      dropProjection(this.#path);
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    const release = await this.#take();
    this.#closed = true;
    await this.#stop();
    release();
  }

  async #take(): Promise<() => void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    this.#holders += 1;
    await before;
    return () => {
      this.#holders -= 1;
      resolve();
    };
  }

  async #refresh({ onRefresh, ...request }: ProjectionRequest): Promise<number> {
    if (this.#closed) throw new Error("A projection that was closed decides nothing.");
    if (this.#threads.some(({ hasEnded }) => hasEnded)) await this.#stop();
    if (this.#threads.length === 0) {
      this.#threads = Array.from(
        { length: this.#count },
        (_, shard) =>
          new ProjectionThread({ path: this.#path, shard, shards: this.#count, memory: this.#memory }),
      );
    }
    const progress = this.#threads.map(() => [0, 0] as readonly [number, number]);
    const stopping: Promise<void>[] = [];
    const tell = (): void => {
      if (stopping.length > 0) return;
      try {
        onRefresh?.(
          progress.reduce((sum, [own]) => sum + own, 0),
          progress.reduce((sum, [, own]) => sum + own, 0),
        );
      } catch (cause) {
        // Whoever is told may end it all. Told in an event of a thread, nobody but us would catch that.
        for (const thread of this.#threads) stopping.push(thread.stop(cause));
      }
    };
    try {
      const persons = await Promise.all(
        this.#threads.map(async (thread, index) =>
          thread.refresh(request satisfies ShardRequest, (done, total) => {
            progress[index] = [done, total];
            tell();
          }),
        ),
      );
      return persons.reduce((sum, own) => sum + own, 0);
    } finally {
      // The next threads open the same files.
      await Promise.all(stopping);
    }
  }

  async #stop(): Promise<void> {
    const threads = this.#threads;
    this.#threads = [];
    await Promise.all(threads.map(async (thread) => thread.close()));
  }
}

/** The parts of all threads as they come; a thread decides its next chunk while the one before is looked at. */
async function* merged(
  threads: readonly ProjectionThread[],
  asksMoved: boolean,
): AsyncGenerator<ShardPart, void, undefined> {
  const next = (thread: ProjectionThread): Promise<Decided> | undefined => {
    const part = thread.next(asksMoved);
    return part?.then((found) => ({ thread, part: found }));
  };
  const open = new Map<ProjectionThread, Promise<Decided>>();
  const ask = (thread: ProjectionThread): void => {
    const asked = next(thread);
    if (asked === undefined) open.delete(thread);
    else open.set(thread, asked);
  };
  threads.forEach(ask);
  try {
    while (open.size > 0) {
      const { thread, part } = await Promise.race(open.values());
      ask(thread);
      yield part;
    }
  } finally {
    // Whoever stops early leaves nobody in the middle of a chunk.
    await Promise.allSettled(open.values());
  }
}

interface Decided {
  readonly thread: ProjectionThread;
  readonly part: ShardPart;
}
