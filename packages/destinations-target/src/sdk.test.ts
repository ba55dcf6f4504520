import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import TargetClient from "@adobe/target-nodejs-sdk";
import { isObject, type SegmentMembershipMap } from "@tessera/xdm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Activity,
  decide,
  decisioningArtifact,
  type DeliveryAnswer,
  handleDelivery,
  indexActivities,
  readEventToken,
} from "./index.ts";

const ORG = "97D1F3F459CE0AD80A495CBE@AdobeOrg";
const GOLD = "12345678901234567890123456789012345678";
const at = "2026-01-31T12:00:00.000Z";

const activities: readonly Activity[] = [
  {
    id: 11,
    name: "gold banner",
    type: "xt",
    status: "live",
    priority: 900,
    audience: { kind: "any", audiences: ["gold"] },
    experiences: [
      {
        id: 0,
        name: "Gold",
        offers: [
          {
            location: { kind: "mbox", name: "hero" },
            offer: { kind: "json", content: { hello: '${aep.firstName default="you"}' } },
          },
        ],
      },
    ],
  },
  {
    id: 12,
    name: "banner for everyone",
    type: "xt",
    status: "live",
    priority: 1,
    audience: { kind: "everyone" },
    experiences: [
      {
        id: 0,
        name: "All",
        offers: [
          { location: { kind: "mbox", name: "hero" }, offer: { kind: "html", content: "<b>welcome</b>" } },
          {
            location: { kind: "view", name: "home" },
            offer: { kind: "actions", actions: [{ type: "setHtml", selector: "#x", content: "v" }] },
          },
          { location: { kind: "page-load" }, offer: { kind: "redirect", url: "https://shop.test/sale" } },
        ],
      },
    ],
    clicks: ["#buy"],
  },
  {
    id: 13,
    name: "split",
    type: "ab",
    status: "live",
    priority: 5,
    audience: { kind: "everyone" },
    startsAt: "2020-01-01T00:00:00.000Z",
    endsAt: "2090-01-01T00:00:00.000Z",
    experiences: [
      {
        id: 0,
        name: "A",
        percentage: 30,
        offers: [{ location: { kind: "mbox", name: "split" }, offer: { kind: "json", content: "A" } }],
      },
      {
        id: 1,
        name: "B",
        percentage: 50,
        offers: [{ location: { kind: "mbox", name: "split" }, offer: { kind: "json", content: "B" } }],
      },
    ],
  },
];
const index = indexActivities(activities);
const memberships: SegmentMembershipMap = {
  ups: { gold: { status: "realized", lastQualificationTime: at } },
};

let server: Server;
let port = 0;
let calls: { readonly body: unknown; readonly answer: DeliveryAnswer }[] = [];
let ids = 0;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const url = new URL(request.url ?? "/", "http://x");
    if (request.method === "GET" && url.pathname === "/acme/production/v1/rules.json") {
      response.setHeader("content-type", "application/json").setHeader("etag", '"1"');
      response.end(JSON.stringify(decisioningArtifact({ client: "acme", activities })));
      return;
    }
    const body: unknown = JSON.parse(text);
    const answer = await handleDelivery(body, {
      client: "acme",
      orgId: ORG,
      activities: index,
      profileLookup: async ([ecid]) =>
        ecid?.id === GOLD ? { memberships, attributes: { firstName: "Ada" } } : undefined,
      now: new Date().toISOString(),
      newId: () => `id${(ids += 1)}`,
      query: Object.fromEntries(url.searchParams),
    });
    calls.push({ body, answer });
    response
      .writeHead(answer.status, { "content-type": "application/json" })
      .end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function client(options: object = {}): TargetClient.TargetClientInstance {
  calls = [];
  return TargetClient.create({
    client: "acme",
    organizationId: ORG,
    serverDomain: `127.0.0.1:${port}`,
    secure: false,
    fetchApi: fetch,
    ...options,
  });
}

const context = { channel: "web", address: { url: "https://shop.test/" }, userAgent: "UA" };

