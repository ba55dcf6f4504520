import type { Erasure, HubCommit } from "@tessera/profile-store";
import type { IdentityRows } from "./identity-rows.ts";
import type { PersonRows } from "./person-rows.ts";
import type { TruthRows } from "./truth-rows.ts";

interface Parts {
  readonly truth: TruthRows;
  readonly identities: IdentityRows;
  readonly persons: PersonRows;
}

/** The rows of the persons of whose truth something is going to be erased. */
export function holdersOf(erase: Erasure | undefined, { truth, identities }: Parts): readonly number[] {
  if (erase === undefined) return [];
  const { owners = [], recordsOf = [], recordBodies = [], events = [], eventBodies = [] } = erase;
  const keys = [...owners, ...recordsOf, ...recordBodies, ...truth.ownersOf([...events, ...eventBodies])];
  return [...new Set(keys)].flatMap((key) => identities.personOf(key) ?? []);
}

/** The rows of all persons of whom a commit that was written took something away: `holders`, and who are removed. */
export function retoldBy(
  { persons, erase }: HubCommit,
  holders: readonly number[],
  parts: Parts,
): readonly number[] {
  const rows = new Set(holders);
  for (const write of persons) {
    if (write.kind === "put" && erase === undefined) continue;
    const row = parts.persons.rowOf(write.kind === "put" ? write.person.personId : write.personId);
    if (row !== undefined) rows.add(row);
  }
  return [...rows];
}
