import type { MembershipState } from "@tessera/profile-store";
import type { AudiencePlan, PersonView, StreamNews, StreamPlan, StreamState } from "@tessera/segment-engine";
import { type ExperienceEvent, formatInstant, type JsonObject, type MembershipChange } from "@tessera/xdm";
import type { DigestedEvent } from "./event-digest.ts";
import type { MembershipSummary } from "./person-notes.ts";
import { audiencesOf, type Audiences, NOWHERE, Standing, type Step, summaryOf } from "./standing.ts";

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
  /** What they come to, where that is known. */
  readonly summary?: MembershipSummary;
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
  /** What they come to. */
  readonly summary: MembershipSummary;
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
  const course = new Course(input);
  const { audiences } = course;
  const stops = stopsOf(input, audiences);
  let { state } = input;
  // A state that had to be made of the history may know other things than the one that memberships were left with.
  let isNew = state === undefined;
  if (isNew && from > -Infinity) state = stream.rebuild(course.personAt(from), from);
  let before = isNew ? undefined : input.attributesBefore;
  let evaluatedAt = from;
  let stop = 0;
  let fed = 0;
  while ((events[fed]?.at ?? Infinity) <= from) fed += 1;
  for (;;) {
    const known = state === undefined ? Infinity : Math.min(state.next, events[fed]?.at ?? Infinity);
    const next = Math.min(stops[stop] ?? Infinity, known, input.alsoNext?.() ?? Infinity);
    if (next > now) break;
    while ((stops[stop] ?? Infinity) <= next) stop += 1;
    const first = fed;
    while ((events[fed]?.at ?? Infinity) <= next) fed += 1;
    if (state === undefined) {
      const person = course.personAt(next);
      before = person.attributes;
      state = stream.rebuild(person, next);
    } else {
      const attributes = course.attributesAt(next);
      const news: { -readonly [Part in keyof StreamNews]: StreamNews[Part] } = { at: next };
      if (first < fed) news.events = bodiesOf(events, first, fed);
      if (attributes !== before) news.profile = { attributes };
      if (stream.needs !== "nothing") news.person = course.asker(next);
      const transitions = stream.apply(state, news);
      before = attributes;
      if (!isNew && transitions.length > 0) course.tell(course.standing().take(transitions));
    }
    if (isNew) course.tell(course.standing().decide(stream.members(state), next));
    else if (audiences.beginnings.has(next))
      course.tell(course.standing().begin(stream.members(state), next));
    isNew = false;
    evaluatedAt = next;
  }
  const summary = course.end(now);
  const ahead = events[fed]?.at;
  const planned = earlier(earlier(finite(state?.next), ahead), input.alsoNext?.());
  return {
    memberships: summary.inOrder,
    summary,
    changes: course.changes,
    evaluatedAt,
    nextChangeAt: earlier(planned, finite(summary.lapseAt)),
    // Events of the future are not in the state: they are looked up again when their time comes.
    state: ahead === undefined && !isNew ? state : undefined,
  };
}

/** One person on the way: what they are seen by, and what came of it so far. */
class Course {
  readonly audiences: Audiences;
  readonly changes: MembershipChange[] = [];
  readonly #input: Followed;
  readonly #given: MembershipSummary;
  /** Made when a membership changes: most events change none, and then they are not looked at at all. */
  #standing: Standing | undefined;
  #bodies: readonly ExperienceEvent[] | undefined;
  /** Attributes together with the memberships of elsewhere, as they were made of others. */
  #joined: { readonly of: JsonObject; readonly made: JsonObject } | undefined;

  constructor(input: Followed) {
    this.#input = input;
    this.audiences = audiencesOf(input.plan, input.since);
    this.#given =
      input.summary?.under === this.audiences ? input.summary : summaryOf(input.memberships, this.audiences);
  }

  standing(): Standing {
    return (this.#standing ??= new Standing(this.#given, this.audiences));
  }

  tell(steps: readonly Step[]): void {
    for (const { from: was, to } of steps) {
      if (was !== to.status) this.changes.push(changeOf(this.#input.personId, was, to));
    }
  }

  /** Lets lapse what is over; gives what the memberships ended up as. */
  end(now: number): MembershipSummary {
    if (this.#standing === undefined && this.#given.lapseAt > now) return this.#given;
    const standing = this.standing();
    this.tell(standing.lapse(now));
    return standing.summary();
  }

  /** The attributes as the engine reads them; the very same object while nothing changes them. */
  attributesAt(ms: number): JsonObject {
    const of = this.#input.attributesAt(ms);
    const { elsewhere } = this.#given;
    if (elsewhere === NOWHERE) return of;
    if (this.#joined?.of === of) return this.#joined.made;
    const made = { ...of, segmentMembership: elsewhere as unknown as JsonObject };
    this.#joined = { of, made };
    return made;
  }

  /** The person as the engine sees them at a moment. */
  personAt(ms: number): PersonView {
    this.#bodies ??= bodiesOf(this.#input.events, 0, this.#input.events.length);
    return {
      attributes: this.attributesAt(ms),
      events: this.#bodies,
      segmentMembership: this.#given.elsewhere,
    };
  }

  asker(ms: number): () => PersonView {
    return () => this.personAt(ms);
  }
}

function bodiesOf(events: readonly DigestedEvent[], from: number, end: number): readonly ExperienceEvent[] {
  const only = events[from];
  if (only !== undefined && end === from + 1) return [only.body];
  const bodies: ExperienceEvent[] = [];
  for (let index = from; index < end; index += 1) {
    const event = events[index];
    if (event !== undefined) bodies.push(event.body);
  }
  return bodies;
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
  const [only = -Infinity] = moments;
  if (moments.length === 1 && last <= from && only > from && only <= now) return moments;
  const stops: number[] = [];
  for (const moment of moments) if (moment > from && moment <= now) stops.push(moment);
  if (last > from) {
    for (const moment of beginnings) if (moment > from && moment <= now) stops.push(moment);
  }
  return stops.length < 2 ? stops : [...new Set(stops)].sort((a, b) => a - b);
}

function changeOf(
  personId: string,
  from: MembershipChange["from"],
  { namespace, audienceId, status, at, version }: MembershipState,
): MembershipChange {
  return { personId, namespace, audienceId, from, to: status, at: formatInstant(at), version };
}
