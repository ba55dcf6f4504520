import type { Issue } from "@tessera/xdm";

/** What is wrong at a place of a text. */
export interface Fault {
  readonly code: string;
  readonly offset: number | undefined;
  readonly expected: string;
  readonly came: string;
  /** What the author should do; a full sentence. */
  readonly advice: string;
}

/** Makes an issue with line and column from a fault in `text`. */
export function issueAt(text: string | undefined, fault: Fault): Issue {
  const message = `Expected ${fault.expected}, came ${fault.came}. ${fault.advice}`;
  const base = { code: fault.code, expected: fault.expected, came: fault.came };
  if (text === undefined || fault.offset === undefined) return { ...base, message };
  const before = text.slice(0, fault.offset);
  const line = before.split("\n").length;
  const column = fault.offset - before.lastIndexOf("\n");
  return { ...base, message: `Line ${line}, column ${column}: ${message}`, line, column };
}

/** Up to 30 characters of a text, for a message: definitions are no personal data. */
export function excerpt(text: string): string {
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}
