import type { TimeDirection, TimeUnit } from "../ast.ts";

const UNITS: ReadonlyMap<string, TimeUnit> = new Map(
  (["millisecond", "second", "minute", "hour", "day", "week", "month", "year", "decade"] as const).flatMap(
    (unit): readonly (readonly [string, TimeUnit])[] => [
      [unit, unit],
      [`${unit}s`, unit],
    ],
  ),
);
const IRREGULAR: Readonly<Record<string, TimeUnit>> = {
  century: "century",
  centuries: "century",
  millennium: "millennium",
  millennia: "millennium",
};

/** The unit a word names, singular or plural. */
export function unitOf(word: string): TimeUnit | undefined {
  const lower = word.toLowerCase();
  return UNITS.get(lower) ?? (Object.hasOwn(IRREGULAR, lower) ? IRREGULAR[lower] : undefined);
}

/** The unit as it is written after a number. */
export function unitWord(unit: TimeUnit, amount: number): string {
  if (amount === 1) return unit;
  if (unit === "century") return "centuries";
  return unit === "millennium" ? "millennia" : `${unit}s`;
}

/** `before`, `after` or `from`, in whatever case. */
export function directionOf(word: string): TimeDirection | undefined {
  const lower = word.toLowerCase();
  return lower === "before" || lower === "after" || lower === "from" ? lower : undefined;
}

/** Words that cannot begin an operand, so that a name is not taken for one. */
export const RESERVED: ReadonlySet<string> = new Set([
  "and",
  "or",
  "not",
  "in",
  "notin",
  "where",
  "over",
  "occurs",
]);

const OWN_MEANING: ReadonlySet<string> = new Set([
  ...RESERVED,
  "true",
  "false",
  "null",
  "now",
  "today",
  "yesterday",
  "tomorrow",
  "let",
]);

/** Whether a word before a dot or a comparison is a name: most are, whatever they mean elsewhere. */
export function mayBeName(lower: string): boolean {
  return !OWN_MEANING.has(lower) && !lower.startsWith("$");
}
