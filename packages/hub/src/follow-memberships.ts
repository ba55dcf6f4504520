import type { MembershipState } from "@tessera/profile-store";
import { compareMemberships } from "@tessera/profile-store";
import type {
  AudiencePlan,
  PersonView,
  StreamPlan,
  StreamState,
  StreamTransition,
} from "@tessera/segment-engine";
import {
  formatInstant,
  type JsonObject,
  type MembershipChange,
  type SegmentMembershipMap,
  UPS,
} from "@tessera/xdm";
import { membershipMap } from "@tessera/profile-store";
import type { DigestedEvent } from "./event-digest.ts";

/** No memberships of audiences beyond the plan. */
const NOWHERE: SegmentMembershipMap = {};

/** Exited memberships are forgotten this long after the exit (30 days, domain facts of segmentMembership). */
const EXITED_KEPT_MS: number = 30 * 86_400_000;

/** What is followed: which audiences, since when, over what is known of one person. */
export interface Followed {
  readonly personId: string;
  readonly plan: AudiencePlan;
  readonly stream: StreamPlan;
  /** Since when (ms) each audience of the plan is in force in its present version. */
  readonly since: ReadonlyMap<string, number>;
  /** The merged attributes as they stood at a moment; the very same object while nothing changes them. */
  readonly attributesAt: (ms: number) => JsonObject;
  /** The attributes that `state` was left with, when they are known. */
  readonly attributesBefore?: JsonObject;
  /** Events in (time, id) order: all of them, or those after `from` when `state` stands for the others. */
  readonly events: readonly DigestedEvent[];
  /** The state as of `from`; changed here. Without it, it is made of `events`. */
  readonly state?: StreamState;
  /** Memberships as they stood at `from`; of audiences of the plan and of others. */
  readonly memberships: readonly MembershipState[];
  /** The moment up to which memberships were followed already, exclusive of what follows. */
  readonly from: number;
  /** The moments after `from` at which something new was learnt: event times, arrival of records. */
  readonly moments: readonly number[];
  /** The next moment at which attributes change by themselves, as of the last moment they were asked for. */
  readonly alsoNext?: () => number | undefined;
  readonly now: number;
}

/** Where following led to. */
export interface Following {
  readonly memberships: readonly MembershipState[];
  readonly changes: readonly MembershipChange[];
  readonly evaluatedAt: number;
  readonly nextChangeAt: number | undefined;
  /** The state as of `evaluatedAt`; undefined while nothing was evaluated, or when it does not know of all events. */
  readonly state: StreamState | undefined;
}

/**
 * Follows one person's memberships from `from` to `now`: looks at every moment at which a result can change (an
 * event, a record, a window that lapses, an audience that begins) and at no other. The outcome depends on what is
 * known, not on how it was cut into batches. Memberships that do not change are given back as the very same list.
 */
export function followMemberships(input: Followed): Following {
  const { stream, events, from, now } = input;
  const audiences = audiencesOf(input.plan, input.since);
  const { elsewhere, lapseAt } = summaryOf(input.memberships, audiences);
  let moved: Standing | undefined;
  // Most events change no membership: then their places are not looked up at all.
  const standing = (): Standing => (moved ??= new Standing(input.memberships, audiences));
  const view = viewer(input, elsewhere);
  const changes: MembershipChange[] = [];
  const tell = (steps: readonly Step[]): void => {
    for (const { from: was, to } of steps) {
      if (was !== to.status) changes.push(changeOf(input.personId, was, to));
    }
  };
  const stops = stopsOf(input, audiences);
  let { state } = input;
  // A state that had to be made of the history may know other things than the one that memberships were left with.
  let isNew = state === undefined;
  if (isNew && from > -Infinity) state = stream.rebuild(view.at(from), from);
  let before = isNew ? undefined : input.attributesBefore;
  let evaluatedAt = from;
  let stop = 0;
  let fed = events.findIndex(({ at }) => at > from);
  if (fed < 0) fed = events.length;
  for (;;) {
    const known = state === undefined ? Infinity : Math.min(state.next, events[fed]?.at ?? Infinity);
    const next = Math.min(stops[stop] ?? Infinity, known, input.alsoNext?.() ?? Infinity);
    if (next > now) break;
    while ((stops[stop] ?? Infinity) <= next) stop += 1;
    const first = fed;
    while ((events[fed]?.at ?? Infinity) <= next) fed += 1;
    if (state === undefined) {
      const person = view.at(next);
      before = person.attributes;
      state = stream.rebuild(person, next);
    } else {
      const attributes = view.attributesAt(next);
      const transitions = stream.apply(state, {
        at: next,
        ...(first === fed ? {} : { events: events.slice(first, fed).map(({ body }) => body) }),
        ...(attributes === before ? {} : { profile: { attributes } }),
        person: () => view.at(next),
      });
      before = attributes;
      if (!isNew && transitions.length > 0) tell(standing().take(transitions));
    }
    if (isNew) tell(standing().decide(stream.members(state), next));
    else if (audiences.beginnings.has(next)) tell(standing().begin(stream.members(state), next));
    isNew = false;
    evaluatedAt = next;
  }
  if (moved !== undefined || lapseAt <= now) tell(standing().lapse(now));
  const memberships = moved?.memberships() ?? input.memberships;
  const ahead = events[fed]?.at;
  const planned = earlier(earlier(finite(state?.next), ahead), input.alsoNext?.());
  return {
    memberships,
    changes,
    evaluatedAt,
    nextChangeAt: earlier(planned, finite(summaryOf(memberships, audiences).lapseAt)),
    // Events of the future are not in the state: they are looked up again when their time comes.
    state: ahead === undefined && !isNew ? state : undefined,
  };
}

