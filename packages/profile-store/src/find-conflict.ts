import type { CommitConflict, HubCommit, PersonWrite } from "./hub-store.ts";
import type { IdentityKey } from "@tessera/xdm";

/** What a store knows of the things a commit is guarded by; asked about what the commit names, and nothing else. */
export interface CommitGuards {
  readonly versionOfPerson: (personId: string) => number;
  /** The id of the person who has this identity now. */
  readonly holderOf: (key: IdentityKey) => string | undefined;
  readonly isKnownEvent: (eventId: string) => boolean;
  readonly versionOfDocument: (kind: string, id: string) => number;
}

/** All reasons to refuse a commit, named together, or undefined when there is none. The one reading of the port's laws. */
export function findConflict(commit: HubCommit, guards: CommitGuards): CommitConflict | undefined {
  const written = new Set(commit.persons.map(idOf));
  const claims = new Map<IdentityKey, number>();
  const times = new Map<string, number>();
  for (const write of commit.persons) {
    times.set(idOf(write), (times.get(idOf(write)) ?? 0) + 1);
    if (write.kind !== "put") continue;
    for (const key of write.person.identities) claims.set(key, (claims.get(key) ?? 0) + 1);
  }
  const taken = (key: IdentityKey): boolean => {
    const holder = guards.holderOf(key);
    return (claims.get(key) ?? 0) > 1 || (holder !== undefined && !written.has(holder));
  };
  const stale = (write: PersonWrite): boolean => {
    const expected = write.kind === "put" ? write.person.version - 1 : write.expectedVersion;
    if (guards.versionOfPerson(idOf(write)) !== expected || (times.get(idOf(write)) ?? 0) > 1) return true;
    return write.kind === "put" && write.person.identities.some(taken);
  };
  const seen = new Set<string>();
  const erased = new Set(commit.erase?.events);
  const persons = commit.persons.filter(stale).map(idOf);
  const events = commit.events
    .map((event) => event.id)
    .filter((id) => (guards.isKnownEvent(id) && !erased.has(id)) || seen.size === seen.add(id).size);
  const documents = commit.documents
    .filter(({ kind, id, expectedVersion }) => guards.versionOfDocument(kind, id) !== expectedVersion)
    .map(({ id }) => id);
  if (persons.length + events.length + documents.length === 0) return undefined;
  return { code: "conflict", persons, events, documents };
}

function idOf(write: PersonWrite): string {
  return write.kind === "put" ? write.person.personId : write.personId;
}
