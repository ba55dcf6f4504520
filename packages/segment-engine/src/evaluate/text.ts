import { type LinearRegex, linearRegex } from "../pql/regex.ts";

/** A test of a text against another. */
export type TextTest = (subject: string, sought: string) => boolean;

/** The string functions that compare two texts; each also has its negative. */
export const TEXT_TESTS: Readonly<Record<string, { readonly test: TextTest; readonly negative: boolean }>> = {
  startsWith: { test: (subject, sought) => subject.startsWith(sought), negative: false },
  doesNotStartWith: { test: (subject, sought) => subject.startsWith(sought), negative: true },
  endsWith: { test: (subject, sought) => subject.endsWith(sought), negative: false },
  doesNotEndWith: { test: (subject, sought) => subject.endsWith(sought), negative: true },
  contains: { test: (subject, sought) => subject.includes(sought), negative: false },
  doesNotContain: { test: (subject, sought) => subject.includes(sought), negative: true },
};

/** A pattern of `like` made ready: `%` is any text, `_` one character; the whole text must fit. */
export function likePattern(pattern: string): (text: string) => boolean {
  const parts = pattern.split("%").map((part) => Array.from(part));
  const [first = [], ...rest] = parts;
  const last = rest.pop();
  return (text) => {
    const chars = Array.from(text);
    if (last === undefined) return chars.length === first.length && fits(chars, 0, first);
    if (chars.length < first.length + last.length || !fits(chars, 0, first)) return false;
    const limit = chars.length - last.length;
    if (!fits(chars, limit, last)) return false;
    let at = first.length;
    for (const part of rest) {
      while (at + part.length <= limit && !fits(chars, at, part)) at++;
      if (at + part.length > limit) return false;
      at += part.length;
    }
    return true;
  };
}

function fits(chars: readonly string[], at: number, part: readonly string[]): boolean {
  return part.every((char, index) =>
    char === "_" ? chars[at + index] !== undefined : char === chars[at + index],
  );
}

/** A small memory of patterns that are not literals, so that one pattern is not read again for each person. */
export function regexMemory(): (pattern: string) => LinearRegex | undefined {
  const known = new Map<string, LinearRegex | undefined>();
  return (pattern) => {
    if (known.has(pattern)) return known.get(pattern);
    if (known.size >= 100) known.clear();
    const regex = linearRegex(pattern);
    known.set(pattern, regex);
    return regex;
  };
}
