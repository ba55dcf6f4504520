import { setImmediate as turn } from "node:timers/promises";
import type { HubStore } from "@tessera/profile-store";

/** Reads that walk over everything, page by page. */
const WALKS = ["scan", "owners", "exportItems", "expiring", "quarantined"] as const;

/**
 * The same store, whose walks give everyone else a turn before each page: a store that answers at once would keep this
 * process from its other requests until the walk is over.
 */
export function takingTurns(store: HubStore): HubStore {
  const walks = new Map<PropertyKey, unknown>(
    WALKS.map((name) => [
      name,
      async (...given: unknown[]): Promise<unknown> => {
        await turn();
        return Reflect.apply(Reflect.get(store, name), store, given) as Promise<unknown>;
      },
    ]),
  );
  const bound = new Map<PropertyKey, unknown>();
  return new Proxy(store, {
    get: (target, name) => {
      const known = walks.get(name) ?? bound.get(name);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const call = (...given: unknown[]): unknown => Reflect.apply(Reflect.get(target, name), target, given);
      bound.set(name, call);
      return call;
    },
  });
}
