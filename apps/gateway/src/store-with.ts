import type { HubStore } from "@tessera/profile-store";

/** The same store with some of its methods replaced. All others are called on the store itself, each always the same function. */
export function storeWith(store: HubStore, methods: Iterable<readonly [keyof HubStore, unknown]>): HubStore {
  const bound = new Map<PropertyKey, unknown>(methods);
  return new Proxy(store, {
    get: (target, name) => {
      const known = bound.get(name);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const call = (...given: unknown[]): unknown => Reflect.apply(Reflect.get(target, name), target, given);
      bound.set(name, call);
      return call;
    },
  });
}
