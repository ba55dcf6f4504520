import { describe, it } from "vitest";
import { destinationCases, outboxItem } from "./conformance/index.ts";
import { personalizationDestination } from "./index.ts";

const { payload } = outboxItem("i1", ["p1"]);
if (payload.kind !== "profile") throw new Error("not a profile");

describe("personalization destinations", () => {
  for (const kind of ["custom-personalization", "commerce"] as const) {
    const cases = destinationCases(personalizationDestination(kind), {
      settings: [{ integrationAlias: "shop", datastreamId: "ds-1" }],
      invalidSettings: [
        { input: { datastreamId: "ds-1" }, path: ["integrationAlias"] },
        { input: { integrationAlias: "shop", datastreamId: "a b" }, path: ["datastreamId"] },
      ],
      batches: [
        {
          kind: "profiles",
          destinationId: "d1",
          dataflowId: "f1",
          audiences: [],
          mapping: [],
          items: [payload.item],
        },
      ],
      context: { now: payload.item.at, destinationId: "d1", destinationName: "x", orgId: "o", sandbox: "s" },
    });
    for (const { name, run } of cases) it(name, run);
  }
});
