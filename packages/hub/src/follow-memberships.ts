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
export const EXITED_KEPT_MS: number = 30 * 86_400_000;

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
 * known, not on how it was cut into batches.
 */
export function followMemberships(input: Followed): Following {
  const { plan, since, now } = input;
  const current = new Map(input.memberships.map((membership) => [keyOf(membership), membership]));
  const changes: MembershipChange[] = [];
  const stops = [...new Set([...input.moments, ...since.values()])]
    .filter((moment) => moment > input.from && moment <= now)
    .sort((a, b) => a - b);
  let evaluatedAt = input.from;
  let planned = input.planned;
  let stop = 0;
  const elsewhere = (): SegmentMembershipMap =>
    membershipMap(
      [...current.values()].filter((held) => held.namespace !== UPS || !since.has(held.audienceId)),
    );

  const evaluate = (at: number): void => {
    const view = { attributes: input.attributesAt(at), events: input.events, segmentMembership: elsewhere() };
    const evaluation = plan.evaluate(view, at);
    for (const audience of plan.audiences) {
      if ((since.get(audience.id) ?? Infinity) > at) continue;
      const change = transition(current.get(`${UPS}\n${audience.id}`), evaluation.members.has(audience.id), {
        audienceId: audience.id,
        version: audience.version,
        at,
      });
      if (change === undefined) continue;
      current.set(`${UPS}\n${audience.id}`, change.next);
      if (change.from !== change.next.status) {
        changes.push({
          personId: input.personId,
          namespace: UPS,
          audienceId: audience.id,
          from: change.from,
          to: change.next.status,
          at: formatInstant(at),
          version: audience.version,
        });
      }
    }
    evaluatedAt = at;
    planned = evaluation.nextChangeAt;
  };

  for (;;) {
    const nextStop = stops[stop] ?? Infinity;
    const next = Math.min(nextStop, planned ?? Infinity);
    if (next > now) break;
    while ((stops[stop] ?? Infinity) <= next) stop += 1;
    evaluate(next);
  }
  for (const lapsed of lapse(current, now)) changes.push({ personId: input.personId, ...lapsed });
  const memberships = [...current.values()].sort(compareMemberships);
  return { memberships, changes, evaluatedAt, nextChangeAt: earliest(planned, memberships) };
}

function transition(
  held: MembershipState | undefined,
  member: boolean,
  decided: { readonly audienceId: string; readonly version: number; readonly at: number },
): { readonly from: MembershipChange["from"]; readonly next: MembershipState } | undefined {
  const was = held !== undefined && held.status !== "exited";
  if (held === undefined && !member) return undefined;
  if (held !== undefined && was === member && held.version === decided.version) return undefined;
  if (held !== undefined && !was && !member) return undefined;
  const next: MembershipState = { namespace: UPS, status: member ? "realized" : "exited", ...decided };
  return { from: held?.status ?? "none", next };
}

/** Forgets exits older than 30 days and ends memberships from elsewhere whose time is over. */
function lapse(
  current: Map<string, MembershipState>,
  now: number,
): readonly Omit<MembershipChange, "personId">[] {
  const changes: Omit<MembershipChange, "personId">[] = [];
  for (const [key, held] of current) {
    if (held.validUntil !== undefined && held.validUntil <= now && held.status !== "exited") {
      const { namespace, audienceId, version, validUntil } = held;
      current.set(key, { namespace, audienceId, version, status: "exited", at: validUntil });
      changes.push({
        namespace,
        audienceId,
        version,
        from: held.status,
        to: "exited",
        at: formatInstant(validUntil),
      });
    } else if (held.status === "exited" && held.at + EXITED_KEPT_MS <= now) current.delete(key);
  }
  return changes;
}

function earliest(planned: number | undefined, memberships: readonly MembershipState[]): number | undefined {
  let first = planned ?? Infinity;
  for (const held of memberships) {
    if (held.status === "exited") first = Math.min(first, held.at + EXITED_KEPT_MS);
    else if (held.validUntil !== undefined) first = Math.min(first, held.validUntil);
  }
  return first === Infinity ? undefined : first;
}

function keyOf(membership: MembershipState): string {
  return `${membership.namespace}\n${membership.audienceId}`;
}
