import type { JsonObject, JsonValue } from "@tessera/xdm";
import {
  type Activity,
  audiencesOf,
  type Experience,
  type Location,
  locationKey,
  type Offer,
} from "./activity.ts";
import { indexActivities } from "./decide.ts";
import { eventToken } from "./event-token.ts";
import { tokenPaths } from "./tokens.ts";
import { workspaceOf, workspaceReach, type WorkspaceReach, workspacesOfProperty } from "./workspace.ts";

/** What an artifact is made from. */
export interface ArtifactInput {
  readonly client: string;
  readonly activities: readonly Activity[];
  readonly environment?: string;
  /** Which calls are served from which workspaces; every call from the default one without it. */
  readonly workspaces?: WorkspaceReach;
  /** Made for calls of this property alone. */
  readonly property?: string;
}

const GLOBAL_MBOX = "target-global-mbox";
const ALLOCATION: JsonValue = { var: "allocation" };

/**
 * The rules that Target's SDKs decide by on the device (artifact version 1.0.0), for activities that need no profile.
 * A location with an activity that asks for an audience, or whose offer carries tokens, is listed as remote: the SDK
 * then asks the server. Splits are the server's own: `allocation` is computed the same way on both sides. Activities of
 * a workspace that only some properties lead to carry these as their property tokens; where tokens cannot say it, the
 * location is remote.
 */
export function decisioningArtifact({
  client,
  activities: all,
  environment = "production",
  workspaces = workspaceReach([], []),
  property,
}: ArtifactInput): JsonObject {
  const reached = all.map((activity) => [activity, reachOf(activity, workspaces, property)] as const);
  const undecidable = new Set(reached.flatMap(([{ id }, reach]) => (reach === "undecidable" ? [id] : [])));
  const activities = reached.flatMap(([activity, reach]): readonly Activity[] => {
    if (typeof reach === "string") return [activity];
    return reach.length === 0 ? [] : [{ ...activity, properties: reach }];
  });
  const index = indexActivities(activities);
  const mboxes: Record<string, JsonValue> = {};
  const views: Record<string, JsonValue> = {};
  const lists = {
    localMboxes: [] as string[],
    remoteMboxes: [] as string[],
    localViews: [] as string[],
    remoteViews: [] as string[],
  };
  for (const [key, found] of [...index.byLocation].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const location = locationOf(key);
    const name = location.kind === "page-load" ? GLOBAL_MBOX : location.name;
    const local = found.every((activity) => isLocal(activity) && !undecidable.has(activity.id));
    if (location.kind === "view") lists[local ? "localViews" : "remoteViews"].push(name);
    else lists[local ? "localMboxes" : "remoteMboxes"].push(name);
    if (!local) continue;
    (location.kind === "view" ? views : mboxes)[name] = found.flatMap((activity) =>
      rulesOf(activity, location, name),
    );
  }
  return {
    version: "1.0.0",
    meta: { clientCode: client, environment },
    globalMbox: GLOBAL_MBOX,
    geoTargetingEnabled: false,
    responseTokens: ["activity.id", "activity.name", "experience.id", "experience.name"],
    ...lists,
    rules: { mboxes, views },
  };
}

function locationOf(key: string): Location {
  const colon = key.indexOf(":");
  if (colon < 0) return { kind: "page-load" };
  return { kind: key.startsWith("view:") ? "view" : "mbox", name: key.slice(colon + 1) };
}

/**
 * Which calls an activity is for, as far as an artifact can say: `as-it-is` by its own properties, or these properties
 * alone (none: no call). `undecidable`: for calls without a property, but not for those of every property.
 */
function reachOf(
  activity: Activity,
  workspaces: WorkspaceReach,
  property: string | undefined,
): "as-it-is" | "undecidable" | readonly string[] {
  const { properties = [] } = activity;
  const serves = (token: string | undefined): boolean =>
    workspacesOfProperty(workspaces, token).includes(workspaceOf(activity));
  if (property !== undefined) return serves(property) ? "as-it-is" : [];
  if (properties.length > 0) return properties.filter(serves);
  const known = [...workspaces.byProperty.keys()];
  if (!serves(undefined)) return known.filter(serves);
  return known.every(serves) ? "as-it-is" : "undecidable";
}

function isLocal(activity: Activity): boolean {
  const offers = activity.experiences.flatMap((experience) => experience.offers);
  return audiencesOf(activity).size === 0 && offers.every(({ offer }) => tokenPaths(offer).length === 0);
}

function rulesOf(activity: Activity, location: Location, name: string): readonly JsonObject[] {
  const times = timeConditions(activity);
  let from = 0;
  return activity.experiences.flatMap((experience): readonly JsonObject[] => {
    const to = activity.type === "ab" ? from + (experience.percentage ?? 0) : 100;
    const share: readonly JsonValue[] =
      activity.type === "ab" ? [{ "<=": [from, ALLOCATION] }, { "<": [ALLOCATION, to] }] : [];
    from = to;
    const found = experience.offers.find((entry) => locationKey(entry.location) === locationKey(location));
    return found
      ? [ruleOf({ activity, experience, name, location, offer: found.offer }, [...times, ...share])]
      : [];
  });
}

function timeConditions({ startsAt, endsAt }: Activity): readonly JsonValue[] {
  const now: JsonValue = { var: "current_timestamp" };
  return [
    ...(startsAt === undefined ? [] : [{ ">=": [now, Date.parse(startsAt)] }]),
    ...(endsAt === undefined ? [] : [{ "<": [now, Date.parse(endsAt)] }]),
  ];
}

function ruleOf(
  part: {
    readonly activity: Activity;
    readonly experience: Experience;
    readonly name: string;
    readonly location: Location;
    readonly offer: Offer;
  },
  conditions: readonly JsonValue[],
): JsonObject {
  const { activity, experience, name, location, offer } = part;
  const token = (event: "display" | "click"): string =>
    eventToken({
      activityId: activity.id,
      experienceId: experience.id,
      location: locationKey(location),
      event,
    });
  const clicks = activity.clicks ?? [];
  return {
    ruleKey: String(activity.id),
    activityId: activity.id,
    ...(activity.properties && activity.properties.length > 0 && { propertyTokens: activity.properties }),
    meta: {
      "activity.id": activity.id,
      "activity.name": activity.name,
      "activity.type": activity.type === "ab" ? "ab" : "landing",
      "experience.id": experience.id,
      "experience.name": experience.name,
      "location.name": name,
      "location.type": location.kind === "view" ? "view" : "mbox",
      "location.id": 0,
      "audience.ids": [],
    },
    condition: conditions.length > 0 ? { and: conditions } : true,
    consequence: {
      name,
      options: [{ ...contentOf(offer), eventToken: token("display") }],
      metrics: clicks.map((selector) => ({ type: "click", selector, eventToken: token("click") })),
    },
  };
}

function contentOf(offer: Offer): { readonly type: string; readonly content: JsonValue } {
  switch (offer.kind) {
    case "html":
    case "json":
      return { type: offer.kind, content: offer.content };
    case "redirect":
      return { type: "redirect", content: offer.url };
    case "actions":
      return { type: "actions", content: offer.actions.map((action): JsonObject => ({ ...action })) };
    case "default":
      return { type: "html", content: "" };
  }
}
