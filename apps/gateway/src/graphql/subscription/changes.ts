type Follow<T> = (listener: (item: T) => void) => () => void;

/**
 * Turns callbacks into a sequence that can be awaited; a reader that falls behind by 10,000 loses the oldest. It ends
 * when `signal` says so or when the reader returns, even while it waits for the next item.
 */
export function changesOf<T>(follow: Follow<T>, signal: AbortSignal): AsyncIterableIterator<T, undefined> {
  const returned = new AbortController();
  const items = generate(follow, AbortSignal.any([signal, returned.signal]));
  return {
    next: () => items.next(),
    return: async () => {
      returned.abort();
      await items.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const BEHIND_MAX = 10_000;

async function* generate<T>(follow: Follow<T>, signal: AbortSignal): AsyncGenerator<T, undefined> {
  const waiting: T[] = [];
  let wake = (): void => undefined;
  const unfollow = follow((item) => {
    if (waiting.length >= BEHIND_MAX) waiting.shift();
    waiting.push(item);
    wake();
  });
  const stop = (): void => wake();
  signal.addEventListener("abort", stop);
  try {
    while (!signal.aborted) {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) yield item;
      if (signal.aborted) return undefined;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (waiting.length > 0) resolve();
      });
    }
  } finally {
    signal.removeEventListener("abort", stop);
    unfollow();
  }
  return undefined;
}
