/** Any value that JSON can carry. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [field: string]: JsonValue | undefined };

/** A JSON object. A field that is `undefined` is a field that is not there. */
export type JsonObject = { readonly [field: string]: JsonValue | undefined };

/** Whether `value` is a plain object (not null, not a list). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Copies `input` as JSON data, or returns the path of what JSON cannot carry: a function, a non-finite number, a
 * field named `__proto__`, `constructor` or `prototype`, a cycle, or nesting deeper than 64.
 */
export function parseJson(input: unknown): { value: JsonValue } | { badPath: readonly (string | number)[] } {
  const path: (string | number)[] = [];
  const bad = (): never => {
    throw path;
  };
  const copy = (value: unknown): JsonValue => {
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number") return Number.isFinite(value) ? value : bad();
    if (typeof value !== "object" || path.length > 64) return bad();
    if (Array.isArray(value)) {
      return value.map((item, index) => {
        path.push(index);
        const copied = copy(item);
        path.pop();
        return copied;
      });
    }
    const out: Record<string, JsonValue> = {};
    for (const [field, item] of Object.entries(value)) {
      path.push(field);
      if (FORBIDDEN.has(field)) bad();
      if (item !== undefined) out[field] = copy(item);
      path.pop();
    }
    return out;
  };
  try {
    return { value: copy(input) };
  } catch (thrown) {
    if (thrown === path) return { badPath: [...path] };
    throw thrown;
  }
}

/** JSON text with the fields of every object in code-unit order: equal data gives equal text. */
export function canonicalJson(value: JsonValue | undefined): string {
  if (value === undefined) return "null";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const object = value as JsonObject;
  const fields = Object.keys(object)
    .filter((field) => object[field] !== undefined)
    .sort();
  return `{${fields.map((field) => `${JSON.stringify(field)}:${canonicalJson(object[field])}`).join(",")}}`;
}
