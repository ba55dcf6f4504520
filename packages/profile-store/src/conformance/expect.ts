/** Equality of data: fields that are `undefined` are fields that are not there; bytes are compared as bytes. */
function sameData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return (
      a instanceof Uint8Array &&
      b instanceof Uint8Array &&
      a.length === b.length &&
      a.every((byte, index) => byte === b[index])
    );
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const fields = (object: Readonly<Record<string, unknown>>): readonly string[] =>
    Object.keys(object).filter((field) => object[field] !== undefined);
  const names = fields(left);
  return (
    names.length === fields(right).length &&
    names.every((field) => Object.hasOwn(right, field) && sameData(left[field], right[field]))
  );
}

/** Throws unless `actual` is the same data as `expected`; `what` says which law is at stake. */
export function expectSame(what: string, actual: unknown, expected: unknown): void {
  if (!sameData(actual, expected)) {
    throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
  }
}

/** Throws with `what` unless `condition` holds. */
export function expectThat(what: string, condition: boolean): void {
  if (!condition) throw new Error(what);
}

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_field, item: unknown) => {
      if (item instanceof Map) return Object.fromEntries(item as Map<string, unknown>);
      if (item instanceof Set) return [...(item as Set<unknown>)];
      return item instanceof Uint8Array ? `bytes ${item.join(" ")}` : item;
    }) ?? String(value);
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
}
