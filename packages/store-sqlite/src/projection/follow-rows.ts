import type { Columns } from "@tessera/segment-engine";
import {
  COMPUTED_DATASET,
  membershipMap,
  mergeAttributes,
  type MergePolicy,
  type PersonState,
} from "@tessera/profile-store";
import type { ChunkRows } from "./chunk-rows.ts";
import type { PersonSource } from "./person-source.ts";

/** Where what is read goes: the chunk of the rows from `first` on, whose columns begin at `place`. */
interface Chunk {
  readonly rows: ChunkRows;
  readonly columns: Columns;
  readonly first: number;
  readonly place: number;
  readonly policy: MergePolicy;
}

/** Brings rows `from` to `end - 1` up to date; false when nothing had to be changed. */
export function followRows(
  source: PersonSource,
  { from, end, ...chunk }: Chunk & { readonly from: number; readonly end: number },
): boolean {
  const { rows, columns, first, place } = chunk;
  let changed = false;
  let expected = from;
  const nobodyUntil = (row: number): void => {
    for (; expected < row; expected++) {
      if (rows.version(expected - first) === 0) continue;
      rows.clear(expected - first);
      columns.clear(expected - first + place);
      changed = true;
    }
  };
  for (const [row, version] of source.versions(from, end)) {
    nobodyUntil(row);
    expected = row + 1;
    if (rows.version(row - first) === version) continue;
    const person = source.person(row);
    if (person === undefined) continue;
    readPerson(source, { person, row }, chunk);
    changed = true;
  }
  nobodyUntil(end);
  return changed;
}

/** Reads as much of a person as differs from what is held. */
function readPerson(
  source: PersonSource,
  { person, row }: { readonly person: PersonState; readonly row: number },
  { rows, columns, first, place, policy }: Chunk,
): void {
  const at = row - first;
  const known = rows.version(at);
  const before = rows.marks(at);
  const marks = source.marks(row, person);
  const { layout } = columns;
  rows.setMemberships(at, person.memberships);
  const asksMemberships = layout.attributes.some((path) => path.split(".")[0] === "segmentMembership");
  if (known <= 0 || before.attributes !== marks.attributes || asksMemberships) {
    const fragments = person.fragments.filter(({ datasetId }) => datasetId !== COMPUTED_DATASET);
    columns.putAttributes(at + place, {
      attributes: mergeAttributes(fragments, policy),
      segmentMembership: membershipMap(person.memberships),
    });
  }
  const sameEvents =
    known !== 0 && before.eventCount === marks.eventCount && before.identities === marks.identities;
  if (!sameEvents && layout.events.length + layout.values.length > 0)
    columns.putEvents(at + place, person.eventCount === 0 ? [] : source.events(person));
  rows.set(at, person.version, marks);
}
