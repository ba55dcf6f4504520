import { compareMemberships, membershipMap, type MembershipState } from "@tessera/profile-store";
import type { AudiencePlan, StreamTransition } from "@tessera/segment-engine";
import { type MembershipChange, type SegmentMembershipMap, UPS } from "@tessera/xdm";
import type { MembershipSummary } from "./person-notes.ts";

/** No memberships of audiences beyond the plan. */
export const NOWHERE: SegmentMembershipMap = {};

/** Exited memberships are forgotten this long after the exit (30 days, domain facts of segmentMembership). */
const EXITED_KEPT_MS: number = 30 * 86_400_000;

/** The audiences of a plan as following asks for them. */
export interface Audiences {
  readonly numbers: ReadonlyMap<string, number>;
  readonly list: readonly { readonly id: string; readonly version: number; readonly since: number }[];
  /** When they came into force, and when the last of them did. */
  readonly beginnings: ReadonlySet<number>;
  readonly last: number;
}

const prepared = new WeakMap<AudiencePlan, Audiences>();

/** The audiences of a plan, and since when they are in force. */
export function audiencesOf(plan: AudiencePlan, since: ReadonlyMap<string, number>): Audiences {
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

/** A membership that changes. */
export interface Step {
  readonly from: MembershipChange["from"];
  readonly to: MembershipState;
}

const NO_STEPS: readonly Step[] = [];

/** What a list of memberships comes to. */
export function summaryOf(memberships: readonly MembershipState[], audiences: Audiences): MembershipSummary {
  const others = memberships.filter(
    ({ namespace, audienceId }) => namespace !== UPS || !audiences.numbers.has(audienceId),
  );
  const elsewhere = others.length === 0 ? NOWHERE : membershipMap(others);
  const inOrder = isInOrder(memberships) ? memberships : memberships.toSorted(compareMemberships);
  return { under: audiences, inOrder, elsewhere, lapseAt: firstLapse(memberships) };
}

function isInOrder(memberships: readonly MembershipState[]): boolean {
  let before: MembershipState | undefined;
  for (const membership of memberships) {
    if (before !== undefined && compareMemberships(before, membership) > 0) return false;
    before = membership;
  }
  return true;
}

/** When the first of some memberships ends or is forgotten by itself. */
function firstLapse(memberships: readonly MembershipState[]): number {
  let first = Infinity;
  for (const membership of memberships) first = Math.min(first, lapseOf(membership));
  return first;
}

/** When a membership ends or is forgotten by itself. */
function lapseOf({ status, at, validUntil }: MembershipState): number {
  return status === "exited" ? at + EXITED_KEPT_MS : (validUntil ?? Infinity);
}

/** The memberships of one person while they are followed, in their order; looked at only where something changes. */
export class Standing {
  readonly #audiences: Audiences;
  #elsewhere: SegmentMembershipMap;
  #list: readonly MembershipState[];
  /** The same list once it is a copy of its own. */
  #own: MembershipState[] | undefined;
  /** When the first of the list lapses; undefined when it has to be looked for. */
  #lapseAt: number | undefined;

  constructor({ inOrder, elsewhere, lapseAt }: MembershipSummary, audiences: Audiences) {
    this.#audiences = audiences;
    this.#list = inOrder;
    this.#elsewhere = elsewhere;
    this.#lapseAt = lapseAt;
  }

  /** Takes the members found at a moment; gives what changed, in the order of the plan. */
  decide(members: ReadonlySet<string>, at: number): readonly Step[] {
    const { list, numbers } = this.#audiences;
    const touched: number[] = [];
    const held = new Map<number, MembershipState>();
    for (const membership of this.#list) {
      const number = membership.namespace === UPS ? numbers.get(membership.audienceId) : undefined;
      if (number === undefined) continue;
      held.set(number, membership);
      if (membership.status !== "exited" && !members.has(membership.audienceId)) touched.push(number);
    }
    for (const id of members) {
      const number = numbers.get(id);
      if (number === undefined) continue;
      const was = held.get(number);
      if (was === undefined || was.status === "exited" || was.version !== list[number]?.version)
        touched.push(number);
    }
    if (touched.length === 0) return NO_STEPS;
    return touched
      .sort((a, b) => a - b)
      .flatMap((number) => this.#step(number, members.has(list[number]?.id ?? ""), at) ?? []);
  }

  /** Takes the audiences that come into force at a moment. */
  begin(members: ReadonlySet<string>, at: number): readonly Step[] {
    return this.#audiences.list.flatMap(({ id, version, since }, number) => {
      if (since !== at) return [];
      const held = this.#list[placeOf(this.#list, id)];
      const was = held !== undefined && held.status !== "exited";
      const is = members.has(id);
      return was === is && (!is || held?.version === version) ? [] : (this.#step(number, is, at) ?? []);
    });
  }

  /** Takes the changes that a stream tells of, in the order of the plan for each moment. */
  take(transitions: readonly StreamTransition[]): readonly Step[] {
    const { numbers } = this.#audiences;
    const numberOf = ({ audienceId }: StreamTransition): number => numbers.get(audienceId) ?? -1;
    const compare = (a: StreamTransition, b: StreamTransition): number =>
      a.at - b.at || numberOf(a) - numberOf(b);
    let isInOrder = true;
    for (let index = 1; index < transitions.length && isInOrder; index += 1) {
      const [before, next] = [transitions[index - 1], transitions[index]];
      isInOrder = before === undefined || next === undefined || compare(before, next) <= 0;
    }
    const ordered = isInOrder ? transitions : transitions.toSorted(compare);
    const steps: Step[] = [];
    for (const transition of ordered) {
      const number = numberOf(transition);
      const held = this.#list[placeOf(this.#list, transition.audienceId)];
      const was = held !== undefined && held.status !== "exited";
      if (number < 0 || was === transition.member) continue;
      const step = this.#step(number, transition.member, transition.at);
      if (step !== undefined) steps.push(step);
    }
    return steps;
  }

  /** Forgets exits older than 30 days and ends memberships from elsewhere whose time is over. */
  lapse(now: number): readonly Step[] {
    if (this.lapseAt > now) return NO_STEPS;
    const steps: Step[] = [];
    const own = this.#list.flatMap((held) => {
      if (lapseOf(held) > now) return held;
      if (held.status === "exited") return [];
      const { namespace, audienceId, version, validUntil = now } = held;
      const to = { namespace, audienceId, version, status: "exited" as const, at: validUntil };
      steps.push({ from: held.status, to });
      return to;
    });
    this.#list = this.#own = own;
    this.#lapseAt = undefined;
    // Those of elsewhere are among them, perhaps.
    this.#elsewhere = summaryOf(own, this.#audiences).elsewhere;
    return steps;
  }

  /** When the first of the memberships ends or is forgotten by itself. */
  get lapseAt(): number {
    return (this.#lapseAt ??= firstLapse(this.#list));
  }

  /** The list as it stands now, in order: the very same one where nothing changed. */
  summary(): MembershipSummary {
    const { lapseAt } = this;
    return { under: this.#audiences, inOrder: this.#list, elsewhere: this.#elsewhere, lapseAt };
  }

  #step(number: number, member: boolean, at: number): Step | undefined {
    const audience = this.#audiences.list[number];
    if (audience === undefined || audience.since > at) return undefined;
    const { id: audienceId, version } = audience;
    const to = {
      namespace: UPS,
      status: member ? ("realized" as const) : ("exited" as const),
      audienceId,
      version,
      at,
    };
    const own = (this.#own ??= this.#list.slice());
    this.#list = own;
    const place = placeOf(own, audienceId);
    const held = own[place];
    if (held === undefined) own.splice(-1 - place, 0, to);
    else own[place] = to;
    if (held !== undefined && lapseOf(held) === this.#lapseAt) this.#lapseAt = undefined;
    else if (this.#lapseAt !== undefined) this.#lapseAt = Math.min(this.#lapseAt, lapseOf(to));
    return { from: held?.status ?? "none", to };
  }
}

/** Where the membership of an audience stands among some that are in order, or `-1 - place` where it would. */
function placeOf(memberships: readonly MembershipState[], audienceId: string): number {
  const sought = { namespace: UPS, audienceId };
  let low = 0;
  let high = memberships.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const held = memberships[middle];
    const order = held === undefined ? 0 : compareMemberships(held, sought);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1 - low;
}
