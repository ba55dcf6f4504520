import {
  type ExperienceEvent,
  isMember,
  type SegmentMembershipEntry,
  type SegmentMembershipMap,
  formatInstant,
  UPS,
} from "@tessera/xdm";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import type { EdgeProfile } from "./edge-profile.ts";
import { moveWindow } from "./event-window.ts";
import { createSlot } from "./slot.ts";

/** The answer of one evaluation: the profile that follows from it, and who belongs where. */
export interface Evaluation {
  readonly profile: EdgeProfile;
  /** Ids of all audiences the person is a member of: edge audiences decided here, the others as the hub said. */
  readonly members: ReadonlySet<string>;
  /** Edge audiences left in this step. */
  readonly exited: ReadonlySet<string>;
}

/** What the last step of a window decided, and from what: as long as all of that stands, so does the decision. */
interface Decided {
  readonly own: NonNullable<EdgeProfile["own"]>;
  /** The same as a set. */
  readonly after: ReadonlySet<string>;
  readonly hub: EdgeProfile["hub"];
  readonly memberships: EdgeProfile["memberships"];
  readonly members: ReadonlySet<string>;
  /** Until when, in milliseconds since 1970: the hub may have set memberships an end. */
  readonly until: number;
}

const decided = createSlot<readonly ExperienceEvent[], Decided>("decided audiences");

/**
 * Takes `event` into the profile (`undefined`: only time has passed) and decides its edge audiences at `now`.
 *
 * The hub knows events the edge never saw (other devices, other regions, files), the edge knows the event of this
 * very moment. So the hub's decision stands until the edge's own evaluation *changes*: then that change counts,
 * until the hub has spoken again. Where the hub has said nothing of an audience, the edge decides alone.
 */
export function evaluateEdge(
  held: EdgeProfile,
  event: ExperienceEvent | undefined,
  compiled: CompiledSnapshot,
  now: number,
): Evaluation {
  const events = moveWindow(held.events, event, now - compiled.lookBackMs);
  const hubMemberships = held.hub?.segmentMembership ?? NO_MEMBERSHIPS;
  const taken = decided.take(held.events);
  const isOwn = taken !== undefined && taken.own === held.own;
  const last = isOwn && taken.own.snapshot === compiled.snapshot.version ? taken : undefined;
  const before = last?.after ?? ownBefore(held, compiled, hubMemberships, now);
  const person = { attributes: held.hub?.attributes ?? {}, events, segmentMembership: hubMemberships };
  const after = compiled.follow({ before: held.events, after: events, event, source: held.hub, person }, now);
  if (
    last?.after === after &&
    last.hub === held.hub &&
    last.memberships === held.memberships &&
    now < last.until
  ) {
    decided.put(events, last);
    return { profile: { ...held, events }, members: last.members, exited: NOBODY };
  }
  const { memberships, members, exited } = decide({ held, before, after }, compiled, now);
  const own = { snapshot: compiled.snapshot.version, members: [...after] };
  const until = endOf(hubMemberships, members, now);
  decided.put(events, { own, after, hub: held.hub, memberships, members, until });
  return { profile: { ...held, events, memberships, own }, members, exited };
}

const NO_MEMBERSHIPS: SegmentMembershipMap = {};

