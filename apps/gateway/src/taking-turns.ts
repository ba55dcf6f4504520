import { setImmediate as turn } from "node:timers/promises";
import type { HubStore } from "@tessera/profile-store";
import { storeWith } from "./store-with.ts";

/** Reads that walk over everything, page by page. */
const WALKS = ["scan", "owners", "exportItems", "expiring", "quarantined"] as const;

/**
 * The same store, whose walks give everyone else a turn before each page: a store that answers at once would keep this
 * process from its other requests until the walk is over.
 */
export function takingTurns(store: HubStore): HubStore {
  return storeWith(
    store,
    WALKS.map((name) => [
      name,
      async (...given: unknown[]): Promise<unknown> => {
        await turn();
        return Reflect.apply(Reflect.get(store, name), store, given) as Promise<unknown>;
      },
    ]),
  );
}
