import { expect, it } from "vitest";
import { eventToken, handleDelivery, indexActivities, parseActivity, propositionEvents } from "./index.ts";

const now = "2026-01-31T12:00:00.000Z";
const ECID = "1".repeat(38);
const parsed = parseActivity({
  id: "3",
  name: "a",
  type: "xt",
  experiences: [
    {
      id: 1,
      name: "e",
      offers: [
        { location: { kind: "mbox", name: "hero" }, offer: { kind: "html", content: "x" } },
        { location: { kind: "page-load" }, offer: { kind: "default" } },
      ],
    },
  ],
});
if (!parsed.ok) throw new Error(parsed.error[0]?.message);
const activities = indexActivities([parsed.value]);

async function events(id: object, request: object): Promise<readonly unknown[]> {
  let made = 0;
  const answer = await handleDelivery(
    { requestId: "r1", context: { channel: "web" }, id, ...request },
    {
      client: "acme",
      orgId: "o",
      activities,
      profileLookup: async () => undefined,
      now,
      newId: () => `id${(made += 1)}`,
      query: { client: "acme", sessionId: "s" },
    },
  );
  return propositionEvents(answer, now);
}

it("tells of what execute showed in one event, and of nothing that was only prefetched", async () => {
  const locations = { pageLoad: {}, mboxes: [{ index: 0, name: "hero" }] };
  expect(await events({ marketingCloudVisitorId: ECID }, { execute: locations })).toMatchObject([
    {
      _id: "r1-shown",
      timestamp: now,
      eventType: "decisioning.propositionDisplay",
      identityMap: { ECID: [{ id: ECID, primary: true }] },
      _experience: {
        decisioning: {
          propositionEventType: { display: 1 },
          propositions: [
            { scope: "__view__", scopeDetails: { activity: { id: "3" }, experience: { id: "1" } } },
            { scope: "hero", scopeDetails: { decisionProvider: "TGT" } },
          ],
        },
      },
    },
  ]);
  expect(await events({ marketingCloudVisitorId: ECID }, { prefetch: locations })).toEqual([]);
});

it("tells of each notification with tokens of ours, at its own time, by Target's id where there is no ECID", async () => {
  const token = eventToken({ activityId: 3, experienceId: 1, location: "mbox:hero", event: "click" });
  const notifications = [
    { id: "n1", type: "click", timestamp: Date.parse("2026-01-31T11:00:00Z"), tokens: [token] },
    { id: "n2", type: "display", timestamp: 0, tokens: ["Zm9yZWlnbg=="] },
  ];
  expect(await events({ tntId: "abc.35_0" }, { notifications })).toMatchObject([
    {
      _id: "r1-n1",
      timestamp: "2026-01-31T11:00:00.000Z",
      eventType: "decisioning.propositionInteract",
      identityMap: { TNTID: [{ id: "abc", primary: true }] },
      _experience: {
        decisioning: {
          propositionEventType: { interact: 1 },
          propositions: [{ scope: "hero", scopeDetails: { characteristics: { eventToken: token } } }],
        },
      },
    },
  ]);
});
