import { isMember, type JsonObject, type SegmentMembershipMap } from "@tessera/xdm";
import {
  type Activity,
  type AudienceCondition,
  type Experience,
  type Location,
  locationKey,
  type Offer,
} from "./activity.ts";
import { allocationOf } from "./allocation.ts";
import { eventToken } from "./event-token.ts";
import { fillTokens } from "./tokens.ts";
import { DEFAULT_WORKSPACE, workspaceOf } from "./workspace.ts";

/** The visitor a decision is for: mapped memberships and attributes of the edge profile, and who they are. */
export interface Visitor {
  /** What splits are made by: the ECID, else Target's own id without its suffix, else the third-party id. */
  readonly visitorId: string;
  /** Memberships by origin, or simply the ids of the audiences the visitor is in. */
  readonly memberships: SegmentMembershipMap | ReadonlySet<string>;
  readonly attributes: JsonObject;
}

/** Activities made ready for deciding; see `indexActivities`. */
export interface ActivityIndex {
  readonly byLocation: ReadonlyMap<string, readonly Activity[]>;
  /** Names of views that any activity has an offer for. */
  readonly views: readonly string[];
  readonly byId: ReadonlyMap<number, Activity>;
  /** The workspace that all live activities belong to; `undefined` where there are several. */
  readonly onlyWorkspace?: string | undefined;
}

/** What is shown at one location, and why. */
export interface Decision {
  readonly location: Location;
  readonly activity: Pick<Activity, "id" | "name" | "type">;
  readonly experience: Pick<Experience, "id" | "name">;
  /** Tokens are filled in. */
  readonly offer: Offer;
  readonly eventToken: string;
  readonly clicks: readonly { readonly selector: string; readonly eventToken: string }[];
}

/** What is decided for one request. `now` is ISO 8601 in UTC with milliseconds. */
export interface DecideRequest {
  /** The client code: part of every split. */
  readonly client: string;
  readonly visitor: Visitor;
  readonly locations: readonly Location[];
  readonly now: string;
  readonly property?: string;
  /**
   * The workspaces that are served, each with the memberships it knows of. Without it the default one, by the
   * visitor's memberships.
   */
  readonly workspaces?: ReadonlyMap<string, Visitor["memberships"]>;
}

/** Sorts live activities by location and priority, once for many decisions. Ties go to the older (smaller) id. */
export function indexActivities(activities: readonly Activity[]): ActivityIndex {
  const byLocation = new Map<string, Activity[]>();
  const views = new Set<string>();
  const live = activities.filter(({ status }) => status === "live");
  for (const activity of [...live].sort((a, b) => b.priority - a.priority || a.id - b.id)) {
    const keys = new Set<string>();
    for (const { offers } of activity.experiences) {
      for (const { location } of offers) {
        keys.add(locationKey(location));
        if (location.kind === "view") views.add(location.name);
      }
    }
    for (const key of keys) {
      const list = byLocation.get(key);
      if (list) list.push(activity);
      else byLocation.set(key, [activity]);
    }
  }
  const workspaces = new Set(live.map(workspaceOf));
  const [onlyWorkspace] = workspaces;
  return {
    byLocation,
    ...(workspaces.size === 1 && { onlyWorkspace }),
    views: [...views].sort(),
    byId: new Map(activities.map((activity) => [activity.id, activity])),
  };
}

/**
 * What to show where, in the order of the locations. An mbox shows the first activity, by priority, that the visitor
 * qualifies for; a view and the page show all they qualify for. A visitor beyond an activity's percentages is not in it.
 */
