import { findLimit } from "@tessera/guardrails";
import {
  err,
  type ExperienceEvent,
  formatInstant,
  isObject,
  type JsonObject,
  ok,
  parseInstant,
  type Result,
} from "@tessera/xdm";
import type { EdgeError } from "./errors.ts";

/** An event of a request after the door: its XDM, and the moment the edge counts it at. */
export interface ReceivedEvent {
  readonly index: number;
  readonly xdm: JsonObject;
  readonly data: JsonObject;
  /** What the page asked to be decided. */
  readonly personalization: PersonalizationQuery | undefined;
  /** Milliseconds since 1970: the event's own time, but never later than its arrival. */
  readonly at: number;
  /** Whether it says anything beside who it is about. An empty event is a profile lookup. */
  readonly isLookup: boolean;
}

/** What an event asks of personalization. */
export interface PersonalizationQuery {
  readonly decisionScopes: readonly string[];
  readonly schemas: readonly string[];
  readonly surfaces: readonly string[];
}

const MAX_SCOPES = findLimit("edge.decision-scopes").value;
const MAX_DEPTH = 64;

/** Whether parsed JSON is data only: no field that could reach a prototype, no nesting beyond 64. Copies nothing. */
export function isPlainData(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++)
      if (!isPlainData(value[index], depth + 1)) return false;
    return true;
  }
  for (const field in value) {
    if (field === "__proto__" || field === "constructor" || field === "prototype") return false;
    if (!isPlainData((value as Record<string, unknown>)[field], depth + 1)) return false;
  }
  return true;
}

/**
 * Reads one event of a request, `{xdm, data?, query?}`. A clock that runs ahead does not put an event into the
 * future: its time is its arrival then.
 */
export function readEvent(input: unknown, index: number, now: number): Result<ReceivedEvent, EdgeError> {
  const fail = (code: EdgeError["code"], detail: string): Result<ReceivedEvent, EdgeError> =>
    err({ code, detail, eventIndex: index });
  if (!isObject(input)) return fail("EXEG-0102", `events.${index}: expected an object.`);
  const { xdm = {}, data = {}, query } = input;
  if (!isObject(xdm)) return fail("EXEG-0102", `events.${index}.xdm: expected an object.`);
  if (!isObject(data)) return fail("EXEG-0102", `events.${index}.data: expected an object.`);
  const id = xdm["_id"];
  if (id !== undefined && (typeof id !== "string" || id === "" || id.length > 256))
    return fail("EXEG-0102", `events.${index}.xdm._id: expected a string of 1 to 256 characters.`);
  const type = xdm["eventType"];
  if (type !== undefined && typeof type !== "string")
    return fail("EXEG-0102", `events.${index}.xdm.eventType: expected a string.`);
  let at = now;
  if (xdm["timestamp"] !== undefined) {
    const time = parseInstant(xdm["timestamp"]);
    if (!time.ok) return fail("EXEG-0102", `events.${index}.xdm.timestamp: expected an ISO 8601 date-time.`);
    at = Math.min(time.value, now);
  }
  const personalization = readPersonalization(query);
  if (personalization === "too-many")
    return fail("EXEG-0107", `events.${index}.query: expected at most ${MAX_SCOPES} decision scopes.`);
  return ok({
    index,
    xdm: xdm as JsonObject,
    data: data as JsonObject,
    personalization,
    at,
    isLookup: isEmpty(xdm),
  });
}

/** Fields that say who and when, but not what. */
const NO_CONTENT = new Set(["identityMap", "timestamp", "_id"]);

function isEmpty(xdm: Record<string, unknown>): boolean {
  for (const field in xdm) if (!NO_CONTENT.has(field)) return false;
  return true;
}

function readPersonalization(query: unknown): PersonalizationQuery | undefined | "too-many" {
  const asked = isObject(query) ? query["personalization"] : undefined;
  if (!isObject(asked) || asked["enabled"] === false) return undefined;
  const scopes = texts(asked["decisionScopes"] ?? asked["scopes"]);
  if (scopes.length > MAX_SCOPES) return "too-many";
  return { decisionScopes: scopes, schemas: texts(asked["schemas"]), surfaces: texts(asked["surfaces"]) };
}

function texts(input: unknown): readonly string[] {
  return Array.isArray(input)
    ? (input as unknown[]).filter((item): item is string => typeof item === "string")
    : [];
}

/** What the edge adds to an event before it leaves for the hub. */
export interface EventAdditions {
  readonly id: string;
  readonly identityMap: JsonObject;
  readonly ip: string | undefined;
  readonly region: string;
  readonly receivedAt: number;
}

/**
 * The event as the hub gets it: the XDM as it came, with `_id`, `timestamp`, the identities of the request, the
 * client's address as far as it may pass, and the edge region under `_tessera`.
 */
export function toHubEvent(event: ReceivedEvent, added: EventAdditions): JsonObject {
  return {
    ...event.xdm,
    _id: added.id,
    timestamp: formatInstant(event.at),
    identityMap: added.identityMap,
    environment: environmentWithIp(event.xdm["environment"], added.ip),
    _tessera: { region: added.region, receivedAt: formatInstant(added.receivedAt) },
  };
}

function environmentWithIp(environment: JsonObject[string], ip: string | undefined): JsonObject | undefined {
  const came = isObject(environment) ? (environment as JsonObject) : {};
  const rest = came["ipV4"] === undefined && came["ipV6"] === undefined ? came : withoutIp(came);
  if (ip !== undefined) return ip.includes(":") ? { ...rest, ipV6: ip } : { ...rest, ipV4: ip };
  return environment === undefined ? undefined : rest;
}

function withoutIp({ ipV4: _v4, ipV6: _v6, ...rest }: JsonObject): JsonObject {
  return rest;
}

/** The event as the edge profile keeps it: identity of the event, its time, and the fields that edge audiences read. */
export function toWindowEvent(
  event: ReceivedEvent,
  id: string,
  keep: ReadonlySet<string> | undefined,
): ExperienceEvent {
  const out: Record<string, JsonObject[string]> & { _id: string; timestamp: string } = {
    _id: id,
    timestamp: formatInstant(event.at),
  };
  // What audiences read is less than what comes, as a rule.
  for (const field of keep ?? Object.keys(event.xdm)) {
    if (field !== "_id" && field !== "timestamp" && Object.hasOwn(event.xdm, field))
      out[field] = event.xdm[field];
  }
  return out;
}
