import { AsyncLocalStorage } from "node:async_hooks";
import type { HubStore } from "@tessera/profile-store";
import type { MongoStore, PersonPart } from "@tessera/store-mongodb";
import type { HeldLease } from "./held-lease.ts";

/** A store that several processes work on, and the work that is done in it under leases. */
export interface SharedStore {
  /** The store for everything in this process: what is done within `during` writes under that lease. */
  readonly store: HubStore;
  readonly shared: MongoStore;
  /** Does work under a lease: its writes are refused once the lease is lost, and it sees its part of the persons only. */
  readonly during: <T>(held: HeldLease, work: () => Promise<T>, part?: PersonPart) => Promise<T>;
  /** Within `during`: does work on another part of the persons, under the same lease. */
  readonly narrow: <T>(part: PersonPart, work: () => Promise<T>) => Promise<T>;
  /** Whether what goes on right now may do what cannot be taken back: it is under no lease, or its lease is held. */
  readonly mayAct: () => boolean;
}

/** Makes a store ready for work under leases; undefined for one that a single process has for itself. */
export function shareStore(store: HubStore): SharedStore | undefined {
  if (!isShared(store)) return undefined;
  const now = new AsyncLocalStorage<{ readonly held: HeldLease; readonly store: HubStore }>();
  const current = (): HubStore => now.getStore()?.store ?? store;
  return {
    shared: store,
    store: {
      ...store,
      commit: (commit) => current().commit(commit),
      due: (moment, limit) => current().due(moment, limit),
      scan: (after, limit) => current().scan(after, limit),
      acknowledge: (ids) => current().acknowledge(ids),
      releaseQuarantined: (ids) => current().releaseQuarantined(ids),
      close: () => store.close(),
    },
    during: (held, work, part) => now.run({ held, store: store.under(held.lease, part) }, work),
    narrow: (part, work) => {
      const held = now.getStore()?.held;
      if (held === undefined)
        throw new Error("Work is narrowed to a part of the persons under a lease only.");
      return now.run({ held, store: store.under(held.lease, part) }, work);
    },
    mayAct: () => now.getStore()?.held.isHeld() ?? true,
  };
}

function isShared(store: HubStore): store is MongoStore {
  return "leases" in store && "under" in store;
}
