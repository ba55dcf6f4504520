/** How many parts a counter is kept in: as many transactions can change it without waiting for each other. */
const SLOTS = 16;

/** Hands out the parts of counters so that commits of one process do not meet in one of them. */
export class Slots {
  readonly #uses: number[] = Array.from({ length: SLOTS }, () => 0);
  #next: number;

  /** `start` differs between processes, so that they begin in different places. */
  constructor(start: number) {
    this.#next = start % SLOTS;
  }

  /** The part used least right now. Give it back with `release`. */
  take(): number {
    let best = this.#next;
    for (let step = 0; step < SLOTS; step += 1) {
      const slot = (this.#next + step) % SLOTS;
      if ((this.#uses[slot] ?? 0) < (this.#uses[best] ?? 0)) best = slot;
    }
    this.#uses[best] = (this.#uses[best] ?? 0) + 1;
    return best;
  }

  release(slot: number): void {
    this.#uses[slot] = (this.#uses[slot] ?? 1) - 1;
  }
}
