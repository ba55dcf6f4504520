import { describe, it } from "vitest";
import { destinationCases, outboxItem } from "./conformance/index.ts";
import { pageAddress, pageCookie } from "./index.ts";

const { payload } = outboxItem("i1", ["p1"]);
if (payload.kind !== "profile") throw new Error("not a profile");

const asked = {
  batches: [
    {
      kind: "profiles" as const,
      destinationId: "d1",
      dataflowId: "f1",
      audiences: [],
      mapping: [],
      items: [payload.item],
    },
  ],
  context: { now: payload.item.at, destinationId: "d1", destinationName: "x", orgId: "o", sandbox: "s" },
};

describe("cookie destinations", () => {
  const cases = destinationCases(pageCookie, {
    settings: [
      { cookieName: "aud" },
      { cookieName: "aud", domain: "shop.test", ttlDays: 10, datastreamId: "d" },
    ],
    invalidSettings: [
      { input: {}, path: ["cookieName"] },
      { input: { cookieName: "a;b" }, path: ["cookieName"] },
      { input: { cookieName: "aud", domain: "shop.test; Path=/" }, path: ["domain"] },
      { input: { cookieName: "aud", ttlDays: 0 }, path: ["ttlDays"] },
    ],
    ...asked,
  });
  for (const { name, run } of cases) it(name, run);
});

describe("URL destinations", () => {
  const cases = destinationCases(pageAddress, {
    settings: [
      { url: "https://partner.test/pixel" },
      { url: "https://p.test/", hideReferrer: false, ttlMinutes: 5 },
    ],
    invalidSettings: [
      { input: {}, path: ["url"] },
      { input: { url: "http://partner.test/pixel" }, path: ["url"] },
      { input: { url: "javascript:alert(1)" }, path: ["url"] },
      { input: { url: "https://p.test/", ttlMinutes: 0.5 }, path: ["ttlMinutes"] },
    ],
    ...asked,
  });
  for (const { name, run } of cases) it(name, run);
});
