import type { JsonObject, JsonValue } from "@tessera/xdm";
import type { Document } from "mongodb";

/** A body as a document that MongoDB can filter, or as JSON text when a name or a string in it does not allow that. */
export function encodeBody(body: JsonObject): Document | string {
  return isPlain(body) ? body : JSON.stringify(body);
}

/** What `encodeBody` was given. */
export function decodeBody(stored: Document | string): JsonObject {
  return (typeof stored === "string" ? JSON.parse(stored) : stored) as JsonObject;
}

/** Names that operators or the driver would read as something else, and strings that UTF-8 cannot carry. */
function isPlain(value: JsonValue | undefined): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every((item: JsonValue) => isPlain(item));
  return Object.entries(value).every(
    ([name, item]) => isPlainName(name) && isPlain(item as JsonValue | undefined),
  );
}

const SPECIAL = /^$|^\$|^_bsontype$|[.\0]/;

function isPlainName(name: string): boolean {
  return !SPECIAL.test(name) && name.isWellFormed();
}
