import type { PersonState } from "@tessera/profile-store";
import { AT_ONCE, type Collections, type PersonDocument } from "./collections.ts";
import { decodePerson } from "./person-document.ts";

const TRIES = 8;

/**
 * Persons by their stored ids, each as one commit left it: the two documents of a person carry the version that wrote
 * them, and a pair torn by a commit in between is read again. Absent ids are absent.
 */
export async function readPersons(
  collections: Collections,
  ids: readonly string[],
): Promise<ReadonlyMap<string, PersonState>> {
  const found = new Map<string, PersonState>();
  let missing = [...new Set(ids)];
  for (let attempt = 0; missing.length > 0; attempt += 1) {
    if (attempt === TRIES)
      throw new Error(`Attributes of ${missing.length} persons do not match: the data is damaged.`);
    const [documents, fragments] = await Promise.all([
      collections.persons.find({ _id: { $in: missing }, v: { $gt: 0 } }, AT_ONCE).toArray(),
      collections.fragments.find({ _id: { $in: missing } }, AT_ONCE).toArray(),
    ]);
    missing = join(documents, new Map(fragments.map((document) => [document._id, document])), found);
  }
  return found;
}

/** Adds what fits together to `found`; gives the ids of what does not. */
function join(
  documents: readonly PersonDocument[],
  fragments: ReadonlyMap<string, Parameters<typeof decodePerson>[1]>,
  found: Map<string, PersonState>,
): string[] {
  const torn: string[] = [];
  for (const document of documents) {
    const person = decodePerson(document, fragments.get(document._id));
    if (person === undefined) torn.push(document._id);
    else found.set(document._id, person);
  }
  return torn;
}
