import { compareMemberships, type MembershipState, type PersonState } from "@tessera/profile-store";
import { formatInstant, isMember, type MembershipChange, UPS } from "@tessera/xdm";
import { memberCounter } from "./member-tally.ts";
import type { Ingestion } from "./ingest.ts";
import { isWaiting } from "./waiting-version.ts";

const ATTEMPTS = 20;

/** Whether a person is in an audience, by a version of it. */
export interface Found {
  readonly audienceId: string;
  readonly version: number;
  readonly member: boolean;
}

/**
 * Writes what a job found of some persons: entries and exits at this moment, counted, and told to destinations. `find`
 * is asked again for persons whom others changed meanwhile.
 */
export async function applyMemberships(
  personIds: readonly string[],
  find: (person: PersonState) => Promise<readonly Found[]>,
  ingestion: Ingestion,
): Promise<readonly MembershipChange[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const persons = await ingestion.store.persons(personIds);
    const decided = await Promise.all(
      persons.map(async (person) => moved(person, await find(person), ingestion.now)),
    );
    const changed = decided.filter((one) => one.changes.length > 0);
    const changes = changed.flatMap((one) => one.changes);
    if (changes.length === 0) return [];
    const counters: Record<string, number> = {};
    for (const change of changes) {
      const by =
        change.to === "realized" ? 1 : isMember(change.from === "none" ? "exited" : change.from) ? -1 : 0;
      counters[memberCounter(change)] = (counters[memberCounter(change)] ?? 0) + by;
    }
    const told = changes.filter(({ audienceId }) => !isWaiting(audienceId));
    const committed = await ingestion.store.commit({
      persons: changed.map(({ after }) => ({ kind: "put", person: after, fragmentsChanged: false })),
      events: [],
      records: [],
      memberships: told,
      outbox: ingestion.activate(
        () => changed.map(({ before, after }) => ({ before: [before], after: [after] })),
        ingestion.now,
      ),
      quarantine: [],
      documents: [],
      counters,
    });
    if (committed.ok) return told;
  }
  throw new Error("Persons kept changing while a job wrote their memberships; try again.");
}

interface Moved {
  readonly before: PersonState;
  readonly after: PersonState;
  readonly changes: readonly MembershipChange[];
}

function moved(person: PersonState, found: readonly Found[], now: number): Moved {
  const held = new Map(person.memberships.map((membership) => [memberCounter(membership), membership]));
  const changes: MembershipChange[] = [];
  for (const { audienceId, version, member } of found) {
    const key = memberCounter({ namespace: UPS, audienceId });
    const before = held.get(key);
    const was = before !== undefined && isMember(before.status);
    if (was === member) continue;
    const next: MembershipState = {
      namespace: UPS,
      audienceId,
      status: was ? "exited" : "realized",
      at: now,
      version,
    };
    held.set(key, next);
    changes.push({
      personId: person.personId,
      namespace: UPS,
      audienceId,
      from: before?.status ?? "none",
      to: next.status,
      at: formatInstant(now),
      version,
    });
  }
  const memberships = [...held.values()].sort(compareMemberships);
  return { before: person, after: { ...person, version: person.version + 1, memberships }, changes };
}