export function decide(index: ActivityIndex, request: DecideRequest): readonly Decision[] {
  const chosen = new Map<Activity, Experience | undefined>();
  const membersIn = membersByWorkspace(request);
  const { onlyWorkspace } = index;
  const everyones = onlyWorkspace === undefined ? undefined : membersIn(onlyWorkspace);
  if (onlyWorkspace !== undefined && everyones === undefined) return [];
  const experienceOf = (activity: Activity): Experience | undefined => {
    if (!chosen.has(activity)) {
      const members = everyones ?? membersIn(workspaceOf(activity));
      chosen.set(activity, members && choose(activity, members, request));
    }
    return chosen.get(activity);
  };
  const decisions: Decision[] = [];
  for (const location of request.locations) {
    const key = locationKey(location);
    for (const activity of index.byLocation.get(key) ?? []) {
      const experience = experienceOf(activity);
      const found = experience?.offers.find((entry) => locationKey(entry.location) === key);
      if (!experience || !found) continue;
      decisions.push(
        decisionOf({ activity, experience, location, offer: found.offer }, request.visitor.attributes),
      );
      if (location.kind === "mbox") break;
    }
  }
  return decisions;
}

function decisionOf(
  found: {
    readonly activity: Activity;
    readonly experience: Experience;
    readonly location: Location;
    readonly offer: Offer;
  },
  attributes: JsonObject,
): Decision {
  const { activity, experience, location, offer } = found;
  const token = (event: "display" | "click"): string =>
    eventToken({
      activityId: activity.id,
      experienceId: experience.id,
      location: locationKey(location),
      event,
    });
  return {
    location,
    activity: { id: activity.id, name: activity.name, type: activity.type },
    experience: { id: experience.id, name: experience.name },
    offer: fillTokens(offer, attributes),
    eventToken: token("display"),
    clicks: (activity.clicks ?? []).map((selector) => ({ selector, eventToken: token("click") })),
  };
}

function choose(
  activity: Activity,
  members: ReadonlySet<string>,
  { now, property, client, visitor }: DecideRequest,
): Experience | undefined {
  if ((activity.startsAt ?? now) > now || (activity.endsAt !== undefined && now >= activity.endsAt))
    return undefined;
  const { properties = [] } = activity;
  if (properties.length > 0 && (property === undefined || !properties.includes(property))) return undefined;
  if (!fits(activity.audience, members)) return undefined;
  if (activity.type === "xt") {
    return activity.experiences.find(({ audience }) => audience === undefined || fits(audience, members));
  }
  const allocation = allocationOf(client, activity.id, visitor.visitorId);
  let upTo = 0;
  return activity.experiences.find(({ percentage = 0 }) => allocation < (upTo += percentage));
}

function fits(condition: AudienceCondition, members: ReadonlySet<string>): boolean {
  switch (condition.kind) {
    case "everyone":
      return true;
    case "any":
      return condition.audiences.some((id) => members.has(id));
    case "all":
      return condition.audiences.every((id) => members.has(id));
    case "none":
      return !condition.audiences.some((id) => members.has(id));
  }
}

/** Whom each served workspace knows the visitor to be; `undefined` for a workspace that is not served. */
function membersByWorkspace({
  visitor,
  workspaces,
}: DecideRequest): (workspace: string) => ReadonlySet<string> | undefined {
  const known = new Map<string, ReadonlySet<string> | undefined>();
  // Activities of one workspace mostly follow one another.
  let last: string | undefined;
  let members: ReadonlySet<string> | undefined;
  return (workspace) => {
    if (workspace === last) return members;
    last = workspace;
    if (known.has(workspace)) return (members = known.get(workspace));
    const own = workspace === DEFAULT_WORKSPACE ? visitor.memberships : undefined;
    const memberships = workspaces === undefined ? own : workspaces.get(workspace);
    members = memberships && memberIds(memberships);
    known.set(workspace, members);
    return members;
  };
}

function memberIds(memberships: Visitor["memberships"]): ReadonlySet<string> {
  if (isSet(memberships)) return memberships;
  const ids = new Set<string>();
  for (const audiences of Object.values(memberships)) {
    for (const [id, { status }] of Object.entries(audiences)) if (isMember(status)) ids.add(id);
  }
  return ids;
}

function isSet(memberships: Visitor["memberships"]): memberships is ReadonlySet<string> {
  return memberships instanceof Set;
}