/** Who belongs where after the edge's own evaluation went from `before` to `after`. */
function decide(
  step: {
    readonly held: EdgeProfile;
    readonly before: ReadonlySet<string>;
    readonly after: ReadonlySet<string>;
  },
  compiled: CompiledSnapshot,
  now: number,
): Pick<EdgeProfile, "memberships"> & Pick<Evaluation, "members" | "exited"> {
  const { held, before, after } = step;
  const memberships: Record<string, SegmentMembershipEntry> = {};
  const members = foreignMembers(held.hub?.segmentMembership ?? NO_MEMBERSHIPS, compiled, now);
  const exited = new Set<string>();
  const at = formatInstant(now);
  const one = (id: string, version: string): void => {
    const last = held.memberships[id];
    const known = last !== undefined && (last.version === undefined || last.version === version);
    const wasMember = known && isMember(last.status);
    const isIn = known && after.has(id) === before.has(id) ? wasMember : after.has(id);
    if (isIn) members.add(id);
    else if (wasMember) exited.add(id);
    if (known && wasMember === isIn) memberships[id] = last;
    else memberships[id] = { status: isIn ? "realized" : "exited", lastQualificationTime: at, version };
  };
  // Only audiences somebody was or is in can change anything; the others are most of them.
  for (const id in held.memberships) {
    const version = compiled.edgeAudiences.get(id);
    if (version !== undefined) one(id, version);
  }
  for (const id of after) {
    const version = compiled.edgeAudiences.get(id);
    if (version !== undefined && held.memberships[id] === undefined) one(id, version);
  }
  return { memberships, members, exited };
}

/** When the first of the memberships that the hub set an end is over, in milliseconds since 1970. */
function endOf(memberships: SegmentMembershipMap, members: ReadonlySet<string>, now: number): number {
  let end = Number.POSITIVE_INFINITY;
  const held = memberships[UPS];
  for (const id in held) {
    const until = held[id]?.validUntil;
    if (until === undefined || !members.has(id)) continue;
    const at = Date.parse(until);
    if (at > now && at < end) end = at;
  }
  return end;
}

/** What the edge's own evaluation said before this event; worked out again when definitions or the hub's view changed. */
function ownBefore(
  held: EdgeProfile,
  compiled: CompiledSnapshot,
  hubMemberships: SegmentMembershipMap,
  now: number,
): ReadonlySet<string> {
  if (held.own?.snapshot === compiled.snapshot.version) return new Set(held.own.members);
  if (Object.keys(held.memberships).length === 0) return NOBODY;
  const at = Math.min(now, Math.max(held.lastActivityAt, Date.parse(held.hub?.freshAt ?? "") || 0));
  return compiled.evaluate(
    { attributes: held.hub?.attributes ?? {}, events: held.events, segmentMembership: hubMemberships },
    at,
  );
}

const NOBODY: ReadonlySet<string> = new Set();

/** The memberships the hub decides: batch and streaming audiences, projected here. */
function foreignMembers(
  hubMemberships: SegmentMembershipMap,
  compiled: CompiledSnapshot,
  now: number,
): Set<string> {
  return hubMembers(hubMemberships, compiled.edgeAudiences, now);
}

function hubMembers(
  hubMemberships: SegmentMembershipMap,
  leftOut: Pick<ReadonlySet<string>, "has">,
  now: number,
): Set<string> {
  const members = new Set<string>();
  const held = hubMemberships[UPS];
  if (held === undefined) return members;
  for (const id in held) {
    const entry = held[id];
    if (entry === undefined || !isMember(entry.status) || leftOut.has(id)) continue;
    if (entry.validUntil !== undefined && Date.parse(entry.validUntil) <= now) continue;
    members.add(id);
  }
  return members;
}

/** The memberships the hub shared, whoever evaluates them: what clients that evaluate nothing here are told. */
export function sharedMembers(profile: EdgeProfile, now: number): ReadonlySet<string> {
  return hubMembers(profile.hub?.segmentMembership ?? {}, NOBODY, now);
}

/**
 * The memberships of a datastream without edge segmentation: everything as last decided, nothing evaluated now.
 * What changes counts from the next session on.
 */
export function heldMembers(
  profile: EdgeProfile,
  compiled: CompiledSnapshot,
  now: number,
): ReadonlySet<string> {
  const members = foreignMembers(profile.hub?.segmentMembership ?? {}, compiled, now);
  for (const id in profile.memberships) {
    const entry = profile.memberships[id];
    if (entry !== undefined && isMember(entry.status) && compiled.edgeAudiences.has(id)) members.add(id);
  }
  return members;
}
