import { fromStored, type PersonState, toStored } from "@tessera/profile-store";
import { isMember, type MembershipStatus } from "@tessera/xdm";
import type { Document } from "mongodb";
import { AT_ONCE, type Collections } from "./collections.ts";
import { fragmentField } from "./push-down.ts";
import { readPersons } from "./read-persons.ts";

/** Some of the persons: those of a range of ids, and of them only the ones that can matter to some audiences. */
export interface PersonPart {
  /** The first id of the range; from the beginning without it. */
  readonly from?: string;
  /** The id after the last one; to the end without it. */
  readonly to?: string;
  /** Leaves out whoever neither meets the condition nor stands in one of the audiences. */
  readonly candidates?: Candidates;
}

/** Persons whose standing in some audiences can change. */
export interface Candidates {
  /** A necessary condition on the attributes, as `pushDown` makes it. */
  readonly match: Document;
  /** The audiences whose members are candidates too, whatever their attributes. */
  readonly audienceIds: readonly string[];
}

const STATUSES: readonly MembershipStatus[] = ["realized", "existing", "exited"];
const STANDING = STATUSES.filter(isMember);
/** A collection has 64 indexes at most; attributes beyond are scanned. */
const INDEXES_MAX = 48;

/** Ids of persons whose next change is due, earliest first. */
export async function duePersons(
  { persons }: Collections,
  {
    now,
    limit,
    part,
  }: { readonly now: number; readonly limit: number; readonly part?: PersonPart | undefined },
): Promise<readonly string[]> {
  if (limit < 1) return [];
  const found = persons
    .find({ next: { $lte: now }, ...idsOf(part) }, { projection: { _id: 1 } })
    .sort({ next: 1 })
    .limit(limit);
  return (await found.toArray()).map(({ _id }) => fromStored(_id));
}

/** Persons after `after` in the order of their ids. */
export async function scanPersons(
  collections: Collections,
  {
    after,
    limit,
    part,
  }: { readonly after: string; readonly limit: number; readonly part?: PersonPart | undefined },
): Promise<readonly PersonState[]> {
  if (limit < 1) return [];
  const { persons, fragments } = collections;
  const [first, ...others] = stagesOf(part, after);
  const page = [{ $sort: { _id: 1 } }, { $limit: limit }, { $project: { _id: 1 } }];
  const read = async (collection: typeof persons | typeof fragments, match: Document): Promise<string[]> =>
    (await collection.aggregate<{ _id: string }>([{ $match: match }, ...page], AT_ONCE).toArray()).map(
      ({ _id }) => _id,
    );
  const found = await Promise.all([
    read(persons, first ?? {}),
    ...others.map((match) => read(fragments, match)),
  ]);
  const ids = [...new Set(found.flat())].sort().slice(0, limit);
  const states = await readPersons(collections, ids);
  const there = ids.flatMap((id) => states.get(id) ?? []);
  const last = ids.at(-1);
  // All of a page may have gone meanwhile; an empty page would end the scan.
  if (there.length === 0 && last !== undefined)
    return scanPersons(collections, { after: fromStored(last), limit, part });
  return there;
}

/** The deployment's plans for the reads of `scanPersons`. */
export async function explainScan({ persons, fragments }: Collections, part: PersonPart): Promise<object> {
  const [first, second] = stagesOf(part, "");
  const explain = (collection: typeof persons | typeof fragments, match: Document): Promise<object> =>
    collection.aggregate([{ $match: match }, { $sort: { _id: 1 } }, { $project: { _id: 1 } }]).explain();
  return {
    persons: await explain(persons, first ?? {}),
    ...(second === undefined ? {} : { fragments: await explain(fragments, second) }),
  };
}

/** Indexes for conditions on attributes, in the order a scan needs. */
export async function indexAttributes(
  { fragments }: Pick<Collections, "fragments">,
  paths: readonly string[],
): Promise<void> {
  const there = new Set((await fragments.indexes()).map(({ name }) => name));
  for (const path of paths) {
    const name = indexName(path);
    if (there.has(name) || there.size >= INDEXES_MAX) continue;
    await fragments.createIndex({ [fragmentField(path)]: 1, _id: 1 }, { name });
    there.add(name);
  }
}

/** Removes indexes for conditions on attributes; a scan of candidates makes those anew that it needs. */
export async function dropAttributeIndexes(
  { fragments }: Pick<Collections, "fragments">,
  paths: readonly string[],
): Promise<void> {
  const there = new Set((await fragments.indexes()).map(({ name }) => name));
  for (const path of paths) if (there.has(indexName(path))) await fragments.dropIndex(indexName(path));
}

function indexName(path: string): string {
  return `attribute ${path}`;
}

/** What to look for among persons, and among attributes when candidates are asked for. */
function stagesOf(part: PersonPart | undefined, after: string): readonly Document[] {
  const ids = idsOf(part, after);
  const candidates = part?.candidates;
  if (candidates === undefined) return [{ ...ids, v: { $gt: 0 } }];
  const audiences = {
    ns: "ups",
    id: { $in: candidates.audienceIds.map(toStored) },
    status: { $in: STANDING },
  };
  return [
    { ...ids, memberships: { $elemMatch: audiences } },
    { ...ids, ...candidates.match },
  ];
}

function idsOf(part: PersonPart | undefined, after?: string): { _id?: Document } {
  const from = part?.from === undefined ? undefined : toStored(part.from);
  const begin = after === undefined || after === "" ? undefined : toStored(after);
  const lower =
    begin !== undefined && (from === undefined || begin >= from)
      ? { $gt: begin }
      : from === undefined
        ? {}
        : { $gte: from };
  const range = { ...lower, ...(part?.to === undefined ? {} : { $lt: toStored(part.to) }) };
  return Object.keys(range).length === 0 ? {} : { _id: range };
}
