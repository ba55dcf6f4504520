import type { QuarantinedItem, RecordOperation } from "@tessera/profile-store";
import { describe, digest, type JsonValue, parseJson } from "@tessera/xdm";

/** Data that may not be kept at all: about someone who was deleted, or too old for its dataset. */
export const NOT_KEPT: ReadonlySet<string> = new Set(["privacy.suppressed", "event.expired"]);

/** Where something was to go, and why it could not. */
export type SetAside = Omit<QuarantinedItem, "id" | "body">;

/** Something that could not be taken, as quarantine keeps it. The same thing sent twice is there once. */
export function quarantinedItem(raw: unknown, about: SetAside): QuarantinedItem {
  const json = parseJson(raw);
  const body: JsonValue = "badPath" in json ? textOf(raw) : json.value;
  const { datasetId, kind, operation, isRow } = about;
  const place = [datasetId, kind, ...(operation === undefined ? [] : [operation]), ...(isRow ? ["row"] : [])];
  return { ...about, id: digest(`${place.join("\n")}\n${JSON.stringify(body)}`), body };
}

/** What cannot be kept as data is kept as the text that it came as, where it has one. */
function textOf(raw: unknown): string {
  try {
    return JSON.stringify(raw) ?? describe(raw);
  } catch {
    return describe(raw);
  }
}

/** The operation as quarantine keeps it: nothing for the usual one. */
export function keptOperation(operation: RecordOperation | undefined): Pick<QuarantinedItem, "operation"> {
  return operation === undefined || operation === "upsert" ? {} : { operation };
}
