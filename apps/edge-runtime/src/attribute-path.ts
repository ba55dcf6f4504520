import { isObject, type JsonObject, type JsonValue } from "@tessera/xdm";

/** The value at a dotted path of attributes; `undefined` when there is none. */
export function valueAt(attributes: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = attributes;
  for (const step of path.split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step] as JsonValue | undefined;
  }
  return value;
}
