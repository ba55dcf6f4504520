import { canonicalJson, isObject, type JsonValue, parseJson } from "@tessera/xdm";

/** Throws with `message` unless `condition` holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Throws unless both are the same JSON data; `what` names the thing compared. */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [asText(actual), asText(expected)];
  if (a !== b) throw new Error(`${what}: expected ${clip(b)}, got ${clip(a)}`);
}

function asText(value: unknown): string {
  const json = parseJson(value);
  return "value" in json ? canonicalJson(json.value as JsonValue) : String(value);
}

function clip(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

/** Freezes a value and everything in it, so that a change to it throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

/** The same data with every string that stands under one of `fields` replaced. */
export function replaceUnder<T>(value: T, fields: ReadonlySet<string>, replace: (text: string) => string): T {
  const walk = (item: unknown, within: boolean): unknown => {
    if (typeof item === "string") return within ? replace(item) : item;
    if (Array.isArray(item)) return item.map((entry) => walk(entry, within));
    if (!isObject(item)) return item;
    return Object.fromEntries(
      Object.entries(item).map(([key, entry]) => [key, walk(entry, within || fields.has(key))]),
    );
  };
  return walk(value, false) as T;
}
