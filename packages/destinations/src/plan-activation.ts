import {
  canonicalJson,
  digest,
  identityKey,
  isMember,
  type JsonValue,
  type SegmentMembershipEntry,
  type SegmentMembershipMap,
} from "@tessera/xdm";
import type {
  ActivationItem,
  ActivationTrigger,
  AudienceChange,
  MappedIdentity,
} from "./activation-batch.ts";
import { type Dataflow, type DataflowAudience, mappingOf } from "./dataflow.ts";
import type { ConfiguredDestination } from "./definition.ts";
import { type EvaluateExpression, type MappedPerson, mapPerson } from "./map-person.ts";
import type { OutboxItem } from "./outbox.ts";
import type { PersonTransition, PersonView } from "./person-view.ts";

/** A dataflow with what planning must know of its destination. */
export interface ActiveDataflow {
  readonly dataflow: Dataflow;
  readonly destination: Pick<ConfiguredDestination, "kind" | "capabilities">;
}

/** Surroundings of planning. `now` is ISO 8601. */
export interface ActivationInput {
  readonly transitions: readonly PersonTransition[];
  readonly dataflows: readonly ActiveDataflow[];
  readonly now: string;
  readonly evaluate: EvaluateExpression;
}

/**
 * What streaming destinations are to be told of changes of persons, in order; deterministic, ids included.
 *
 * A destination knows identities, not persons. What it holds of an identity is: the mapped audiences of the person
 * who has it. So each transition is read identity by identity: what was told before against what holds after. A merge
 * or a split thereby sends exactly the exits and entries it implies, each once, exits first; an identity that belongs
 * to nobody any more leaves all its audiences.
 *
 * - Streaming audiences: entries, exits, mapped attributes that changed; to the identities concerned.
 * - Streaming profiles: the whole mapped profile when an audience, any identity or a mapped attribute changed.
 * - Profile requests and files: nothing; the edge asks, and files have their schedule.
 *
 * A person who lacks a required field, or refuses the destination's marketing action, is in none of its audiences.
 * Only the net change of a transition is told.
 */
export function planActivation(input: ActivationInput): readonly OutboxItem[] {
  const items: OutboxItem[] = [];
  const concerned = dataflowsByAudience(input.dataflows);
  for (const transition of input.transitions) {
    for (const active of concernedBy(transition, concerned)) {
      const scope = scopeOf(transition, active, input);
      if (active.destination.kind === "streaming-audience") planAudiences(scope, items);
      else planProfiles(scope, items);
    }
  }
  return items;
}

/** Streaming dataflows by mapped audience (origin, then id), each with its place in the list. */
type Concerned = ReadonlyMap<string, ReadonlyMap<string, readonly (readonly [number, ActiveDataflow])[]>>;

/** Most changes of persons concern no mapped audience: an index finds out without asking every dataflow. */
function dataflowsByAudience(dataflows: readonly ActiveDataflow[]): Concerned {
  const known = indexes.get(dataflows);
  if (known) return known;
  const index = new Map<string, Map<string, (readonly [number, ActiveDataflow])[]>>();
  for (const [place, { dataflow: given, destination }] of dataflows.entries()) {
    const dataflow = { ...given, mapping: mappingOf(given, destination.capabilities) };
    const active = { dataflow, destination };
    const streams = destination.kind === "streaming-audience" || destination.kind === "streaming-profile";
    if (!dataflow.enabled || !streams) continue;
    for (const { namespace, id } of dataflow.audiences) {
      const audiences = index.get(namespace) ?? new Map<string, (readonly [number, ActiveDataflow])[]>();
      index.set(namespace, audiences);
      const entry = [place, active] as const;
      const found = audiences.get(id);
      if (found) found.push(entry);
      else audiences.set(id, [entry]);
    }
  }
  indexes.set(dataflows, index);
  return index;
}

/** Callers pass the same list again and again; it is data, so its index holds as long as the list does. */
const indexes = new WeakMap<readonly ActiveDataflow[], Concerned>();

function concernedBy({ before, after }: PersonTransition, concerned: Concerned): readonly ActiveDataflow[] {
  const found = new Map<number, ActiveDataflow>();
  for (const persons of [before, after]) {
    for (const { memberships } of persons) {
      for (const [namespace, audiences] of concerned) {
        const held = memberships[namespace];
        if (!held) continue;
        for (const id in held)
          for (const [place, active] of audiences.get(id) ?? []) found.set(place, active);
      }
    }
  }
  if (found.size < 2) return [...found.values()];
  return [...found].sort(([a], [b]) => a - b).map(([, active]) => active);
}

/** One person as the destination of a dataflow knows or is to know them. */
interface Told {
  readonly person: PersonView;
  readonly mapped: MappedPerson;
  /** Mapped audiences the person is in, as far as this destination may be told. */
  readonly audiences: ReadonlySet<DataflowAudience>;
}

interface Scope {
  readonly transition: PersonTransition;
  readonly dataflow: Dataflow;
  readonly attributes: boolean;
  /** Streaming profiles are told all memberships, streaming audiences the mapped ones. */
  readonly allMemberships: boolean;
  readonly before: readonly Told[];
  readonly after: readonly Told[];
  readonly lanes: readonly string[];
  readonly now: string;
}

