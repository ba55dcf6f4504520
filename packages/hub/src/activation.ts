import {
  type ActiveDataflow,
  type OutboxItem,
  type PersonTransition,
  type PersonView,
  planActivation,
} from "@tessera/destinations";
import {
  mergeAttributes,
  membershipMap,
  type MergePolicy,
  type OutboxEntry,
  type PersonState,
} from "@tessera/profile-store";
import {
  formatInstant,
  identityOfKey,
  isObject,
  type JsonObject,
  type JsonValue,
  parseInstant,
} from "@tessera/xdm";
import type { Activate, Transition } from "./decide.ts";
import { withoutWaiting } from "./waiting-version.ts";

/** Evaluates a mapping's expression over attributes. */
export type EvaluateMapping = (expression: string, attributes: JsonObject) => JsonValue | undefined;

/** Marketing actions that consents (XDM `consents`, or whatever stands there) refuse. */
export type RefusedActions = (consents: JsonValue | undefined) => readonly string[];

/** What activation is planned with. */
export interface ActivationSetup {
  readonly dataflows: readonly ActiveDataflow[];
  readonly policy: MergePolicy;
  /** None are refused without it. */
  readonly refusedActions?: RefusedActions | undefined;
  readonly evaluate: EvaluateMapping;
}

/** Plans what streaming destinations are told of changed persons, for the outbox of the same commit. */
export function createActivate({ dataflows, evaluate, ...setup }: ActivationSetup): Activate {
  const streaming = dataflows.filter(({ destination }) => destination.kind.startsWith("streaming"));
  if (streaming.length === 0) return () => [];
  return (transitions, now) =>
    planActivation({
      transitions: transitions().map((transition) => transitionView(transition, setup, now)),
      dataflows: streaming,
      now: formatInstant(now),
      evaluate,
    }).map(outboxEntry);
}

/** What a person is seen by. */
type ViewSetup = Pick<ActivationSetup, "policy" | "refusedActions">;

/** A person as destinations see them. */
export function personView(person: PersonState, { policy, refusedActions }: ViewSetup): PersonView {
  const attributes = mergeAttributes(person.fragments, policy);
  const regions = activityRegions(person, attributes["userActivityRegions"]);
  const refused = refusedActions?.(attributes["consents"]) ?? [];
  return {
    personId: person.personId,
    identities: person.identities.map(identityOfKey),
    attributes,
    ...(refused.length === 0 ? {} : { refusedActions: refused }),
    memberships: membershipMap(withoutWaiting(person.memberships)),
    ...(regions === undefined ? {} : { regions }),
  };
}

/** When the person was last seen in which region: by their events, and by records that say so (`userActivityRegions`). */
function activityRegions(
  person: PersonState,
  recorded: unknown,
): { readonly [region: string]: string } | undefined {
  const regions: Record<string, number> = { ...person.regions };
  for (const [region, entry] of isObject(recorded) ? Object.entries(recorded) : []) {
    const captured = parseInstant(isObject(entry) ? entry["captureTimestamp"] : undefined);
    if (captured.ok) regions[region] = Math.max(captured.value, regions[region] ?? -Infinity);
  }
  const seen = Object.entries(regions).map(([region, at]) => [region, formatInstant(at)] as const);
  return seen.length === 0 ? undefined : Object.fromEntries(seen);
}

function transitionView({ before, after }: Transition, setup: ViewSetup, now: number): PersonTransition {
  return {
    id: after.length === 0 ? `erased:${versions(before)}` : versions(after),
    at: formatInstant(now),
    before: before.map((person) => personView(person, setup)),
    after: after.map((person) => personView(person, setup)),
  };
}

function versions(persons: readonly PersonState[]): string {
  return persons.map((person) => `${person.personId}@${person.version}`).join("+");
}

/** An item as the outbox keeps it. */
export function outboxEntry(item: OutboxItem): OutboxEntry {
  const at = parseInstant(item.enqueuedAt);
  return {
    id: item.id,
    destinationId: item.destinationId,
    personId: item.lanes[0] ?? "",
    at: at.ok ? at.value : 0,
    body: item as unknown as JsonObject,
  };
}
