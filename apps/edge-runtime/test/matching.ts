import { isObject } from "@tessera/xdm";

/**
 * How `actual` differs from what a case expects, one line each. Objects are compared by the fields expected; lists by
 * length and item. Words in the place of a value: `$any`, `$absent`, `$matches:<pattern>`, `$keep:<name>` (remembers
 * the value), `$same:<name>` and `$other:<name>` (equal to, or different from, what was remembered);
 * `{"$has": [...]}` asks a list for items that match.
 */
export function differences(
  expected: unknown,
  actual: unknown,
  kept: Map<string, unknown>,
  path = "answer",
): string[] {
  if (typeof expected === "string" && expected.startsWith("$")) return word(expected, actual, kept, path);
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [`${path}: expected a list, came ${show(actual)}`];
    if (actual.length !== expected.length)
      return [`${path}: expected ${expected.length} items, came ${show(actual)}`];
    return expected.flatMap((item, index) => differences(item, actual[index], kept, `${path}.${index}`));
  }
  if (isObject(expected)) {
    const has = expected["$has"];
    if (Array.isArray(has)) return lacks(has, actual, kept, path);
    if (!isObject(actual)) return [`${path}: expected an object, came ${show(actual)}`];
    return Object.keys(expected).flatMap((field) =>
      differences(expected[field], actual[field], kept, `${path}.${field}`),
    );
  }
  return Object.is(expected, actual) ? [] : [`${path}: expected ${show(expected)}, came ${show(actual)}`];
}

function lacks(
  wanted: readonly unknown[],
  actual: unknown,
  kept: Map<string, unknown>,
  path: string,
): string[] {
  if (!Array.isArray(actual)) return [`${path}: expected a list, came ${show(actual)}`];
  return wanted.flatMap((item, index) => {
    for (const candidate of actual as unknown[]) {
      const trial = new Map(kept);
      if (differences(item, candidate, trial).length > 0) continue;
      for (const [name, value] of trial) kept.set(name, value);
      return [];
    }
    return [`${path}: nothing like item ${index} (${show(item)}) in ${show(actual)}`];
  });
}

function word(expected: string, actual: unknown, kept: Map<string, unknown>, path: string): string[] {
  const colon = expected.indexOf(":");
  const rest = expected.slice(colon + 1);
  const fits = ((): boolean => {
    switch (colon < 0 ? expected : expected.slice(0, colon)) {
      case "$any":
        return actual !== undefined;
      case "$absent":
        return actual === undefined;
      case "$matches":
        return typeof actual === "string" && new RegExp(rest).test(actual);
      case "$keep":
        kept.set(rest, actual);
        return actual !== undefined;
      case "$same":
        return kept.has(rest) && actual === kept.get(rest);
      case "$other":
        return actual !== undefined && actual !== kept.get(rest);
      default:
        throw new Error(`No such word in a case: ${expected}`);
    }
  })();
  return fits ? [] : [`${path}: expected ${expected}, came ${show(actual)}`];
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 1500 ? `${text.slice(0, 1500)}…` : text;
}
