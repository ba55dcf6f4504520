import {
  mergeAttributes,
  fragmentsOf,
  type HubStore,
  type MergePolicy,
  type PersonState,
  type StoredEvent,
  type StoredRecord,
} from "@tessera/profile-store";
import type { ExperienceEvent, JsonObject, SegmentMembershipMap } from "@tessera/xdm";
import { ComputedState, withComputed } from "./computed/computed-state.ts";
import type { Configuration } from "./configuration.ts";
import { foreignMemberships } from "./foreign-memberships.ts";
import { membershipsOf } from "./profile-view.ts";

/** What a definition is evaluated against: attributes, events and memberships as they stood at one moment. */
export interface EvaluationView {
  readonly attributes: JsonObject;
  readonly events: readonly ExperienceEvent[];
  readonly segmentMembership: SegmentMembershipMap;
}

/** The parts of a configuration that a view is made under. */
export type ViewedUnder = Pick<Configuration, "policy" | "computed" | "audiences">;

/** Whether a merge policy takes a person as one: with the private graph; without it each identity stands for itself. */
export function isStitched({ identityGraph }: MergePolicy): boolean {
  return identityGraph === "pdg";
}

/**
 * The profiles of a person under a merge policy, as they stood at `at` (ms): one of all identities with the private
 * graph; without a graph one of each identity, of what was said of that identity alone. A person is in an audience when
 * one of them is.
 */
export async function evaluationViewsOf(
  store: HubStore,
  person: PersonState,
  under: ViewedUnder,
  at: number,
): Promise<readonly EvaluationView[]> {
  const [events, records] = await Promise.all([
    store.events(person.identities),
    store.records(person.identities),
  ]);
  const known = {
    events: events.filter((event) => event.at <= at),
    records: records.filter((record) => record.at <= at),
  };
  if (isStitched(under.policy)) return [viewOf(person, known, under, at)];
  return person.identities.map((key) => {
    const ofOne = {
      events: known.events.filter(({ owner }) => owner === key),
      records: known.records.filter(({ owner }) => owner === key),
    };
    return viewOf(person, ofOne, under, at);
  });
}

function viewOf(
  person: PersonState,
  { events, records }: { readonly events: readonly StoredEvent[]; readonly records: readonly StoredRecord[] },
  { policy, computed, audiences }: ViewedUnder,
  at: number,
): EvaluationView {
  const attributes = mergeAttributes(fragmentsOf(records), policy);
  const bodies = events.flatMap((event) =>
    event.body === undefined ? [] : [{ ...event, body: event.body }],
  );
  const state = computed.length === 0 ? undefined : new ComputedState(computed, undefined);
  for (const { body, at: time } of bodies) state?.take(body, time);
  state?.moveTo(at);
  const segmentMembership = {
    ...foreignMemberships(attributes, at),
    ...membershipsOf(person, { audiences }),
  };
  const known = state === undefined ? attributes : withComputed(attributes, state.values());
  return {
    // As a field as well: older definitions look into it themselves.
    attributes: { ...known, segmentMembership: segmentMembership as unknown as JsonObject },
    events: bodies.map(({ body }) => body),
    segmentMembership,
  };
}
