import type { CommitConflict, HubCommit, PersonWrite } from "@tessera/profile-store";
import type { IdentityKey } from "@tessera/xdm";

/** What a store knows of the things a commit is guarded by. */
export interface Guards {
  readonly versionOfPerson: (personId: string) => number;
  /** The id of the person who has this identity now. */
  readonly holderOf: (key: IdentityKey) => string | undefined;
  readonly isKnownEvent: (eventId: string) => boolean;
  readonly versionOfDocument: (kind: string, id: string) => number;
}

/** All reasons to refuse a commit, named together. Asked only once a commit was found to conflict. */
export function findConflict(commit: HubCommit, guards: Guards): CommitConflict {
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
  return {
    code: "conflict",
    persons: commit.persons.filter(stale).map(idOf),
    events: commit.events
      .map((event) => event.id)
      .filter((id) => guards.isKnownEvent(id) || seen.size === seen.add(id).size),
    documents: commit.documents
      .filter(({ kind, id, expectedVersion }) => guards.versionOfDocument(kind, id) !== expectedVersion)
      .map(({ id }) => id),
  };
}

function idOf(write: PersonWrite): string {
  return write.kind === "put" ? write.person.personId : write.personId;
}
