import { hubStoreCases, personFinderCases } from "@tessera/profile-store/conformance";
import { test } from "vitest";
import { withMongo } from "./deployment.ts";

withMongo("the MongoDB store", ({ open }) => {
  for (const { name, run } of hubStoreCases) test(name, { timeout: 60_000 }, () => run(() => open()));
  for (const { name, run } of personFinderCases)
    test(`finding: ${name}`, { timeout: 60_000 }, () =>
      run(async () => {
        const store = await open();
        return { store, finder: store.personFinder(), close: () => store.close() };
      }),
    );
});
