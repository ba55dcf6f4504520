import { describe, test } from "vitest";
import { createMemoryStore } from "../memory-store.ts";
import { createScanningFinder } from "../person-finder.ts";
import { hubStoreCases, personFinderCases } from "./index.ts";

describe("the in-memory store", () => {
  for (const { name, run } of hubStoreCases) test(name, () => run(async () => createMemoryStore()));
});

describe("the finder that looks at everyone", () => {
  for (const { name, run } of personFinderCases)
    test(name, () =>
      run(async () => {
        const store = createMemoryStore();
        return { store, finder: createScanningFinder(store), close: () => store.close() };
      }),
    );
});
