import { hubStoreCases } from "@tessera/profile-store/conformance";
import { test } from "vitest";
import { withMongo } from "./deployment.ts";

withMongo("the MongoDB store", ({ open }) => {
  for (const { name, run } of hubStoreCases) test(name, { timeout: 60_000 }, () => run(() => open()));
});