function scopeOf(
  transition: PersonTransition,
  { dataflow, destination }: ActiveDataflow,
  input: ActivationInput,
): Scope {
  const told = (person: PersonView): Told => {
    const mapped = mapPerson(dataflow.mapping, person, input.evaluate);
    const refused = destination.capabilities.marketingActions.some((a) => person.refusedActions?.includes(a));
    const eligible = !refused && mapped.missing.length === 0;
    const audiences = eligible
      ? dataflow.audiences.filter((a) => isIn(person.memberships, a, transition.at))
      : [];
    return { person, mapped, audiences: new Set(audiences) };
  };
  const persons = [...transition.before, ...transition.after].map(({ personId }) => personId);
  return {
    transition,
    dataflow,
    attributes: destination.capabilities.attributes,
    allMemberships: destination.kind === "streaming-profile",
    before: transition.before.map(told),
    after: transition.after.map(told),
    lanes: [...new Set(persons)],
    now: input.now,
  };
}

function isIn(memberships: SegmentMembershipMap, audience: DataflowAudience, at: string): boolean {
  const status = memberships[audience.namespace]?.[audience.id]?.status;
  if (status === undefined || !isMember(status)) return false;
  return (audience.startsAt ?? at) <= at && (audience.endsAt === undefined || at < audience.endsAt);
}

const NOBODY: ReadonlySet<DataflowAudience> = new Set();

/** An identity's passage: who had it, who has it. */
interface Passage {
  identity: MappedIdentity;
  from?: Told;
  to?: Told;
}

/** Identities that pass from the same person to the same person. */
interface Move {
  readonly passage: Passage;
  readonly identities: MappedIdentity[];
}

function planAudiences(scope: Scope, items: OutboxItem[]): void {
  const passages = new Map<string, Passage>();
  for (const from of scope.before) {
    for (const identity of from.mapped.identities) passages.set(passageKey(identity), { identity, from });
  }
  for (const to of scope.after) {
    for (const identity of to.mapped.identities) {
      const passage = passages.get(passageKey(identity));
      if (passage) passage.to = to;
      else passages.set(passageKey(identity), { identity, to });
    }
  }
  const groups = new Map<string, Move>();
  for (const passage of passages.values()) {
    const key = `${passage.from?.person.personId ?? ""}\n${passage.to?.person.personId ?? ""}`;
    const group = groups.get(key);
    if (group) group.identities.push(passage.identity);
    else groups.set(key, { passage, identities: [passage.identity] });
  }
  const moves = [...groups.values()];
  const left = new Set(moves.filter((move) => emit(scope, items, move, "exited")));
  // Attributes go along with every item: who was just told of an exit needs no item for the attributes alone.
  for (const move of moves) emit(scope, items, move, left.has(move) ? "entered" : "entered-or-updated");
}

function passageKey(identity: MappedIdentity): string {
  return `${identity.target}\n${identityKey(identity)}`;
}

/** Adds the item that one move needs, if it needs one, and says whether it did. */
function emit(
  scope: Scope,
  items: OutboxItem[],
  move: Move,
  what: "exited" | "entered" | "entered-or-updated",
): boolean {
  const { from, to } = move.passage;
  const told = to ?? from;
  if (!told) return false;
  const was = from?.audiences ?? NOBODY;
  const is = to?.audiences ?? NOBODY;
  const changed = what === "exited" ? without(was, is) : without(is, was);
  if (changed.length === 0) {
    const stays = what === "entered-or-updated" && from !== undefined && is.size > 0;
    if (!stays || !attributesChanged(scope, from, told)) return false;
  }
  const status = what === "exited" ? "exited" : "realized";
  const changes = changed.map((audience) => changeOf(scope, told.person, audience, status));
  const trigger = triggerOf(scope, move.passage, changes);
  items.push(outboxItem(scope, told, { identities: move.identities, changes, trigger }));
  return true;
}

function without(
  a: ReadonlySet<DataflowAudience>,
  b: ReadonlySet<DataflowAudience>,
): readonly DataflowAudience[] {
  return [...a].filter((audience) => !b.has(audience));
}

function attributesChanged(scope: Scope, from: Told, to: Told): boolean {
  if (!scope.attributes) return false;
  const targets = new Set([...Object.keys(from.mapped.attributes), ...Object.keys(to.mapped.attributes)]);
  return [...targets].some((target) => {
    const [a, b] = [from.mapped.attributes[target], to.mapped.attributes[target]];
    return a !== b && canonicalJson(a) !== canonicalJson(b);
  });
}

function triggerOf(
  scope: Scope,
  { from, to }: Passage,
  changes: readonly AudienceChange[],
): ActivationTrigger {
  if (scope.before.length > 1) return "merge";
  if (scope.after.length > 1) return "split";
  if (!from || !to) return scope.before.length > 0 && scope.after.length > 0 ? "identity" : "membership";
  if (changes.length === 0) return "attribute";
  const consents = canonicalJson([...(from.person.refusedActions ?? [])]);
  return consents === canonicalJson([...(to.person.refusedActions ?? [])]) ? "membership" : "consent";
}

