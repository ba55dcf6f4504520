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
  let pending = personIds;
  const changes: MembershipChange[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && pending.length > 0; attempt += 1) {
    const persons = await ingestion.store.persons(pending);
    const resolutions = { persons: persons.map(unchanged), removed: [] };
    const history = await loadHistory(resolutions, ingestion);
    const decided = decide(resolutions, { ...ingestion, history });
    const commit = withoutIdleWrites(decided, persons);
    if (commit.persons.length === 0) return changes;
    const committed = await ingestion.store.commit(commit);
    if (committed.ok) {
      changes.push(...commit.memberships);
      return changes;
    }
    pending = persons.map((person) => person.personId);
  }
  if (pending.length > 0)
    throw new Error("Persons kept changing while their memberships were followed; try again.");
  return changes;
}

function unchanged(person: PersonState): Resolution {
  const { personId, identities } = person;
  return {
    personId,
    identities,
    graph: person.graph as Graph,
    continues: person,
    sources: [person],
    events: [],
    records: [],
  };
}

function withoutIdleWrites(commit: HubCommit, persons: readonly PersonState[]): HubCommit {
  const before = new Map(persons.map((person) => [person.personId, person]));
  const written = commit.persons.filter((write) => {
    if (write.kind !== "put") return true;
    const was = before.get(write.person.personId);
    if (was === undefined || was.nextChangeAt !== write.person.nextChangeAt) return true;
    return JSON.stringify(was.memberships) !== JSON.stringify(write.person.memberships);
  });
  return written.length === commit.persons.length ? commit : { ...commit, persons: written };
}
