import type { HubStore } from "../hub-store.ts";
import { commitCases } from "./commit-cases.ts";
import { erasureCases } from "./erasure-cases.ts";
export { type FinderConformanceCase, type FinderSubject, personFinderCases } from "./finder-cases.ts";
import type { HubStoreCase } from "./hub-store-case.ts";
import { personCases } from "./person-cases.ts";
import { queueCases } from "./queue-cases.ts";
import { transferCases } from "./transfer-cases.ts";
import { truthCases } from "./truth-cases.ts";

/** A law of the HubStore port as a case that any adapter can run, whatever its test runner. */
export interface HubStoreConformanceCase {
  readonly name: string;
  /** Tries the law on a fresh, empty store that `open` gives, and closes it. Throws when the law is broken. */
  readonly run: (open: () => Promise<HubStore>) => Promise<void>;
}

/** The laws of the HubStore port. Every adapter passes all of them; `createMemoryStore` is the executable specification. */
export const hubStoreCases: readonly HubStoreConformanceCase[] = [
  ...commitCases,
  ...personCases,
  ...truthCases,
  ...queueCases,
  ...erasureCases,
  ...transferCases,
].map(onFreshStore);

function onFreshStore({ name, run }: HubStoreCase): HubStoreConformanceCase {
  return {
    name,
    run: async (open) => {
      const store = await open();
      try {
        await run(store);
      } finally {
        await store.close();
      }
    },
  };
}
