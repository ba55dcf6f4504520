import {
  type CommitConflict,
  findConflict,
  fromStored,
  type HubCommit,
  toStored,
} from "@tessera/profile-store";
import type { Collections } from "./collections.ts";
import { documentKey } from "./truth-documents.ts";

/** Reads what a commit is guarded by, and names what it conflicts with. */
export async function conflictOf(
  commit: HubCommit,
  collections: Collections,
): Promise<CommitConflict | undefined> {
  const personIds = commit.persons.map((write) =>
    write.kind === "put" ? write.person.personId : write.personId,
  );
  const keys = commit.persons.flatMap((write) => (write.kind === "put" ? write.person.identities : []));
  const documentKeys = commit.documents.map(({ kind, id }) => documentKey(kind, id));
  const [persons, identities, events, documents] = await Promise.all([
    collections.persons.find({ _id: { $in: personIds.map(toStored) } }, { projection: { v: 1 } }).toArray(),
    collections.identities.find({ _id: { $in: keys.map(toStored) } }).toArray(),
    collections.events
      .find({ _id: { $in: commit.events.map(({ id }) => toStored(id)) } }, { projection: { _id: 1 } })
      .toArray(),
    collections.documents.find({ _id: { $in: documentKeys } }, { projection: { v: 1 } }).toArray(),
  ]);
  const versions = new Map(persons.map(({ _id, v }) => [_id, v]));
  const holders = new Map(identities.map(({ _id, p }) => [_id, fromStored(p)]));
  const known = new Set(events.map(({ _id }) => _id));
  const edited = new Map(documents.map(({ _id, v }) => [_id, v]));
  return findConflict(commit, {
    versionOfPerson: (id) => versions.get(toStored(id)) ?? 0,
    holderOf: (key) => holders.get(toStored(key)),
    isKnownEvent: (id) => known.has(toStored(id)),
    versionOfDocument: (kind, id) => edited.get(documentKey(kind, id)) ?? 0,
  });
}
