import { describe, it } from "vitest";
import { destinationCases, outboxItem } from "./conformance/index.ts";
import { adobeCommerce, customPersonalization } from "./index.ts";

const { payload } = outboxItem("i1", ["p1"]);
if (payload.kind !== "profile") throw new Error("not a profile");

describe("personalization destinations", () => {
  for (const definition of [customPersonalization, adobeCommerce]) {
    const cases = destinationCases(definition, {
      settings: [{ integrationAlias: "shop", datastreamId: "ds-1" }],
      invalidSettings: [
        { input: { datastreamId: "ds-1" }, path: ["integrationAlias"] },
        { input: { integrationAlias: "shop", datastreamId: "" }, path: ["datastreamId"] },
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
