import type { Graph } from "@tessera/identity-graph";
import type { HubCommit, PersonState } from "@tessera/profile-store";
import type { MembershipChange } from "@tessera/xdm";
import { decide } from "./decide.ts";
import { type Ingestion, loadHistory } from "./ingest.ts";
import type { Resolution } from "./resolve-persons.ts";

/** How often a page of persons is decided again when others commit to them meanwhile. */
const ATTEMPTS = 20;

/**
 * Follows the memberships of stored persons up to now, with nothing new known: for windows that lapsed, and for
 * audiences that began. Persons for whom nothing changes are not written.
 */
export async function reevaluate(
  personIds: readonly string[],
  ingestion: Ingestion,
): Promise<readonly MembershipChange[]> {
  return decideAgain(personIds, ingestion, (person) => ({ ...anew(person), continues: person }));
}

/** Derives stored persons from their truth once more: under definitions that look at the past in another way. */
export async function deriveAnew(
  personIds: readonly string[],
  ingestion: Ingestion,
): Promise<readonly MembershipChange[]> {
  return decideAgain(personIds, ingestion, anew);
}

async function decideAgain(
  personIds: readonly string[],
  ingestion: Ingestion,
  resolutionOf: (person: PersonState) => Resolution,
): Promise<readonly MembershipChange[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const persons = await ingestion.store.persons(personIds);
    if (persons.length === 0) return [];
    const resolutions = { persons: persons.map(resolutionOf), removed: [] };
    const history = await loadHistory(resolutions, ingestion);
    const commit = withoutIdleWrites(decide(resolutions, { ...ingestion, history }), persons);
    if (commit.persons.length === 0) return [];
    const committed = await ingestion.store.commit(commit);
    if (committed.ok) return commit.memberships;
  }
  throw new Error("Persons kept changing while their memberships were followed; try again.");
}

/** A person as its graph and truth say, and nothing of what was derived before. */
export function anew(person: PersonState): Resolution {
  const { personId, identities } = person;
  return { personId, identities, graph: person.graph as Graph, sources: [person], events: [], records: [] };
}

function withoutIdleWrites(commit: HubCommit, persons: readonly PersonState[]): HubCommit {
  const before = new Map(persons.map((person) => [person.personId, person]));
  const written = commit.persons.filter((write) => {
    if (write.kind !== "put") return true;
    const was = before.get(write.person.personId);
    if (was === undefined || was.nextChangeAt !== write.person.nextChangeAt) return true;
    if (write.fragmentsChanged && JSON.stringify(was.fragments) !== JSON.stringify(write.person.fragments))
      return true;
    if (was.memberships === write.person.memberships) return false;
    return JSON.stringify(was.memberships) !== JSON.stringify(write.person.memberships);
  });
  return written.length === commit.persons.length ? commit : { ...commit, persons: written };
}
