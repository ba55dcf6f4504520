import {
  type AudienceDefinition,
  err,
  isObject,
  type Issue,
  type JsonObject,
  type JsonValue,
  ok,
  parseJson,
  type Result,
} from "@tessera/xdm";
import { DEFAULT_WORKSPACE } from "@tessera/destinations-target";
import { type Datastream, parseDatastream } from "./datastream.ts";

/** One mapped attribute: where it stands in the profile, and what the page calls it. */
export interface AttributeMapping {
  readonly source: string;
  readonly target: string;
}

/** What every edge destination has. Without `datastreamId` it serves every datastream. */
interface EdgeDestinationBase {
  readonly id: string;
  readonly name: string;
  readonly datastreamId?: string;
  readonly audienceIds: readonly string[];
  readonly attributes: readonly AttributeMapping[];
}

/** A destination the edge serves itself. */
export type EdgeDestination =
  | (EdgeDestinationBase & { readonly kind: "custom-personalization" | "commerce"; readonly alias: string })
  | (EdgeDestinationBase & { readonly kind: "target"; readonly workspace: string })
  | (EdgeDestinationBase & {
      readonly kind: "cookie";
      readonly cookie: { readonly name: string; readonly domain: string; readonly ttlDays: number };
    })
  | (EdgeDestinationBase & {
      readonly kind: "url";
      readonly url: { readonly url: string; readonly hideReferrer: boolean; readonly ttlMinutes: number };
    });

/** All the definitions an edge works by, in one version: read whole, swapped whole. */
export interface EdgeSnapshot {
  readonly version: string;
  readonly organisation: string;
  readonly sandbox: string;
  readonly datastreams: readonly Datastream[];
  /** Published audiences that are evaluated on the edge. */
  readonly audiences: readonly AudienceDefinition[];
  readonly destinations: readonly EdgeDestination[];
  /** The client code of Target's protocols, part of every split; by default the organisation's own part of its id. */
  readonly targetClient: string;
  /** Target activities, as the Target package reads them. */
  readonly activities: readonly JsonValue[];
  /** What Audience Manager's side answers by (data sources, traits, segments, destinations); none by default. */
  readonly audienceManager: JsonObject;
}

/** A snapshot as it was read, and what had to be left out of it. */
export interface ParsedSnapshot {
  readonly snapshot: EdgeSnapshot;
  readonly issues: readonly Issue[];
}

/**
 * Reads a snapshot. Version, organisation and sandbox must be there; a datastream, audience or destination that is
 * wrong is left out with an issue, and the others live. Destinations of kinds the edge does not serve are dropped.
 */
export function parseSnapshot(input: unknown): Result<ParsedSnapshot, Issue> {
  if (!isObject(input)) return err(wrong([], "an object"));
  const { version, organisation, sandbox } = input;
  if (typeof version !== "string" || version === "") return err(wrong(["version"], "a non-empty string"));
  if (typeof organisation !== "string" || !/^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+$/.test(organisation))
    return err(wrong(["organisation"], "an organisation id such as 97D1F3F4@AdobeOrg"));
  if (typeof sandbox !== "string" || sandbox === "") return err(wrong(["sandbox"], "a non-empty string"));
  const issues: Issue[] = [];
  const read = <T>(field: string, parse: (item: unknown) => Result<T | undefined, Issue>): T[] => {
    const items: T[] = [];
    const list = input[field];
    (Array.isArray(list) ? (list as unknown[]) : []).forEach((item, index) => {
      const parsed = parse(item);
      if (!parsed.ok) issues.push({ ...parsed.error, path: [field, index, ...(parsed.error.path ?? [])] });
      else if (parsed.value !== undefined) items.push(parsed.value);
    });
    return items;
  };
  const snapshot: EdgeSnapshot = {
    version,
    organisation,
    sandbox,
    datastreams: read("datastreams", parseDatastream),
    audiences: read("audiences", parseAudience),
    destinations: read("destinations", parseDestination),
    targetClient: clientCode(input["targetClient"], organisation),
    activities: read("activities", activity),
    audienceManager: objectOrEmpty(input["audienceManager"]),
  };
  return ok({ snapshot, issues });
}

function json(item: unknown): Result<JsonValue, Issue> {
  const parsed = parseJson(item);
  return "badPath" in parsed ? err(wrong(parsed.badPath, "JSON data")) : ok(parsed.value);
}

/** An activity as it came; hubs that key all documents by texts may give its number as one. */
function activity(item: unknown): Result<JsonValue, Issue> {
  const id = isObject(item) ? item["id"] : undefined;
  return json(
    typeof id === "string" && /^[1-9]\d{0,14}$/.test(id) ? { ...(item as object), id: Number(id) } : item,
  );
}

