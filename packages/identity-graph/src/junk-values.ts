const JUNK = new Set([
  "null",
  "(null)",
  "<null>",
  "undefined",
  "nan",
  "none",
  "nil",
  "n/a",
  "na",
  "anonymous",
  "anonymoususer",
  "anon",
  "guest",
  "unknown",
  "not set",
  "(not set)",
  "not_set",
  "notset",
  "empty",
  "dummy",
  "user_null",
  "null_null",
  "true",
  "false",
  "[object object]",
  "-",
  "--",
  "-1",
  "{}",
  "[]",
  "null@null.com",
  "undefined@undefined.com",
]);

/** Only zeros (and separators) or one repeated `x`, `*`, `?`, `.`, `_`: placeholders in every namespace. */
const ZEROS = /^(?:0[0\s\-:._]*|[fF]{8}-[fF]{4}-[fF]{4}-[fF]{4}-[fF]{12}|x{2,}|X{2,}|[*?._]+)$/;

/** Whether a value is what broken implementations send instead of an id: blank, `null`, `anonymous`, all zeros and the like. */
export function isJunkValue(id: string): boolean {
  if (id.length > 48) return ZEROS.test(id) || id.trim() === "";
  const value = id.trim().toLowerCase();
  return value === "" || JUNK.has(value) || JUNK.has(value.replace(/^["']|["']$/g, "")) || ZEROS.test(value);
}
