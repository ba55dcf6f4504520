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

const DEEPEST = 64;

/**
 * Copies `input` as JSON data, or returns the path of what JSON cannot carry: a function, a non-finite number, a
 * field named `__proto__`, `constructor` or `prototype`, a cycle, or nesting deeper than 64.
 */
export function parseJson(input: unknown): { value: JsonValue } | { badPath: readonly (string | number)[] } {
  const value = copy(input, 0);
  return value === BAD ? { badPath: badPath(input) } : { value };
}

/** Stands for what JSON cannot carry. Where it lies is looked for only when there is such a thing. */
const BAD = Symbol("not JSON");

function copy(value: unknown, depth: number): JsonValue | typeof BAD {
  if (typeof value === "string" || value === null || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : BAD;
  if (typeof value !== "object" || depth > DEEPEST) return BAD;
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value as readonly unknown[]) {
      const copied = copy(item, depth + 1);
      if (copied === BAD) return BAD;
      items.push(copied);
    }
    return items;
  }
  const out: Record<string, JsonValue> = {};
  const fields = value as Readonly<Record<string, unknown>>;
  for (const field in fields) {
    // What comes from a prototype is no data.
    if (!Object.hasOwn(fields, field)) continue;
    if (isForbidden(field)) return BAD;
    const item = fields[field];
    if (item === undefined) continue;
    const copied = copy(item, depth + 1);
    if (copied === BAD) return BAD;
    out[field] = copied;
  }
  return out;
}

/** Where the first thing lies that `copy` refuses. */
function badPath(input: unknown): readonly (string | number)[] {
  const path: (string | number)[] = [];
  const isBad = (value: unknown): boolean => {
    if (typeof value !== "object" || value === null || path.length > DEEPEST) {
      return copy(value, path.length) === BAD;
    }
    const isList = Array.isArray(value);
    for (const field of Object.keys(value)) {
      path.push(isList ? Number(field) : field);
      const item = (value as Readonly<Record<string, unknown>>)[field];
      if (!isList && isForbidden(field)) return true;
      if ((isList || item !== undefined) && isBad(item)) return true;
      path.pop();
    }
    return false;
  };
  isBad(input);
  return path;
}

function isForbidden(field: string): boolean {
  return field === "__proto__" || field === "constructor" || field === "prototype";
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
