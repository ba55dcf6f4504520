/**
 * One thing wrong with an input, in words for the person who sent it.
 *
 * - `code` is stable and may be relied on; `message` may be reworded.
 * - `message` says what was expected, what came and what to do; it never carries personal data.
 * - `path` is the place in the input, `["identityMap", "ECID", 0, "id"]`.
 * - `line` and `column` (from 1) are given for texts such as PQL or a file.
 */
export interface Issue {
  readonly code: string;
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly line?: number;
  readonly column?: number;
  readonly expected?: string;
  readonly came?: string;
}

/** Names what came without showing it: a type and a size, so that a message carries no personal data. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  switch (typeof value) {
    case "string":
      return value === "" ? "an empty string" : `a string of ${value.length} characters`;
    case "number":
      return Number.isInteger(value) ? "an integer" : "a number";
    case "boolean":
      return "a boolean";
    case "object":
      return `an object with ${Object.keys(value).length} fields`;
    default:
      return `a ${typeof value}`;
  }
}

/** What is said of an event or a record that holds, at a path, what JSON does not carry or what lies too deep. */
export function noJson(what: "event" | "record", path: readonly (string | number)[]): Issue {
  const [expected, came] = ["JSON data nested at most 64 deep", "something deeper, or no JSON data"];
  const where = path.length > SHOWN ? [...path.slice(0, SHOWN), "…"] : path;
  return {
    code: `${what}.json`,
    path,
    expected,
    came,
    message: `${where.join(".")}: expected ${expected}, got ${came}. Correct the ${what} and send it again.`,
  };
}

/** So much of a path is told. */
const SHOWN = 8;
