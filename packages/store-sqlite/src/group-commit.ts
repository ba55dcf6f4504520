/** One piece of work in a shared transaction: what it answers, or why it could not be done. */
export type Outcome<A> = { readonly answer: A } | { readonly failure: unknown };

interface Waiting<W, A> {
  readonly work: W;
  readonly resolve: (answer: A) => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * Gathers the work of one turn of the event loop, so that many writers share one flush to disk. `run` does a group in
 * one transaction and gives an outcome for each; when it throws, the whole group failed and nothing of it was written.
 */
export class GroupCommit<W, A> {
  readonly #run: (group: readonly W[]) => readonly Outcome<A>[];
  #waiting: Waiting<W, A>[] = [];
  #scheduled = false;

  constructor(run: (group: readonly W[]) => readonly Outcome<A>[]) {
    this.#run = run;
  }

  /** Resolves when the group that `work` went into is on disk. */
  add(work: W): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.flush());
    });
  }

  /** Does at once what is waiting. */
  flush(): void {
    this.#scheduled = false;
    const group = this.#waiting;
    if (group.length === 0) return;
    this.#waiting = [];
    try {
      const outcomes = this.#run(group.map(({ work }) => work));
      group.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index] as Outcome<A>;
        if ("answer" in outcome) resolve(outcome.answer);
        else reject(outcome.failure);
      });
    } catch (failure) {
      for (const { reject } of group) reject(failure);
    }
  }
}
