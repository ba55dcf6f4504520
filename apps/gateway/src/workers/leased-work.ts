import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import type { HubStore } from "@tessera/profile-store";
import type { MongoStore, PersonPart } from "@tessera/store-mongodb";
import { type HeldLease, type LeaseTerms, takeLease } from "./held-lease.ts";
import { type Partitions, startPartitions } from "./partitions.ts";
import { shareStore } from "./shared-store.ts";

/** Work on a store that several processes share: who does what is settled by leases in it. */
export interface LeasedWork {
  /** The store to use for everything: what is done in leased work writes under its lease. */
  readonly store: HubStore;
  readonly shared: MongoStore;
  /** Takes this process's share of the parts of some work and does it; see `startPartitions`. */
  readonly divide: (work: {
    readonly role: string;
    readonly parts: () => readonly string[] | Promise<readonly string[]>;
    readonly work: (part: string, held: HeldLease) => Promise<void>;
    /** The persons that a part is about; all without it. */
    readonly personsOf?: (part: string) => PersonPart;
  }) => Partitions;
  /** Does something while nobody else does it; waits for its turn. */
  readonly alone: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  /** Within a part of divided work: does something on fewer persons. */
  readonly narrow: <T>(part: PersonPart, work: () => Promise<T>) => Promise<T>;
  /** Whether what goes on right now may do what cannot be taken back; see `HeldLease.isHeld`. */
  readonly mayAct: () => boolean;
}

/** Parts that persons are divided into: ranges of their ids, which are evenly spread hexadecimal numbers. */
export const PERSON_RANGES: readonly string[] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/** The ids of a range of `PERSON_RANGES`; the first and the last one take what begins otherwise. */
export function personsOfRange(range: string): PersonPart {
  const index = PERSON_RANGES.indexOf(range);
  const border = (at: number): string => ((at * 256) / PERSON_RANGES.length).toString(16).padStart(2, "0");
  return {
    ...(index > 0 ? { from: border(index) } : {}),
    ...(index < PERSON_RANGES.length - 1 ? { to: border(index + 1) } : {}),
  };
}

/** Work under leases on `store`; undefined for a store that this process has for itself. */
export function createLeasedWork(
  given: HubStore,
  options: { readonly leaseMs: number; readonly onError: (what: string, error: unknown) => void },
): LeasedWork | undefined {
  const sharing = shareStore(given);
  if (sharing === undefined) return undefined;
  const { leaseMs, onError } = options;
  const { store, shared, during, narrow, mayAct } = sharing;
  const terms: LeaseTerms = {
    leases: shared.leases,
    holder: `${hostname()} ${process.pid} ${randomUUID().slice(0, 8)}`,
    leaseMs,
    monotonic: () => performance.now(),
  };
  const turn = async (name: string): Promise<HeldLease> => {
    for (;;) {
      const held = await takeLease(name, terms);
      if (held !== undefined) return held;
      await wait(leaseMs / 4);
    }
  };
  return {
    store,
    shared,
    narrow,
    mayAct,
    divide: ({ role, parts, work, personsOf }) =>
      startPartitions({
        ...terms,
        role,
        parts,
        onError,
        work: (part, held) => during(held, () => work(part, held), personsOf?.(part)),
      }),
    alone: async (name, work) => {
      const held = await turn(name);
      const renewing = setInterval(
        () => held.renew().catch((error: unknown) => onError(name, error)),
        leaseMs / 4,
      );
      try {
        return await during(held, work);
      } finally {
        clearInterval(renewing);
        await held.release();
      }
    },
  };
}

/** Does a turn of work again and again, with pauses, until the lease ends. */
export async function everySoOften(
  held: HeldLease,
  { pauseMs, turn }: { readonly pauseMs: number; readonly turn: () => Promise<void> },
): Promise<void> {
  while (!held.ended.aborted) {
    await turn();
    await wait(pauseMs, undefined, { signal: held.ended }).catch(() => undefined);
  }
}