function planProfiles(scope: Scope, items: OutboxItem[]): void {
  const kept = new Set<Told>();
  for (const to of scope.after) {
    const keys = new Set(to.person.identities.map(identityKey));
    const from = scope.before.filter(
      ({ person }) =>
        person.personId === to.person.personId || person.identities.some((i) => keys.has(identityKey(i))),
    );
    for (const told of from) kept.add(told);
    const was = new Set(from.flatMap(({ audiences }) => [...audiences]));
    const changes = [
      ...without(was, to.audiences).map((audience) => changeOf(scope, to.person, audience, "exited")),
      ...without(to.audiences, was).map((audience) => changeOf(scope, to.person, audience, "realized")),
    ];
    const [only] = from;
    const identity = only === undefined || from.length > 1 || !sameIdentities(only.person, to.person);
    const attribute = only !== undefined && (attributesChanged(scope, only, to) || wasWritten(scope));
    if (changes.length === 0 && !(to.audiences.size > 0 && (identity || attribute))) continue;
    const passage: Passage = {
      identity: { namespace: "", id: "", target: "" },
      to,
      ...(only && { from: only }),
    };
    const trigger =
      changes.length === 0 && identity && scope.lanes.length === 1
        ? "identity"
        : triggerOf(scope, passage, changes);
    items.push(outboxItem(scope, to, { identities: everyIdentity(to.person), changes, trigger }));
  }
  for (const from of scope.before) {
    if (kept.has(from) || from.audiences.size === 0) continue;
    const changes = [...from.audiences].map((audience) => changeOf(scope, from.person, audience, "exited"));
    items.push(
      outboxItem(scope, from, { identities: everyIdentity(from.person), changes, trigger: "membership" }),
    );
  }
}

function sameIdentities(a: PersonView, b: PersonView): boolean {
  if (a.identities.length !== b.identities.length) return false;
  const keys = new Set(a.identities.map(identityKey));
  return b.identities.every((identity) => keys.has(identityKey(identity)));
}

function wasWritten({ transition, dataflow }: Scope): boolean {
  const written = transition.writtenPaths ?? [];
  return dataflow.mapping.some(
    ({ source }) =>
      source.kind === "attribute" &&
      written.some(
        (path) =>
          path === source.path || source.path.startsWith(`${path}.`) || path.startsWith(`${source.path}.`),
      ),
  );
}

function everyIdentity(person: PersonView): readonly MappedIdentity[] {
  return person.identities.map(({ namespace, id }) => ({ namespace, id, target: namespace }));
}

function changeOf(
  { transition }: Scope,
  person: PersonView,
  { namespace, id }: DataflowAudience,
  status: "realized" | "exited",
): AudienceChange {
  const entry = person.memberships[namespace]?.[id];
  const fits = entry !== undefined && isMember(entry.status) === (status === "realized");
  return { audienceId: id, namespace, status, at: fits ? entry.lastQualificationTime : transition.at };
}

function outboxItem(
  scope: Scope,
  told: Told,
  what: {
    readonly identities: readonly MappedIdentity[];
    readonly changes: readonly AudienceChange[];
    readonly trigger: ActivationTrigger;
  },
): OutboxItem {
  const { transition, dataflow } = scope;
  const { person, mapped } = told;
  const { identities, changes, trigger } = what;
  const content = [dataflow.id, person.personId, identities.map(passageKey), changes, mapped.attributes];
  const id = digest(`${transition.id}\n${canonicalJson(content as unknown as JsonValue)}`);
  const item: ActivationItem = {
    id,
    personId: person.personId,
    trigger,
    at: transition.at,
    identities,
    attributes: scope.attributes ? mapped.attributes : {},
    changes,
    memberships: membershipsTold(scope, person, changes),
    ...(person.regions && { regions: person.regions }),
  };
  return {
    id,
    destinationId: dataflow.destinationId,
    dataflowId: dataflow.id,
    lanes: scope.lanes,
    enqueuedAt: scope.now,
    payload: { kind: "profile", item },
  };
}

/** The memberships that go along, with the exits of this item even where the person never had an entry. */
function membershipsTold(
  { dataflow, allMemberships }: Scope,
  person: PersonView,
  changes: readonly AudienceChange[],
): SegmentMembershipMap {
  const told: Record<string, Record<string, SegmentMembershipEntry>> = {};
  const put = (namespace: string, id: string, entry: SegmentMembershipEntry | undefined): void => {
    if (entry) (told[namespace] ??= {})[id] = entry;
  };
  if (allMemberships) {
    for (const [namespace, audiences] of Object.entries(person.memberships))
      told[namespace] = { ...audiences };
  } else {
    for (const { namespace, id } of dataflow.audiences)
      put(namespace, id, person.memberships[namespace]?.[id]);
  }
  for (const { namespace, audienceId, status, at } of changes) {
    if (status === "exited") put(namespace, audienceId, { status, lastQualificationTime: at });
  }
  return told;
}
