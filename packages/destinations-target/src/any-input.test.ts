import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  decide,
  handleDelivery,
  indexActivities,
  parseActivity,
  readEventToken,
  toPropositions,
} from "./index.ts";

const at = "2026-01-31T12:00:00.000Z";
const name = fc.constantFrom(
  "id",
  "name",
  "kind",
  "context",
  "channel",
  "execute",
  "prefetch",
  "mboxes",
  "views",
  "pageLoad",
  "index",
  "parameters",
  "notifications",
  "tokens",
  "timestamp",
  "type",
  "tntId",
  "customerIds",
  "address",
  "url",
  "experiences",
  "offers",
  "location",
  "offer",
  "audience",
  "content",
  "percentage",
);
const leaf = fc.oneof(
  fc.constantFrom(
    "web",
    "mbox",
    "html",
    "json",
    "ab",
    "xt",
    "display",
    "everyone",
    "any",
    "",
    "m".repeat(300),
  ),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.double(),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(name, tie("tree"), { maxKeys: 6 }),
  ),
}));

it("law: any body is answered with 200 or 400, without throwing", async () => {
  const bodies = fc.oneof(
    tree,
    fc.jsonValue(),
    fc.record(
      {
        context: fc.constant({ channel: "web" }),
        execute: tree,
        prefetch: tree,
        notifications: tree,
        id: tree,
      },
      { requiredKeys: ["context"] },
    ),
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const answer = await handleDelivery(body, {
        client: "acme",
        orgId: "o",
        activities: indexActivities([]),
        profileLookup: async () => undefined,
        now: at,
        newId: () => "id",
        query: { imsOrgId: "o", sessionId: "s" },
      });
      expect([200, 400]).toContain(answer.status);
      expect(answer.body["status"]).toBe(answer.status);
    }),
    { numRuns: 2000 },
  );
});

it("law: an activity is refused with issues, or can be decided and shown", () => {
  const mostly = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 19, arbitrary: good }, { weight: 1, arbitrary: tree });
  const offer = fc.oneof(
    fc.record({ kind: fc.constant("html"), content: fc.string() }),
    fc.record({ kind: fc.constant("json"), content: fc.jsonValue() }),
    fc.constant({ kind: "default" }),
  );
  const location = fc.constantFrom(
    { kind: "mbox", name: "m" },
    { kind: "view", name: "v" },
    { kind: "page-load" },
  );
  const offers = fc.array(fc.record({ location: mostly(location), offer: mostly(offer) }), {
    minLength: 1,
    maxLength: 2,
  });
  const experience = fc.record({ id: fc.nat(9), name: fc.constant("e"), percentage: fc.nat(40), offers });
  const activity = fc.record({
    id: fc.integer({ min: 1, max: 9 }),
    name: fc.constant("a"),
    type: fc.constantFrom("ab", "xt"),
    experiences: fc.array(mostly(experience), { minLength: 1, maxLength: 2 }),
  });
  let accepted = 0;
  fc.assert(
    fc.property(mostly(activity), (input) => {
      const parsed = parseActivity(input);
      if (!parsed.ok) {
        expect(parsed.error.length).toBeGreaterThan(0);
        return;
      }
      accepted += 1;
      const locations = [
        { kind: "mbox", name: "m" },
        { kind: "view", name: "v" },
        { kind: "page-load" },
      ] as const;
      const visitor = { visitorId: "v", memberships: {}, attributes: {} };
      const decisions = decide(indexActivities([parsed.value]), { client: "c", visitor, locations, now: at });
      expect(toPropositions(decisions).length).toBe(decisions.length);
    }),
    { numRuns: 2000 },
  );
  expect(accepted).toBeGreaterThan(200);
});

it("law: no text is taken for a token of ours unless it is one", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      const read = readEventToken(text);
      expect(read === undefined || /^[cd]:\d+:\d+:/.test(atob(text))).toBe(true);
    }),
  );
});
