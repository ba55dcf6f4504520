import type { HubStore } from "../hub-store.ts";

/** One law of the port, tried on an empty store. It throws with the law's name when the store breaks it. */
export interface HubStoreCase {
  readonly name: string;
  readonly run: (store: HubStore) => Promise<void>;
}