/** A person as the engine sees them at a moment. */
interface Viewer {
  readonly attributesAt: (ms: number) => JsonObject;
  readonly at: (ms: number) => PersonView;
}

function viewer({ attributesAt, events }: Followed, elsewhere: SegmentMembershipMap): Viewer {
  const bodies = events.map(({ body }) => body);
  if (elsewhere === NOWHERE) {
    return {
      attributesAt,
      at: (ms) => ({ attributes: attributesAt(ms), events: bodies, segmentMembership: NOWHERE }),
    };
  }
  const known = new WeakMap<JsonObject, JsonObject>();
  const withMemberships = (ms: number): JsonObject => {
    const attributes = attributesAt(ms);
    const held = known.get(attributes) ?? {
      ...attributes,
      segmentMembership: elsewhere as unknown as JsonObject,
    };
    known.set(attributes, held);
    return held;
  };
  return {
    attributesAt: withMemberships,
    at: (ms) => ({ attributes: withMemberships(ms), events: bodies, segmentMembership: elsewhere }),
  };
}

/** The earlier of two moments that may not be. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

function finite(moment: number | undefined): number | undefined {
  return moment === Infinity ? undefined : moment;
}

/** The moments after `from` and up to `now` at which something was learnt or an audience began, in order. */
function stopsOf({ moments, from, now }: Followed, { beginnings, last }: Audiences): readonly number[] {
  const stops: number[] = [];
  for (const moment of moments) if (moment > from && moment <= now) stops.push(moment);
  if (last > from) {
    for (const moment of beginnings) if (moment > from && moment <= now) stops.push(moment);
  }
  return stops.length < 2 ? stops : [...new Set(stops)].sort((a, b) => a - b);
}

/** The audiences of a plan as following asks for them. */
interface Audiences {
  readonly numbers: ReadonlyMap<string, number>;
  readonly list: readonly { readonly id: string; readonly version: number; readonly since: number }[];
  /** When they came into force, and when the last of them did. */
  readonly beginnings: ReadonlySet<number>;
  readonly last: number;
}

const prepared = new WeakMap<AudiencePlan, Audiences>();

function audiencesOf(plan: AudiencePlan, since: ReadonlyMap<string, number>): Audiences {
  const known = prepared.get(plan);
  if (known !== undefined) return known;
  const list = plan.audiences.map(({ id, version }) => ({ id, version, since: since.get(id) ?? Infinity }));
  const beginnings = new Set(list.map(({ since: begin }) => begin).filter(Number.isFinite));
  const made: Audiences = {
    numbers: new Map(list.map(({ id }, number) => [id, number])),
    list,
    beginnings,
    last: Math.max(...beginnings),
  };
  prepared.set(plan, made);
  return made;
}

interface Step {
  readonly from: MembershipChange["from"];
  readonly to: MembershipState;
}

const NO_STEPS: readonly Step[] = [];

/** What a list of memberships comes to, beside its places in the plan. */
interface Summary {
  /** What is held of audiences beyond the plan. */
  readonly elsewhere: SegmentMembershipMap;
  /** When the first of them ends or is forgotten by itself; `Infinity` when none is. */
  readonly lapseAt: number;
}

const summaries = new WeakMap<Audiences, WeakMap<readonly MembershipState[], Summary>>();

function summaryOf(memberships: readonly MembershipState[], audiences: Audiences): Summary {
  const known = summaries.get(audiences) ?? new WeakMap<readonly MembershipState[], Summary>();
  summaries.set(audiences, known);
  const held = known.get(memberships);
  if (held !== undefined) return held;
  let lapseAt = Infinity;
  const others: MembershipState[] = [];
  for (const membership of memberships) {
    if (membership.namespace !== UPS || !audiences.numbers.has(membership.audienceId))
      others.push(membership);
    lapseAt = Math.min(lapseAt, lapseOf(membership));
  }
  const made: Summary = { elsewhere: others.length === 0 ? NOWHERE : membershipMap(others), lapseAt };
  known.set(memberships, made);
  return made;
}

