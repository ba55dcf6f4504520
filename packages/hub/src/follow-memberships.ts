import type { MembershipState } from "@tessera/profile-store";
import { compareMemberships } from "@tessera/profile-store";
import type { AudiencePlan } from "@tessera/segment-engine";
import {
  type ExperienceEvent,
  formatInstant,
  type JsonObject,
  type MembershipChange,
  type SegmentMembershipMap,
  UPS,
} from "@tessera/xdm";
import { membershipMap } from "@tessera/profile-store";

/** Exited memberships are forgotten this long after the exit (30 days, domain facts of segmentMembership). */
const EXITED_KEPT_MS: number = 30 * 86_400_000;

/** What is followed: which audiences, since when, over what is known of one person. */
export interface Followed {
  readonly personId: string;
  readonly plan: AudiencePlan;
  /** Since when (ms) each audience of the plan is in force in its present version. */
  readonly since: ReadonlyMap<string, number>;
  /** The merged attributes as they stood at a moment. */
  readonly attributesAt: (ms: number) => JsonObject;
  /** All events within the look-back, in (time, id) order. */
  readonly events: readonly ExperienceEvent[];
  /** Memberships as they stood at `from`; of audiences of the plan and of others. */
  readonly memberships: readonly MembershipState[];
  /** The moment up to which memberships were followed already, exclusive of what follows. */
  readonly from: number;
  /** The moments after `from` at which something new was learnt: event times, arrival of records. */
  readonly moments: readonly number[];
  /** The earliest moment after `from` at which a membership can change with nothing new, as found before. */
  readonly planned?: number;
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
}

/**
 * Follows one person's memberships from `from` to `now`: evaluates at every moment at which a result can change (an
 * event, a record, a window that lapses, an audience that begins) and at no other. The outcome depends on what is
 * known, not on how it was cut into batches. Memberships that do not change are given back as the very same list.
 */
export function followMemberships(input: Followed): Following {
  const { plan, since, now, events } = input;
  const standing = new Standing(input.memberships, audiencesOf(plan, since));
  const changes: MembershipChange[] = [];
  const stops = stopsOf(input);
  const elsewhere = standing.elsewhere();
  let evaluatedAt = input.from;
  let planned = input.planned;
  let stop = 0;
  for (;;) {
    const next = Math.min(stops[stop] ?? Infinity, planned ?? Infinity);
    if (next > now) break;
    while ((stops[stop] ?? Infinity) <= next) stop += 1;
    const view = { attributes: input.attributesAt(next), events, segmentMembership: elsewhere };
    const evaluation = plan.evaluate(view, next);
    for (const { from, to } of standing.decide(evaluation.members, next)) {
      if (from !== to.status) changes.push(changeOf(input.personId, from, to));
    }
    evaluatedAt = next;
    planned = earlier(evaluation.nextChangeAt, input.alsoNext?.());
  }
  for (const { from, to } of standing.lapse(now)) changes.push(changeOf(input.personId, from, to));
  const memberships = standing.memberships();
  return { memberships, changes, evaluatedAt, nextChangeAt: earliest(planned, memberships) };
}

/** The earlier of two moments that may not be. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

/** The moments after `from` and up to `now` at which something was learnt or an audience began, in order. */
function stopsOf({ plan, since, moments, from, now }: Followed): readonly number[] {
  const stops: number[] = [];
  for (const moment of moments) if (moment > from && moment <= now) stops.push(moment);
  if (audiencesOf(plan, since).last > from) {
    for (const moment of since.values()) if (moment > from && moment <= now) stops.push(moment);
  }
  return stops.length < 2 ? stops : [...new Set(stops)].sort((a, b) => a - b);
}

/** The audiences of a plan as following asks for them. */
interface Audiences {
  readonly numbers: ReadonlyMap<string, number>;
  readonly list: readonly { readonly id: string; readonly version: number; readonly since: number }[];
  /** When the last of them came into force. */
  readonly last: number;
}

