import { describe, expect, it } from "vitest";
import { type DeliveryContext, handleDelivery, indexActivities } from "./index.ts";

const context: DeliveryContext = {
  client: "acme",
  orgId: "ORG@AdobeOrg",
  activities: indexActivities([]),
  profileLookup: async () => undefined,
  now: "2026-01-31T12:00:00.000Z",
  newId: () => "new",
  query: { imsOrgId: "ORG@AdobeOrg", sessionId: "s" },
};
const body = { context: { channel: "web" } };
const mbox = (more: object): object => ({ ...body, execute: { mboxes: [{ index: 0, name: "m", ...more }] } });
const many = (n: number, value = "v"): object =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, value]));

const refusals: readonly (readonly [string, unknown, Partial<DeliveryContext>, number])[] = [
  ["no body", undefined, {}, 400],
  ["a list", [], {}, 400],
  ["no channel", { context: {} }, {}, 400],
  ["no org and no client", body, { query: { sessionId: "s" } }, 400],
  ["another org", body, { query: { imsOrgId: "X@AdobeOrg", sessionId: "s" } }, 400],
  ["no session", body, { query: { client: "acme" } }, 400],
  ["a session with a space", body, { query: { client: "acme", sessionId: "a b" } }, 400],
  ["a session of 129", body, { query: { client: "acme", sessionId: "s".repeat(129) } }, 400],
  ["a large body", body, { bodyBytes: 62_914_561 }, 413],
  ["100 requests in progress", body, { inProgress: 100 }, 420],
  [
    "51 mboxes",
    { ...body, prefetch: { mboxes: Array.from({ length: 51 }, () => ({ name: "m" })) } },
    {},
    400,
  ],
  ["an mbox without a name", { ...body, execute: { mboxes: [{ index: 0 }] } }, {}, 400],
  ["an mbox name of 251", mbox({ name: "m".repeat(251) }), {}, 400],
  ["101 parameters", mbox({ parameters: many(101) }), {}, 400],
  ["a parameter value of 5001", mbox({ parameters: { a: "x".repeat(5001) } }), {}, 400],
  ["a parameter name of 129", mbox({ parameters: { ["x".repeat(129)]: "a" } }), {}, 400],
  ["51 profile parameters", mbox({ profileParameters: many(51) }), {}, 400],
  ["a profile parameter value of 257", mbox({ profileParameters: { a: "x".repeat(257) } }), {}, 400],
  ["a tntId of 129", { ...body, id: { tntId: "x".repeat(129) } }, {}, 400],
  [
    "a customer id of no known state",
    { ...body, id: { customerIds: [{ id: "1", integrationCode: "c", authenticatedState: "maybe" }] } },
    {},
    400,
  ],
  [
    "an address of 4097",
    { ...body, context: { channel: "web", address: { url: "x".repeat(4097) } } },
    {},
    400,
  ],
  ["a notification of no type", { ...body, notifications: [{ id: "n", timestamp: 1, tokens: [] }] }, {}, 400],
  [
    "a notification without a time",
    { ...body, notifications: [{ id: "n", type: "click", tokens: [] }] },
    {},
    400,
  ],
];

describe("handleDelivery", () => {
  for (const [name, input, change, status] of refusals) {
    it(`refuses ${name}`, async () => {
      const answer = await handleDelivery(input, { ...context, ...change });
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({ status, message: expect.any(String) });
    });
  }

  it("takes what stands at the limits", async () => {
    const input = mbox({ name: "m".repeat(250), parameters: many(100), profileParameters: many(50) });
    expect((await handleDelivery(input, context)).status).toBe(200);
  });

  it("answers an empty request with ids alone, and without an edge host or an edge suffix", async () => {
    const answer = await handleDelivery({ ...body, id: { tntId: "abc.35_0" } }, context);
    expect(answer.body).toEqual({ status: 200, requestId: "new", client: "acme", id: { tntId: "abc" } });
  });

  it("asks for the profile of the ECID and of authenticated customers beside it alone", async () => {
    const asked: unknown[] = [];
    const profileLookup: DeliveryContext["profileLookup"] = async (ids) => {
      asked.push(ids.map(({ namespace, id }) => `${namespace}:${id}`));
      return undefined;
    };
    const customerIds = [
      { id: "1", integrationCode: "crm", authenticatedState: "authenticated" },
      { id: "2", integrationCode: "crm", authenticatedState: "logged_out" },
    ];
    await handleDelivery({ ...body, id: { customerIds } }, { ...context, profileLookup });
    await handleDelivery(
      { ...body, id: { customerIds, marketingCloudVisitorId: "9" } },
      { ...context, profileLookup },
    );
    await handleDelivery(
      { ...body, id: { customerIds, marketingCloudVisitorId: "9" } },
      { ...context, profileLookup, caller: "at.js" },
    );
    expect(asked).toEqual([["ECID:9", "crm:1"], ["ECID:9"]]);
  });
});
