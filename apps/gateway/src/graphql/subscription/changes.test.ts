import { expect, it } from "vitest";
import { changesOf } from "./changes.ts";

function source(): {
  tell: (n: number) => void;
  followers: () => number;
  follow: (l: (n: number) => void) => () => void;
} {
  const listeners = new Set<(n: number) => void>();
  return {
    tell: (n) => listeners.forEach((listener) => listener(n)),
    followers: () => listeners.size,
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

it("gives items in order, those told while nobody waited among them", async () => {
  const { follow, tell } = source();
  const items = changesOf(follow, new AbortController().signal);
  const first = items.next();
  [1, 2, 3].forEach(tell);
  expect([await first, await items.next(), await items.next()].map(({ value }) => value)).toEqual([1, 2, 3]);
});

it("ends while it waits: when the reader returns, and when the signal says so", async () => {
  const { follow, followers } = source();
  const left = changesOf(follow, new AbortController().signal);
  const waiting = left.next();
  await Promise.resolve();
  expect(followers()).toBe(1);
  await left.return?.();
  expect(await waiting).toEqual({ done: true, value: undefined });
  const stop = new AbortController();
  const stopped = changesOf(follow, stop.signal).next();
  stop.abort();
  expect(await stopped).toEqual({ done: true, value: undefined });
  expect(followers()).toBe(0);
});