/** When a membership ends or is forgotten by itself. */
function lapseOf({ status, at, validUntil }: MembershipState): number {
  return status === "exited" ? at + EXITED_KEPT_MS : (validUntil ?? Infinity);
}

/** The memberships of one person while they are followed: those of the plan by its numbers, all others beside them. */
class Standing {
  readonly #given: readonly MembershipState[];
  readonly #audiences: Audiences;
  readonly #held: (MembershipState | undefined)[] = [];
  #others: MembershipState[] = [];
  #changed = false;

  constructor(given: readonly MembershipState[], audiences: Audiences) {
    this.#given = given;
    this.#audiences = audiences;
    for (const membership of given) {
      const number = membership.namespace === UPS ? audiences.numbers.get(membership.audienceId) : undefined;
      if (number === undefined) {
        this.#others.push(membership);
        continue;
      }
      this.#held[number] = membership;
    }
  }

  /** Takes the members found at a moment; gives what changed, in the order of the plan. */
  decide(members: ReadonlySet<string>, at: number): readonly Step[] {
    const { list, numbers } = this.#audiences;
    const touched: number[] = [];
    for (const id of members) {
      const number = numbers.get(id);
      if (number === undefined) continue;
      const held = this.#held[number];
      if (held === undefined || held.status === "exited" || held.version !== list[number]?.version)
        touched.push(number);
    }
    this.#held.forEach((held, number) => {
      if (held !== undefined && held.status !== "exited" && !members.has(held.audienceId))
        touched.push(number);
    });
    if (touched.length === 0) return NO_STEPS;
    return touched
      .sort((a, b) => a - b)
      .flatMap((number) => this.#step(number, members.has(list[number]?.id ?? ""), at) ?? []);
  }

  /** Takes the audiences that come into force at a moment. */
  begin(members: ReadonlySet<string>, at: number): readonly Step[] {
    return this.#audiences.list.flatMap(({ id, version, since }, number) => {
      if (since !== at) return [];
      const held = this.#held[number];
      const was = held !== undefined && held.status !== "exited";
      const is = members.has(id);
      return was === is && (!is || held?.version === version) ? [] : (this.#step(number, is, at) ?? []);
    });
  }

  /** Takes the changes that a stream tells of, in the order of the plan for each moment. */
  take(transitions: readonly StreamTransition[]): readonly Step[] {
    if (transitions.length === 0) return NO_STEPS;
    const { numbers } = this.#audiences;
    return transitions
      .map((transition) => ({ ...transition, number: numbers.get(transition.audienceId) ?? -1 }))
      .sort((a, b) => a.at - b.at || a.number - b.number)
      .flatMap(({ number, member, at }) => {
        const held = this.#held[number];
        const was = held !== undefined && held.status !== "exited";
        return number < 0 || was === member ? [] : (this.#step(number, member, at) ?? []);
      });
  }

  /** Forgets exits older than 30 days and ends memberships from elsewhere whose time is over. */
  lapse(now: number): readonly Step[] {
    let isDue = false;
    const due = (held: MembershipState): boolean => lapseOf(held) <= now;
    for (const held of this.#held) if (held !== undefined && due(held)) isDue = true;
    for (const held of this.#others) if (due(held)) isDue = true;
    if (!isDue) return NO_STEPS;
    const steps: Step[] = [];
    const lapsed = (held: MembershipState): MembershipState | undefined => {
      if (!due(held)) return held;
      this.#changed = true;
      if (held.status === "exited") return undefined;
      const { namespace, audienceId, version, validUntil = now } = held;
      const to = { namespace, audienceId, version, status: "exited" as const, at: validUntil };
      steps.push({ from: held.status, to });
      return to;
    };
    this.#held.forEach((held, number) => {
      if (held !== undefined) this.#held[number] = lapsed(held);
    });
    this.#others = this.#others.flatMap((held) => lapsed(held) ?? []);
    return steps;
  }

  memberships(): readonly MembershipState[] {
    if (!this.#changed) return this.#given;
    const held = this.#held.filter((membership) => membership !== undefined);
    return [...held, ...this.#others].sort(compareMemberships);
  }

  #step(number: number, member: boolean, at: number): Step | undefined {
    const audience = this.#audiences.list[number];
    if (audience === undefined || audience.since > at) return undefined;
    const { id: audienceId, version } = audience;
    const held = this.#held[number];
    const to = {
      namespace: UPS,
      status: member ? ("realized" as const) : ("exited" as const),
      audienceId,
      version,
      at,
    };
    this.#held[number] = to;
    this.#changed = true;
    return { from: held?.status ?? "none", to };
  }
}

function changeOf(
  personId: string,
  from: MembershipChange["from"],
  { namespace, audienceId, status, at, version }: MembershipState,
): MembershipChange {
  return { personId, namespace, audienceId, from, to: status, at: formatInstant(at), version };
}
