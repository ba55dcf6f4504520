import type { MembershipChange } from "@tessera/xdm";
import { ObjectId } from "mongodb";
import { AT_ONCE, type Collections } from "./collections.ts";
import { decodeChange } from "./truth-documents.ts";

/** Membership changes of any process, and where to go on. */
export interface RecentMemberships {
  /** Some that were given before come again. */
  readonly changes: readonly MembershipChange[];
  readonly mark: string;
}

/** Ids are made before their commit, on machines whose clocks differ: so many seconds before the mark are read again. */
const AGAIN = 5;
const AT_MOST = 20_000;

/** The changes that were committed since a mark, in the order of their making; without a mark none, and where to begin. */
export async function membershipsSince(
  { membershipLog }: Pick<Collections, "membershipLog">,
  mark?: string,
): Promise<RecentMemberships> {
  if (mark === undefined) {
    const [last] = await membershipLog
      .find({}, { projection: { _id: 1 } })
      .sort({ _id: -1 })
      .limit(1)
      .toArray();
    return { changes: [], mark: (last?._id ?? ObjectId.createFromTime(0)).toHexString() };
  }
  const seconds = new ObjectId(mark).getTimestamp().getTime() / 1_000;
  const from = ObjectId.createFromTime(Math.max(0, seconds - AGAIN));
  const found = await membershipLog
    .find({ _id: { $gte: from } }, AT_ONCE)
    .sort({ _id: 1 })
    .limit(AT_MOST)
    .toArray();
  return {
    changes: found.map(decodeChange),
    mark: (found.at(-1)?._id ?? new ObjectId(mark)).toHexString(),
  };
}
