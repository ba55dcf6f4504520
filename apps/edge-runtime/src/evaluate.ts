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

/** The answer of one evaluation: the profile that follows from it, and who belongs where. */
export interface Evaluation {
  readonly profile: EdgeProfile;
  /** Ids of all audiences the person is a member of: edge audiences decided here, the others as the hub said. */
  readonly members: ReadonlySet<string>;
  /** Edge audiences left in this step. */
  readonly exited: ReadonlySet<string>;
}

/** The events kept of one profile at most; the oldest leave first. */
const MAX_WINDOW_EVENTS = 500;

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
  const events = appendEvent(held.events, event, now - compiled.lookBackMs);
  const attributes = held.hub?.attributes ?? {};
  const hubMemberships = held.hub?.segmentMembership ?? {};
  const before = ownBefore(held, compiled, hubMemberships, now);
  const person = { attributes, events, segmentMembership: hubMemberships };
  const after = compiled.follow({ before: held.events, after: events, event, source: held.hub, person }, now);
  const memberships: Record<string, SegmentMembershipEntry> = {};
  const members = foreignMembers(hubMemberships, compiled, now);
  const exited = new Set<string>();
  const at = formatInstant(now);
  // Only audiences somebody was or is in can change anything; the others are most of them.
  const decide = (id: string, version: string): void => {
    const last = held.memberships[id];
    const known = last !== undefined && (last.version === undefined || last.version === version);
    const wasMember = known && isMember(last.status);
    const isIn = known && after.has(id) === before.has(id) ? wasMember : after.has(id);
    if (isIn) members.add(id);
    else if (wasMember) exited.add(id);
    if (known && wasMember === isIn) memberships[id] = last;
    else memberships[id] = { status: isIn ? "realized" : "exited", lastQualificationTime: at, version };
  };
  for (const id in held.memberships) {
    const version = compiled.edgeAudiences.get(id);
    if (version !== undefined) decide(id, version);
  }
  for (const id of after) {
    const version = compiled.edgeAudiences.get(id);
    if (version !== undefined && held.memberships[id] === undefined) decide(id, version);
  }
  const profile = {
    ...held,
    events,
    memberships,
    own: { snapshot: compiled.snapshot.version, members: [...after] },
  };
  return { profile, members, exited };
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

function appendEvent(
  held: readonly ExperienceEvent[],
  event: ExperienceEvent | undefined,
  oldest: number,
): readonly ExperienceEvent[] {
  const limit = formatInstant(oldest);
  let from = 0;
  while (isBefore(held[from], limit)) from++;
  const kept = from === 0 ? held : held.slice(from);
  if (event === undefined || isBefore(event, limit)) return kept;
  let place = kept.length;
  while (place > 0 && !isBefore(kept[place - 1], event.timestamp, true)) place--;
  const events = [...kept.slice(0, place), event, ...kept.slice(place)];
  return events.length > MAX_WINDOW_EVENTS ? events.slice(events.length - MAX_WINDOW_EVENTS) : events;
}

function isBefore(event: ExperienceEvent | undefined, at: string, orAt = false): boolean {
  return event !== undefined && (event.timestamp < at || (orAt && event.timestamp === at));
}
