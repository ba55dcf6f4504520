import {
  type Fragment,
  fragmentsOf,
  type HubCommit,
  type MembershipState,
  type OutboxEntry,
  type PersonState,
  type PersonWrite,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import {
  compareKeys,
  type ExperienceEvent,
  formatInstant,
  isMember,
  type MembershipChange,
  UPS,
} from "@tessera/xdm";
import type { DigestedEvent } from "./event-digest.ts";
import { type EventStates, eventStatesOf } from "./event-state.ts";
import type { Configuration } from "./configuration.ts";
import { attributesAt, computedOf, type Known } from "./attributes-at.ts";
import { type Followed as FollowedPerson, type Following, followMemberships } from "./follow-memberships.ts";
import { type EventItem, type RecordItem, regionOf } from "./ingest-batch.ts";
import { memberCounter, MemberTally } from "./member-tally.ts";
import { keepNotes, notesOn, type PersonNotes } from "./person-notes.ts";
import { retireMemberships } from "./retire-memberships.ts";
import type { Resolution, Resolutions } from "./resolve-persons.ts";
import { isWaiting } from "./waiting-version.ts";

/** What is stored of the persons of a batch: as much of their truth as deciding needs. */
export interface History {
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
}

/** Which activations changed persons cause; pure. The transitions are put together where somebody is told of them. */
export type Activate = (transitions: () => readonly Transition[], now: number) => readonly OutboxEntry[];

/** Persons before and after a decision: several before is a merge, several after a split. */
export interface Transition {
  readonly before: readonly PersonState[];
  readonly after: readonly PersonState[];
}

/** What a decision is made from, besides the persons. */
export interface Ruling {
  readonly configuration: Configuration;
  readonly history: ReadonlyMap<string, History>;
  readonly activate: Activate;
  readonly now: number;
}

/**
 * Decides what a batch changes: new person states, membership changes, outbox entries. Pure and deterministic: the
 * same input gives the same commit.
 */
export function decide(resolutions: Resolutions, ruling: Ruling): HubCommit {
  const writes: PersonWrite[] = [];
  const memberships: MembershipChange[] = [];
  const decisions: DecidedPerson[] = [];
  const events: StoredEvent[] = [];
  const records: StoredRecord[] = [];
  const tally = new MemberTally();
  const { continuous, edgePolicy } = ruling.configuration;
  const states = eventStatesOf(continuous, edgePolicy);
  for (const resolution of resolutions.persons) {
    const decided = decidePerson(resolution, ruling, states);
    writes.push({ kind: "put", person: decided.after, fragmentsChanged: decided.fragmentsChanged });
    for (const change of decided.changes) if (!isWaiting(change.audienceId)) memberships.push(change);
    for (const event of decided.events) events.push(event);
    for (const record of decided.records) records.push(record);
    decisions.push(decided);
    if (resolution.continues !== undefined && resolution.sources.length === 1) tally.changes(decided.changes);
    else tally.person(decided.after, resolution.sources);
  }
  for (const { person, successor } of resolutions.removed) {
    writes.push({ kind: "remove", personId: person.personId, expectedVersion: person.version, successor });
    tally.gone(person);
  }
  return {
    persons: writes,
    events,
    records,
    memberships,
    outbox: ruling.activate(() => transitionsOf(decisions), ruling.now),
    quarantine: [],
    documents: [],
    counters: tally.counters(),
  };
}

interface DecidedPerson {
  readonly before: readonly PersonState[];
  readonly after: PersonState;
  readonly changes: readonly MembershipChange[];
  readonly fragmentsChanged: boolean;
  /** What is new, as it is stored. */
  readonly events: readonly StoredEvent[];
  readonly records: readonly StoredRecord[];
}

/** Puts together the persons that came out of the same ones: what is one merge or split is one transition. */
function transitionsOf(decisions: readonly DecidedPerson[]): readonly Transition[] {
  const groupOf = new Map<string, { before: Set<PersonState>; after: PersonState[] }>();
  const groups = new Set<{ before: Set<PersonState>; after: PersonState[] }>();
  for (const { before, after } of decisions) {
    const group = { before: new Set(before), after: [after] };
    for (const other of new Set(before.flatMap((source) => groupOf.get(source.personId) ?? []))) {
      for (const source of other.before) group.before.add(source);
      group.after.unshift(...other.after);
      groups.delete(other);
    }
    groups.add(group);
    for (const source of group.before) groupOf.set(source.personId, group);
  }
  return [...groups].map((group) => ({ before: [...group.before], after: group.after }));
}

/** The state of one person after what is new, derived as if all of it had always been known. */
function decidePerson(resolution: Resolution, ruling: Ruling, states: EventStates): DecidedPerson {
  const { personId, graph, identities, continues, sources, events } = resolution;
  const { now } = ruling;
  const history = ruling.history.get(personId);
  const newRecords = storedRecords(resolution.records, history?.records ?? NO_RECORDS, now);
  const records = history === undefined ? newRecords : [...history.records, ...newRecords];
  const recordsKnown = history !== undefined || continues === undefined;
  const said =
    resolution.records.length === 0 && continues !== undefined
      ? continues.fragments
      : recordsKnown
        ? fragmentsOf(records)
        : (continues?.fragments ?? []);
  const past = history?.events;
  const newEvents = events.map((item) => storedEvent(item, now));
  const known = { fragments: said, records, past, fresh: newEvents };
  const following = follow(resolution, known, ruling, states);
  const { fragments, eventState, nextChangeAt } = following;
  const before =
    continues?.personId === personId ? continues : sources.find((source) => source.personId === personId);
  const regions = regionsOf(past ?? sources, newEvents);
  const after: { -readonly [Part in keyof PersonState]: PersonState[Part] } = {
    personId,
    version: (before?.version ?? 0) + 1,
    identities,
    graph,
    fragments,
    memberships: following.memberships,
    eventCount:
      (continues === undefined ? (past ?? []).filter(hasBody).length : continues.eventCount) + events.length,
    evaluatedAt: following.evaluatedAt,
  };
  if (nextChangeAt !== undefined) after.nextChangeAt = nextChangeAt;
  if (regions !== undefined) after.regions = regions;
  if (eventState !== undefined) after.eventState = eventState;
  keepNotes(after, following.notes);
  return {
    before: sources,
    after,
    changes: following.changes,
    fragmentsChanged: fragments !== continues?.fragments,
    events: newEvents,
    records: newRecords,
  };
}

const NO_RECORDS: readonly StoredRecord[] = [];

/** Where following a person led to, with what is kept of it. */
interface Followed {
  readonly memberships: readonly MembershipState[];
  readonly changes: readonly MembershipChange[];
  readonly evaluatedAt: number;
  readonly nextChangeAt: number | undefined;
  readonly fragments: readonly Fragment[];
  readonly eventState: Uint8Array | undefined;
  readonly notes: PersonNotes;
}

function follow(resolution: Resolution, known: KnownNow, ruling: Ruling, states: EventStates): Followed {
  const { personId, continues, graph } = resolution;
  const { configuration, now } = ruling;
  const { continuous: plan, since, edgePolicy: policy } = configuration;
  const stored = continues?.memberships ?? inherited(resolution, configuration);
  const notes = continues === undefined ? undefined : notesOn(continues);
  const held = retireMemberships(stored, configuration, notes);
  const { fresh, past } = known;
  const anew = mustFollowAnew(resolution, ruling);
  const usable =
    continues !== undefined && notes !== undefined && past === undefined && !anew
      ? states.take(continues, notes)
      : undefined;
  const all = inOrder(usable?.events ?? past?.filter(hasBody) ?? NO_EVENTS, fresh);
  const computing = computedOf(known, { continues: anew ? undefined : continues, all, graph, configuration });
  // Computed attributes change with every event, whether an audience reads them yet or not.
  const begin = computing === undefined ? configuration.firstSince : -Infinity;
  const learnt = (anew ? all : fresh).map(({ at }) => at);
  if (anew) for (const { at } of known.records) learnt.push(at);
  else if (resolution.records.length > 0) learnt.push(now);
  const isBefore = (moment: number): boolean => moment < begin;
  const moments = learnt.some(isBefore) ? learnt.filter((moment) => moment >= begin) : learnt;
  const valuesAt = computing?.attributesAt ?? attributesAt(known, policy);
  const followed: { -readonly [Part in keyof FollowedPerson]: FollowedPerson[Part] } = {
    personId,
    plan,
    stream: states.stream,
    since,
    attributesAt: valuesAt,
    events: all,
    memberships: anew ? held.filter((membership) => !isFollowed(membership, since)) : held,
    from: anew ? -Infinity : (continues?.evaluatedAt ?? -Infinity),
    moments,
    now,
  };
  // Where neither records nor computed attributes can have changed them, they are those of before.
  if (computing !== undefined) followed.alsoNext = computing.nextChangeAt;
  else if (resolution.records.length === 0) followed.attributesBefore = valuesAt(Infinity);
  if (usable !== undefined) followed.state = usable.state;
  if (notes?.summary !== undefined && !anew && held === stored) followed.summary = notes.summary;
  const following = followMemberships(followed);
  const { memberships, summary, evaluatedAt, nextChangeAt, state } = following;
  const changes =
    anew || held !== stored
      ? differences(personId, continues?.memberships ?? storedUnder(resolution), following)
      : following.changes;
  const before =
    usable === undefined || continues === undefined ? undefined : { person: continues, past: usable };
  const isKept = state !== undefined && (plan.audiences.length > 0 || computing !== undefined);
  const kept = isKept ? states.keep(state, all, before) : undefined;
  const fragments = computing?.fragments() ?? known.fragments;
  const isSettled = memberships === stored || (!anew && held === stored && notes?.settled?.isQuiet === true);
  return {
    memberships,
    changes,
    evaluatedAt,
    nextChangeAt,
    fragments,
    eventState: kept?.bytes,
    notes: { settled: isSettled ? notes?.settled : undefined, summary, past: kept?.past },
  };
}

/** What is known of one person, all that is new with its body. */
interface KnownNow extends Known {
  readonly fresh: readonly (StoredEvent & DigestedEvent)[];
}

const NO_EVENTS: readonly DigestedEvent[] = [];

/**
 * A merge, a split, or something not later than what was followed already (an event, a record or an audience of the
 * very same moment counts): the memberships are followed from the start.
 */
export function mustFollowAnew(
  { continues, events, records }: Resolution,
  { now, configuration }: Pick<Ruling, "now" | "configuration">,
): boolean {
  if (continues === undefined) return true;
  const { evaluatedAt } = continues;
  for (const { at } of events) if (at <= evaluatedAt) return true;
  return (records.length > 0 && now <= evaluatedAt) || configuration.beginnings.has(evaluatedAt);
}

function hasBody(event: StoredEvent): event is StoredEvent & { readonly body: ExperienceEvent } {
  return event.body !== undefined;
}

/** Past events and new ones in the order of time; most new ones come after all that is known. */
function inOrder(
  past: readonly DigestedEvent[],
  fresh: readonly (StoredEvent & DigestedEvent)[],
): readonly DigestedEvent[] {
  const first = fresh[0];
  const last = past.at(-1);
  if (first === undefined) return past;
  if (last === undefined) return fresh;
  const all = [...past, ...fresh];
  // In order, what is new is later than all that was followed; only events of the future may lie ahead of it.
  return last.at < first.at ? all : all.sort(compareDigested);
}

function compareDigested(a: DigestedEvent, b: DigestedEvent): number {
  return a.at - b.at || compareKeys(a.body._id ?? "", b.body._id ?? "");
}

function isFollowed(membership: MembershipState, since: ReadonlyMap<string, number>): boolean {
  return membership.namespace === UPS && since.has(membership.audienceId);
}

function storedUnder(resolution: Resolution): readonly MembershipState[] {
  return resolution.sources.find((source) => source.personId === resolution.personId)?.memberships ?? [];
}

/** Memberships that are not followed (batch, external) of those who became one: a membership beats an exit, later beats earlier. */
function inherited(resolution: Resolution, configuration: Configuration): readonly MembershipState[] {
  const kept = new Map<string, MembershipState>();
  for (const source of resolution.sources) {
    for (const membership of source.memberships) {
      if (isFollowed(membership, configuration.since)) continue;
      const key = `${membership.namespace}\n${membership.audienceId}`;
      const held = kept.get(key);
      const stronger =
        held === undefined ||
        (isMember(membership.status) && !isMember(held.status)) ||
        (isMember(membership.status) === isMember(held.status) && membership.at > held.at);
      if (stronger) kept.set(key, membership);
    }
  }
  return [...kept.values()];
}

function differences(
  personId: string,
  before: readonly MembershipState[],
  following: Following,
): readonly MembershipChange[] {
  const was = new Map(before.map((held) => [memberCounter(held), held]));
  const changes: MembershipChange[] = [];
  for (const held of following.memberships) {
    const from = was.get(memberCounter(held))?.status ?? "none";
    was.delete(memberCounter(held));
    if (from !== held.status && !(from === "none" && held.status === "exited")) {
      changes.push({ ...changed(personId, held), from, to: held.status });
    }
  }
  for (const gone of was.values()) {
    if (isMember(gone.status)) changes.push({ ...changed(personId, gone), from: gone.status, to: "none" });
  }
  return changes;
}

function changed(personId: string, held: MembershipState): Omit<MembershipChange, "from" | "to"> {
  const { namespace, audienceId, version, at } = held;
  return { personId, namespace, audienceId, version, at: formatInstant(at) };
}

/** Where a person was seen, and when last: by all of their events, or by what was known of it and the new ones. */
function regionsOf(
  known: readonly (StoredEvent | PersonState)[],
  fresh: readonly StoredEvent[],
): { readonly [region: string]: number } | undefined {
  let regions: Record<string, number> | undefined;
  const saw = (region: string, at: number): void => {
    regions ??= {};
    regions[region] = Math.max(at, regions[region] ?? at);
  };
  const look = (event: StoredEvent): void => {
    const region = event.body === undefined ? undefined : regionOf(event.body);
    if (region !== undefined) saw(region, event.at);
  };
  for (const one of known) {
    if (!("personId" in one)) look(one);
    else if (one.regions !== undefined)
      for (const [region, at] of Object.entries(one.regions)) saw(region, at);
  }
  fresh.forEach(look);
  // In one order, however they came in.
  return regions && Object.fromEntries(Object.entries(regions).sort(([a], [b]) => compareKeys(a, b)));
}

function storedEvent(item: EventItem, now: number): StoredEvent & DigestedEvent {
  const { id, datasetId, owner, keys, at, body } = item;
  return { id, datasetId, owner, identities: keys, at, ingestedAt: now, body };
}

/** New records in the order of their batch, after all that arrived in the same millisecond before them. */
function storedRecords(
  items: readonly RecordItem[],
  known: readonly StoredRecord[],
  now: number,
): readonly StoredRecord[] {
  if (items.length === 0) return [];
  const first = known.reduce((next, { at, ordinal }) => (at === now ? Math.max(next, ordinal + 1) : next), 0);
  return items.map(({ id, datasetId, owner, keys, operation, body, index }) => ({
    id,
    datasetId,
    owner,
    identities: keys,
    operation,
    body,
    at: now,
    ordinal: first + index,
  }));
}