const prepared = new WeakMap<AudiencePlan, Audiences>();

function audiencesOf(plan: AudiencePlan, since: ReadonlyMap<string, number>): Audiences {
  const known = prepared.get(plan);
  if (known !== undefined) return known;
  const list = plan.audiences.map(({ id, version }) => ({ id, version, since: since.get(id) ?? Infinity }));
  const made: Audiences = {
    numbers: new Map(list.map(({ id }, number) => [id, number])),
    list,
    last: list.reduce(
      (last, { since: begin }) => (begin === Infinity ? last : Math.max(last, begin)),
      -Infinity,
    ),
  };
  prepared.set(plan, made);
  return made;
}

interface Step {
  readonly from: MembershipChange["from"];
  readonly to: MembershipState;
}

const NO_STEPS: readonly Step[] = [];
const NOWHERE: SegmentMembershipMap = {};

/** The memberships of one person while they are followed: those of the plan by its numbers, all others beside them. */
class Standing {
  readonly #given: readonly MembershipState[];
  readonly #audiences: Audiences;
  readonly #held: (MembershipState | undefined)[] = [];
  #others: MembershipState[] = [];
  #members: number[] = [];
  /** Whether an audience of the plan has a newer version than a membership of it. */
  #isOld = false;
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
      if (membership.status !== "exited") this.#members.push(number);
      this.#isOld ||=
        membership.status !== "exited" && membership.version !== audiences.list[number]?.version;
    }
  }

  /** What is held of audiences beyond the plan. */
  elsewhere(): SegmentMembershipMap {
    return this.#others.length === 0 ? NOWHERE : membershipMap(this.#others);
  }

  /** Takes the members found at a moment; gives what changed, in the order of the plan. */
  decide(members: ReadonlySet<string>, at: number): readonly Step[] {
    const { list, numbers } = this.#audiences;
    const touched: number[] = [];
    for (const id of members) {
      const number = numbers.get(id);
      if (number === undefined) continue;
      const held = this.#held[number];
      if (
        held === undefined ||
        held.status === "exited" ||
        (this.#isOld && held.version !== list[number]?.version)
      )
        touched.push(number);
    }
    for (const number of this.#members) if (!members.has(list[number]?.id ?? "")) touched.push(number);
    if (touched.length === 0) return NO_STEPS;
    const steps = touched.sort((a, b) => a - b).flatMap((number) => this.#step(number, members, at) ?? []);
    if (steps.length > 0) {
      this.#changed = true;
      this.#members = [];
      this.#isOld = false;
      this.#held.forEach((held, number) => {
        if (held === undefined) return;
        if (held.status === "exited") return;
        this.#members.push(number);
        this.#isOld ||= held.version !== list[number]?.version;
      });
    }
    return steps;
  }

  /** Forgets exits older than 30 days and ends memberships from elsewhere whose time is over. */
  lapse(now: number): readonly Step[] {
    let isDue = false;
    const due = (held: MembershipState): boolean =>
      held.status === "exited" ? held.at + EXITED_KEPT_MS <= now : (held.validUntil ?? Infinity) <= now;
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

  #step(number: number, members: ReadonlySet<string>, at: number): Step | undefined {
    const audience = this.#audiences.list[number];
    if (audience === undefined || audience.since > at) return undefined;
    const { id: audienceId, version } = audience;
    const held = this.#held[number];
    const to = {
      namespace: UPS,
      status: members.has(audienceId) ? ("realized" as const) : ("exited" as const),
      audienceId,
      version,
      at,
    };
    this.#held[number] = to;
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

function earliest(planned: number | undefined, memberships: readonly MembershipState[]): number | undefined {
  let first = planned ?? Infinity;
  for (const held of memberships) {
    if (held.status === "exited") first = Math.min(first, held.at + EXITED_KEPT_MS);
    else if (held.validUntil !== undefined) first = Math.min(first, held.validUntil);
  }
  return first === Infinity ? undefined : first;
}