describe("the Target Node.js SDK against this delivery API", () => {
  it("getOffers execute: the audience's offer with the person's attribute, by ECID", async () => {
    const { response } = await client().getOffers({
      sessionId: "s1",
      request: {
        context,
        id: { marketingCloudVisitorId: GOLD },
        execute: {
          mboxes: [
            { index: 0, name: "hero" },
            { index: 1, name: "unknown" },
          ],
        },
      },
    });
    expect(response.status).toBe(200);
    expect(response.edgeHost).toBeUndefined();
    const [hero, unknown] = response.execute?.mboxes ?? [];
    expect(hero?.options?.map(({ type, content }) => [type, content])).toEqual([["json", { hello: "Ada" }]]);
    expect(hero?.options?.[0]?.responseTokens).toMatchObject({
      "activity.id": "11",
      "experience.name": "Gold",
    });
    expect([unknown?.name, unknown?.options ?? []]).toEqual(["unknown", []]);
    expect(calls[0]?.answer.shown.map(({ activity }) => activity.id)).toEqual([11]);
  });

  it("getOffers execute: the fallback, the page load with a click metric, for a stranger who stays on this server", async () => {
    const sdk = client();
    const request = { context, execute: { pageLoad: {}, mboxes: [{ index: 0, name: "hero" }] } };
    const { response, targetCookie, targetLocationHintCookie } = await sdk.getOffers({
      sessionId: "s2",
      request,
    });
    expect(response.execute?.mboxes?.[0]?.options?.[0]).toMatchObject({
      type: "html",
      content: "<b>welcome</b>",
    });
    expect(response.execute?.pageLoad?.options).toMatchObject([
      { type: "redirect", content: "https://shop.test/sale" },
    ]);
    expect(readEventToken(response.execute?.mboxes?.[0]?.metrics?.[0]?.eventToken ?? "")).toMatchObject({
      activityId: 12,
      event: "click",
    });
    expect(targetLocationHintCookie).toBeUndefined();
    const tntId = response.id?.tntId;
    expect(tntId).toMatch(/^id\d+$/);
    const again = await sdk.getOffers({ sessionId: "s2", request, targetCookie: targetCookie?.value });
    expect(again.response.id?.tntId).toBe(tntId);
    expect(calls.length).toBe(2);
  });

  it("getOffers prefetch, then sendNotifications with the tokens it was given", async () => {
    const sdk = client();
    const { response } = await sdk.getOffers({
      sessionId: "s3",
      request: {
        context,
        id: { marketingCloudVisitorId: GOLD },
        prefetch: { views: [{}], mboxes: [{ index: 0, name: "hero" }] },
      },
    });
    expect(response.prefetch?.views?.map(({ name, options }) => [name, options[0]?.type])).toEqual([
      ["home", "actions"],
    ]);
    const [hero] = response.prefetch?.mboxes ?? [];
    const token = hero?.options?.[0]?.eventToken;
    expect(calls[0]?.answer.shown).toEqual([]);
    const { response: told } = await sdk.sendNotifications({
      sessionId: "s3",
      request: {
        context,
        notifications: [
          {
            id: "n1",
            type: "display",
            timestamp: Date.parse(at),
            tokens: [token, "Zm9yZWlnbg=="],
            mbox: { name: "hero", state: hero?.state },
          },
        ],
      },
    });
    expect(told.notifications).toEqual([{ id: "n1" }]);
    expect(calls.at(-1)?.answer.notifications).toEqual([
      {
        id: "n1",
        type: "display",
        at,
        events: [{ activityId: 11, experienceId: 0, location: "mbox:hero", event: "display" }],
      },
    ]);
  });

  it("surfaces the refusal of a request beyond the limits", async () => {
    const mboxes = Array.from({ length: 51 }, (_, i) => ({ index: i, name: `m${i}` }));
    await expect(
      client().getOffers({ sessionId: "s4", request: { context, execute: { mboxes } } }),
    ).rejects.toBeTruthy();
    expect(calls[0]?.answer).toMatchObject({
      status: 400,
      body: { message: "execute.mboxes: size must be between 0 and 50" },
    });
  });

  it("decides on the device from the artifact as the server decides, and asks the server where it must", async () => {
    let ready = (): void => undefined;
    const readiness = new Promise<void>((resolve) => (ready = resolve));
    const sdk = client({
      decisioningMethod: "on-device",
      artifactLocation: `http://127.0.0.1:${port}/acme/production/v1/rules.json`,
      pollingInterval: 0,
      telemetryEnabled: false,
      events: { clientReady: () => ready() },
    });
    await readiness;
    const seen = new Set<unknown>();
    for (let visitor = 0; visitor < 40; visitor += 1) {
      const tntId = `visitor${visitor}`;
      const { response, meta } = await sdk.getOffers({
        sessionId: `d${visitor}`,
        request: { context, id: { tntId }, execute: { mboxes: [{ index: 0, name: "split" }] } },
      });
      expect([response.status, meta?.decisioningMethod]).toEqual([200, "on-device"]);
      const here = response.execute?.mboxes?.[0]?.options?.[0]?.content;
      const [there] = decide(index, {
        client: "acme",
        visitor: { visitorId: tntId, memberships: {}, attributes: {} },
        locations: [{ kind: "mbox", name: "split" }],
        now: at,
      });
      expect(here).toEqual(there?.offer.kind === "json" ? there.offer.content : undefined);
      seen.add(here);
    }
    expect([...seen].sort()).toEqual(["A", "B", undefined]);
    const page = await sdk.getOffers({
      sessionId: "p",
      request: { context, id: { tntId: "v" }, execute: { pageLoad: {} }, prefetch: { views: [{}] } },
    });
    expect(page.response.status).toBe(200);
    expect(page.response.execute?.pageLoad?.options).toMatchObject([
      { type: "redirect", content: "https://shop.test/sale" },
    ]);
    const [home] = page.response.prefetch?.views ?? [];
    expect([home?.name, home?.options[0]?.content]).toEqual([
      "home",
      [{ type: "setHtml", selector: "#x", content: "v" }],
    ]);
    expect(readEventToken(home?.options[0]?.eventToken ?? "")).toMatchObject({
      activityId: 12,
      location: "view:home",
    });
    const remote = await sdk.getOffers({
      sessionId: "r",
      request: { context, id: { tntId: "v" }, execute: { mboxes: [{ index: 0, name: "hero" }] } },
    });
    expect([remote.response.status, remote.meta?.remoteMboxes]).toEqual([206, ["hero"]]);
    await expect.poll(() => calls.some(({ answer }) => answer.notifications.length > 0)).toBe(true);
    const displays = calls.flatMap(({ answer }) => answer.notifications.flatMap(({ events }) => events));
    expect(
      displays.every(({ activityId, event }) => [12, 13].includes(activityId) && event === "display"),
    ).toBe(true);
    expect(calls.every(({ body }) => isObject(body))).toBe(true);
  });
});
