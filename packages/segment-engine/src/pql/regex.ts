import { RE2JS } from "re2js";

/** A regular expression that runs in time linear in its input. */
export interface LinearRegex {
  /** Whether the expression is found anywhere in `input`. */
  found(input: string): boolean;
  /** The text of a group of the first find; `undefined` when nothing is found or the group took no part. */
  group(input: string, group: number): string | undefined;
  readonly groups: number;
}

const MAX_PATTERN = 1_000;

/** Reads a Java-style regular expression; `undefined` when it is wrong, too long, or would need backtracking. */
export function linearRegex(pattern: string): LinearRegex | undefined {
  if (pattern.length > MAX_PATTERN) return undefined;
  try {
    const compiled = RE2JS.compile(pattern);
    return {
      found: (input) => compiled.matcher(input).find(),
      group: (input, group) => {
        const matcher = compiled.matcher(input);
        return matcher.find() ? (matcher.group(group) ?? undefined) : undefined;
      },
      groups: compiled.groupCount(),
    };
  } catch {
    return undefined;
  }
}
