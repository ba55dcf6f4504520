import { compareMemberships, type MembershipState, type PersonState } from "@tessera/profile-store";
import { formatInstant, isMember, type MembershipChange, UPS } from "@tessera/xdm";
import { policyOf } from "./audience-policy.ts";
import { memberCounter } from "./decide.ts";
import type { Ingestion } from "./ingest.ts";
import { evaluationViewOf } from "./profile-view.ts";

const ATTEMPTS = 20;

/** Evaluates batch audiences for some persons at this moment: entries and exits as a job finds them. */
export async function evaluateBatchAudiences(
  personIds: readonly string[],
  audienceIds: ReadonlySet<string>,
  ingestion: Ingestion,
): Promise<readonly MembershipChange[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const persons = await ingestion.store.persons(personIds);
    const evaluated = await Promise.all(
      persons.map((person) => evaluatePerson(person, audienceIds, ingestion)),
    );
    const moved = evaluated.filter((one) => one.changes.length > 0);
    const changes = moved.flatMap((one) => one.changes);
    if (changes.length === 0) return [];
    const counters: Record<string, number> = {};
    for (const change of changes) {
      const by =
        change.to === "realized" ? 1 : isMember(change.from === "none" ? "exited" : change.from) ? -1 : 0;
      counters[memberCounter(change)] = (counters[memberCounter(change)] ?? 0) + by;
    }
    const committed = await ingestion.store.commit({
      persons: moved.map(({ after }) => ({ kind: "put", person: after, fragmentsChanged: false })),
      events: [],
      records: [],
      memberships: changes,
      outbox: ingestion.activate(
        moved.map(({ before, after }) => ({ before: [before], after: [after] })),
        ingestion.now,
      ),
      quarantine: [],
      documents: [],
      counters,
    });
    if (committed.ok) return changes;
  }
  throw new Error("Persons kept changing while batch audiences were evaluated; try again.");
}

interface EvaluatedPerson {
  readonly before: PersonState;
  readonly after: PersonState;
  readonly changes: readonly MembershipChange[];
}

async function evaluatePerson(
  person: PersonState,
  audienceIds: ReadonlySet<string>,
  { store, configuration, now }: Ingestion,
): Promise<EvaluatedPerson> {
  const audiences = configuration.whole.audiences.filter(({ id }) => audienceIds.has(id));
  const members = new Set<string>();
  for (const [policy, under] of Map.groupBy(audiences, (audience) => policyOf(audience, configuration))) {
    const view = await evaluationViewOf(store, person, { policy, computed: configuration.computed }, now);
    const found = configuration.whole.evaluate(view, now).members;
    for (const { id } of under) if (found.has(id)) members.add(id);
  }
  const held = new Map(person.memberships.map((membership) => [memberCounter(membership), membership]));
  const changes: MembershipChange[] = [];
  for (const audience of audiences) {
    const key = memberCounter({ namespace: UPS, audienceId: audience.id });
    const before = held.get(key);
    const was = before !== undefined && isMember(before.status);
    if (was === members.has(audience.id)) continue;
    const next: MembershipState = {
      namespace: UPS,
      audienceId: audience.id,
      status: was ? "exited" : "realized",
      at: now,
      version: audience.version,
    };
    held.set(key, next);
    changes.push({
      personId: person.personId,
      namespace: UPS,
      audienceId: audience.id,
      from: before?.status ?? "none",
      to: next.status,
      at: formatInstant(now),
      version: audience.version,
    });
  }
  const memberships = [...held.values()].sort(compareMemberships);
  return { before: person, after: { ...person, version: person.version + 1, memberships }, changes };
}
