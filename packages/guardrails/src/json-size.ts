/** Bytes beyond the first that `JSON.stringify` needs for a control character: 1 for \b \t \n \f \r, else 5. */
const CONTROL: Uint8Array = Uint8Array.from({ length: 32 }, (_, code) =>
  code === 8 || code === 9 || code === 10 || code === 12 || code === 13 ? 1 : 5,
);

/**
 * The length in UTF-8 bytes of `JSON.stringify(value)`, without building the text. `value` is JSON data (what
 * `parseJson` gives): fields that are `undefined` count nothing; functions and `toJSON` are not looked at.
 *
 * With `stopAfter` the count ends soon after it passes that size: enough to know that a limit is exceeded.
 */
export function jsonSize(value: unknown, stopAfter: number = Infinity): number {
  if (value === null || value === undefined) return 4;
  switch (typeof value) {
    case "string":
      return stringSize(value);
    case "number":
      return numberSize(value);
    case "boolean":
      return value ? 4 : 5;
    case "object":
      return Array.isArray(value) ? listSize(value, stopAfter) : objectSize(value, stopAfter);
    default:
      return 0;
  }
}

function listSize(list: readonly unknown[], stopAfter: number): number {
  let size = list.length === 0 ? 2 : 1 + list.length;
  for (const item of list) {
    size += jsonSize(item, stopAfter - size);
    if (size > stopAfter) return size;
  }
  return size;
}

function objectSize(object: object, stopAfter: number): number {
  let size = 1;
  let first = true;
  for (const field in object) {
    const item: unknown = (object as { readonly [field: string]: unknown })[field];
    if (item === undefined) continue;
    size += (first ? 1 : 2) + stringSize(field) + jsonSize(item, stopAfter - size);
    first = false;
    if (size > stopAfter) return size;
  }
  return size + 1;
}

function numberSize(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 1e15) {
    let digits = 1;
    for (let power = 10; value >= power; power *= 10) digits += 1;
    return digits;
  }
  return Number.isFinite(value) ? String(value).length : 4;
}

/** Starts from one byte a character, two quotes, and adds what characters need beyond that: most need nothing. */
function stringSize(text: string): number {
  const { length } = text;
  let size = length + 2;
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x20 && code < 0x80) {
      if (code === 0x22 || code === 0x5c) size += 1;
    } else if (code < 0x20) size += CONTROL[code] ?? 0;
    else if (code < 0x800) size += 1;
    else if (code < 0xd800 || code > 0xdfff) size += 2;
    else if (code < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      size += 2;
      index += 1;
    } else size += 5;
  }
  return size;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
