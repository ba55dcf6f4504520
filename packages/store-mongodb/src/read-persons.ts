import { fromStored, type Neighbourhood, type PersonState, toStored } from "@tessera/profile-store";
import type { IdentityKey } from "@tessera/xdm";
import { AT_ONCE, type Collections, type PersonDocument } from "./collections.ts";
import { decodePerson } from "./person-document.ts";

const TRIES = 8;
const FARTHEST = 1000;

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

/** Persons of identities. An identity that moved between the two reads is looked up again. */
export async function readAround(
  collections: Collections,
  keys: readonly IdentityKey[],
): Promise<Pick<Neighbourhood, "persons" | "personOf">> {
  const persons = new Map<string, PersonState>();
  const personOf = new Map<IdentityKey, string>();
  let missing = [...new Set(keys)];
  for (let attempt = 0; missing.length > 0 && attempt < FARTHEST; attempt += 1) {
    const holders = await collections.identities
      .find({ _id: { $in: missing.map(toStored) } }, AT_ONCE)
      .toArray();
    const states = await readPersons(
      collections,
      holders.map(({ p }) => p),
    );
    const moved: IdentityKey[] = [];
    for (const { _id, p } of holders) {
      const key = fromStored(_id);
      const person = states.get(p);
      if (person === undefined || !person.identities.includes(key)) moved.push(key);
      else personOf.set(key, person.personId);
      if (person !== undefined && personOf.get(key) === person.personId) persons.set(person.personId, person);
    }
    missing = moved;
  }
  return { persons, personOf };
}

/** For each stored id the id of the person that is there now: itself, or who goes on in its place. */
export async function followSuccessors(
  collections: Collections,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const at = new Map(ids.map((id) => [id, id]));
  let open = [...ids];
  for (let step = 0; open.length > 0 && step < FARTHEST; step += 1) {
    const asked = [...new Set(open.map((id) => at.get(id) ?? id))];
    const gone = await collections.persons
      .find({ _id: { $in: asked }, v: 0, s: { $exists: true } }, { projection: { s: 1 } })
      .toArray();
    const next = new Map(gone.map(({ _id, s }) => [_id, s ?? _id]));
    open = open.filter((id) => next.has(at.get(id) ?? id));
    for (const id of open) at.set(id, next.get(at.get(id) ?? id) ?? id);
  }
  return at;
}
