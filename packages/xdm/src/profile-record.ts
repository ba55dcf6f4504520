import { describe, type Issue, noJson } from "./issue.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * A profile record that passed the door: attributes and an `identityMap`. `_id`, when given, names the record
 * within its dataset.
 */
export interface ProfileRecord extends JsonObject {
  readonly _id?: string;
}

/** Reads one profile record: any JSON object nested at most 64 deep. */
export function parseRecord(input: unknown): Result<ProfileRecord, Issue> {
  if (!isObject(input)) return err(invalid("record.shape", [], "an object", input));
  const id = input["_id"];
  if (id !== undefined && (typeof id !== "string" || id === "" || id.length > 256)) {
    return err(invalid("record.id", ["_id"], "a string of 1 to 256 characters", id));
  }
  const json = parseJson(input);
  if ("badPath" in json) return err(noJson("record", json.badPath));
  return ok(json.value as ProfileRecord);
}

function invalid(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${path.join(".") || "record"}: expected ${expected}, got ${describe(came)}. Correct the record and send it again.`,
  };
}
