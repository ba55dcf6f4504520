/** Work that is done a few at a time. */
export interface Turns {
  /** Does the work when its turn comes; undefined when too many wait already. */
  readonly take: <T>(work: () => Promise<T>) => Promise<{ readonly value: T } | undefined>;
}

/** Turns for `atOnce` pieces of work, with a line of `waiting`. */
export function createTurns({
  atOnce,
  waiting,
}: {
  readonly atOnce: number;
  readonly waiting: number;
}): Turns {
  let running = 0;
  const line: (() => void)[] = [];
  return {
    take: async (work) => {
      if (running >= atOnce) {
        if (line.length >= waiting) return undefined;
        await new Promise<void>((resolve) => line.push(resolve));
      } else running += 1;
      try {
        return { value: await work() };
      } finally {
        // whoever is first in line takes the place over
        const next = line.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