function objectOrEmpty(item: unknown): JsonObject {
  const parsed = json(item ?? {});
  return parsed.ok && isObject(parsed.value) ? (parsed.value as JsonObject) : {};
}

function clientCode(given: unknown, organisation: string): string {
  if (typeof given === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(given)) return given;
  return (organisation.split("@", 1)[0] ?? "").toLowerCase().replaceAll(/[^a-z0-9_-]/g, "");
}

function parseAudience(item: unknown): Result<AudienceDefinition, Issue> {
  if (!isObject(item)) return err(wrong([], "an object"));
  const { id, name, expression, version = 1, mergePolicyId, excludeOptOut } = item;
  if (typeof id !== "string" || id === "") return err(wrong(["id"], "a non-empty string"));
  if (!isObject(expression) || typeof expression["value"] !== "string")
    return err(wrong(["expression"], "{type, format, value}"));
  const format = expression["format"];
  if (format !== "pql/text" && format !== "pql/json")
    return err(wrong(["expression", "format"], "pql/text or pql/json"));
  if (typeof version !== "number") return err(wrong(["version"], "a number"));
  return ok({
    id,
    name: typeof name === "string" ? name : id,
    expression: { type: "PQL", format, value: expression["value"] },
    evaluation: "edge",
    version,
    ...(typeof mergePolicyId === "string" ? { mergePolicyId } : {}),
    ...(typeof excludeOptOut === "boolean" ? { excludeOptOut } : {}),
  });
}

function parseDestination(item: unknown): Result<EdgeDestination | undefined, Issue> {
  if (!isObject(item)) return err(wrong([], "an object"));
  const { id, kind, name, datastreamId } = item;
  if (typeof id !== "string" || id === "") return err(wrong(["id"], "a non-empty string"));
  if (typeof kind !== "string") return err(wrong(["kind"], "a string"));
  const label = typeof name === "string" ? name : id;
  const base: EdgeDestinationBase = {
    id,
    name: label,
    audienceIds: strings(item["audienceIds"]),
    attributes: attributes(item["attributes"]),
    ...(typeof datastreamId === "string" && datastreamId !== "" ? { datastreamId } : {}),
  };
  switch (kind) {
    case "custom-personalization":
    case "commerce":
      return ok({ ...base, kind, alias: typeof item["alias"] === "string" ? item["alias"] : label });
    case "target": {
      const { workspace } = item;
      const named = typeof workspace === "string" && workspace !== "";
      return ok({ ...base, kind, workspace: named ? workspace : DEFAULT_WORKSPACE });
    }
    case "cookie":
      return cookieDestination(base, item["cookie"]);
    case "url":
      return urlDestination(base, item["url"]);
    default:
      return ok(undefined);
  }
}

function cookieDestination(base: EdgeDestinationBase, cookie: unknown): Result<EdgeDestination, Issue> {
  if (!isObject(cookie) || typeof cookie["name"] !== "string" || !/^[A-Za-z0-9_.-]+$/.test(cookie["name"]))
    return err(wrong(["cookie", "name"], "a cookie name of letters, digits, _ . -"));
  const { name, domain = "", ttlDays = 30 } = cookie;
  return ok({
    ...base,
    kind: "cookie",
    cookie: {
      name,
      domain: typeof domain === "string" ? domain : "",
      ttlDays: typeof ttlDays === "number" ? ttlDays : 30,
    },
  });
}

function urlDestination(base: EdgeDestinationBase, url: unknown): Result<EdgeDestination, Issue> {
  if (!isObject(url) || typeof url["url"] !== "string" || !url["url"].startsWith("https://"))
    return err(wrong(["url", "url"], "an https address"));
  const { hideReferrer, ttlMinutes } = url;
  return ok({
    ...base,
    kind: "url",
    url: {
      url: url["url"],
      hideReferrer: hideReferrer !== false,
      ttlMinutes: typeof ttlMinutes === "number" ? ttlMinutes : 1440,
    },
  });
}

function strings(input: unknown): readonly string[] {
  return Array.isArray(input)
    ? (input as unknown[]).filter((item): item is string => typeof item === "string")
    : [];
}

function attributes(input: unknown): readonly AttributeMapping[] {
  if (!Array.isArray(input)) return [];
  return (input as unknown[]).flatMap((item) =>
    isObject(item) && typeof item["source"] === "string" && typeof item["target"] === "string"
      ? [{ source: item["source"], target: item["target"] }]
      : [],
  );
}

function wrong(path: readonly (string | number)[], expected: string): Issue {
  return {
    code: "snapshot.invalid",
    path,
    expected,
    message: `${path.join(".") || "snapshot"}: expected ${expected}. It was left out; correct its definition on the hub.`,
  };
}
