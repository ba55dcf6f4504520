import { describe, type Issue, noJson } from "./issue.ts";
import { formatInstant, parseInstant } from "./instant.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * An XDM ExperienceEvent that passed the door: `_id` and `timestamp` (ISO 8601, UTC) are there, the rest is data.
 * `identityMap` is kept as it came; its identities are validated by identity-graph.
 */
export interface ExperienceEvent extends JsonObject {
  readonly _id: string;
  readonly timestamp: string;
}

/** An event from outside that may lack its `_id`; the door gives it one (see `contentId`). */
export type EventBody = JsonObject & { readonly timestamp: string; readonly _id?: string };

/**
 * Reads one event. `timestamp` is required and comes out normalised to UTC milliseconds;
 * `_id`, when given, is a string of 1 to 256 characters.
 */
export function parseEvent(input: unknown): Result<EventBody, Issue> {
  if (!isObject(input)) return err(invalid("event.shape", [], "an object", input));
  const time = parseInstant(input["timestamp"]);
  if (!time.ok) {
    const message = `timestamp: ${time.error.message}`;
    return err({ ...time.error, path: ["timestamp"], code: "event.timestamp", message });
  }
  const id = input["_id"];
  if (id !== undefined && (typeof id !== "string" || id === "" || id.length > 256)) {
    return err(invalid("event.id", ["_id"], "a string of 1 to 256 characters", id));
  }
  const json = parseJson(input);
  if ("badPath" in json) return err(noJson("event", json.badPath));
  // The copy is nobody else's yet.
  const body = json.value as { timestamp: string; readonly _id?: string };
  body.timestamp = formatInstant(time.value);
  return ok(body as EventBody);
}

function invalid(code: string, path: readonly (string | number)[], expected: string, came: unknown): Issue {
  return {
    code,
    path,
    expected,
    came: describe(came),
    message: `${path.join(".") || "event"}: expected ${expected}, got ${describe(came)}. Correct the event and send it again.`,
  };
}
