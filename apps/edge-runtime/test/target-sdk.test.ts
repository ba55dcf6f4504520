import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type TargetClient from "@adobe/target-nodejs-sdk";
import { isObject } from "@tessera/xdm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Conversation } from "./conversation.ts";
import { freePort, type RealGateway, startRealGateway } from "./real-gateway.ts";
import { startTargetEdge, targetClient } from "./target-client.ts";

const ADA = "10000000000000000000000000000000000001";
const context = { channel: "web", address: { url: "https://shop.test/" }, userAgent: "UA" };
const mbox = (name: string): object => ({ kind: "mbox", name });

/** Everything is made through the API of the gateway, and asked of the edge by Adobe's own SDK. */
describe("the Target Node.js SDK against the edge and the gateway as they run", () => {
  let gateway: RealGateway;
  let edgeUrl = "";
  let domain = "";
  let stopEdge: (() => Promise<void>) | undefined;
  let folder = "";
  let gold = "";
  let destinationId = "";
  const activities: readonly object[] = [
    {
      id: 11,
      name: "gold banner",
      type: "xt",
      priority: 900,
      audience: { kind: "any", audiences: ["$gold"] },
      experiences: [
        {
          id: 0,
          name: "Gold",
          offers: [
            {
              location: mbox("hero"),
              offer: { kind: "json", content: { hello: '${aep.firstName default="you"}' } },
            },
          ],
        },
      ],
    },
    {
      id: 12,
      name: "for everyone",
      type: "xt",
      priority: 1,
      clicks: ["#buy"],
      experiences: [
        {
          id: 0,
          name: "All",
          offers: [
            {
              location: mbox("hero"),
              offer: { kind: "html", content: "<b>Hi ${aep.firstName default='you'}</b>" },
            },
            { location: { kind: "page-load" }, offer: { kind: "redirect", url: "https://shop.test/sale" } },
            {
              location: { kind: "view", name: "home" },
              offer: { kind: "actions", actions: [{ type: "setHtml", selector: "#x", content: "v" }] },
            },
          ],
        },
      ],
    },
    {
      id: 13,
      name: "split",
      type: "ab",
      priority: 5,
      experiences: ["A", "B"].map((content, id) => ({
        id,
        name: content,
        percentage: 40,
        offers: [{ location: mbox("split"), offer: { kind: "json", content } }],
      })),
    },
    {
      id: 14,
      name: "over",
      type: "xt",
      priority: 999,
      endsAt: "2020-01-01T00:00:00Z",
      experiences: [
        { id: 0, name: "E", offers: [{ location: mbox("hero"), offer: { kind: "json", content: "over" } }] },
      ],
    },
  ];

  beforeAll(async () => {
    const [gatewayPort, edgePort] = [await freePort(), await freePort()];
    domain = `127.0.0.1:${edgePort}`;
    edgeUrl = `http://${domain}`;
    folder = await mkdtemp(join(tmpdir(), "target-sdk-"));
    gateway = await startRealGateway(gatewayPort, edgeUrl);
    const { createAudience, createDestination } = await gateway.graphql<{
      createAudience: { id: string };
      createDestination: { id: string };
    }>(
      `mutation($a:CreateAudienceInput!,$d:CreateDestinationInput!){createAudience(input:$a){id} createDestination(input:$d){id}}`,
      {
        a: { name: "gold", expression: { value: 'loyalty.tier.equals("gold", false)' } },
        d: { name: "Target", type: "adobe-target", settings: { datastreamId: "default" } },
      },
    );
    gold = createAudience.id;
    destinationId = createDestination.id;
    await gateway.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: {
        destinationId,
        audienceIds: [gold],
        mapping: [{ source: { kind: "attribute", path: "person.name.firstName" }, target: "firstName" }],
      },
    });
    for (const activity of activities) {
      await gateway.graphql(`mutation($d:JSONObject!){saveActivity(definition:$d)}`, {
        d: JSON.parse(JSON.stringify(activity).replaceAll("$gold", gold)) as object,
      });
    }
    await gateway.ingest("records", "crm", [
      {
        identityMap: { CRMID: [{ id: "ada", primary: true }], ECID: [{ id: ADA }] },
        person: { name: { firstName: "Ada & Co" } },
        loyalty: { tier: "gold" },
      },
    ]);
    stopEdge = await startTargetEdge(edgePort, { hub: gateway.url, data: folder });
  }, 180_000);
  afterAll(async () => {
    await stopEdge?.();
    await gateway?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const client = (options: object = {}): TargetClient.TargetClientInstance => targetClient(domain, options);
  const shown = async (id: object, name: string): Promise<unknown> => {
    const { response } = await client().getOffers({
      sessionId: "shown",
      request: { context, id, execute: { mboxes: [{ index: 0, name }] } },
    });
    return response.execute?.mboxes?.[0]?.options?.[0]?.content;
  };
  const eventsOf = async (namespace: string, id: string): Promise<readonly unknown[]> => {
    const query = `query($i:IdentityInput!){profile(identity:$i){events(first:100){nodes{body}}}}`;
    const answer = await gateway.graphql<{
      profile: { events: { nodes: readonly { body: unknown }[] } } | null;
    }>(query, { i: { namespace, id } });
    return (answer.profile?.events.nodes ?? []).map(({ body }) => body);
  };

  it("getOffers execute: by ECID the audience's offer and attribute, by priority; a stranger the default", async () => {
    const { response, targetLocationHintCookie } = await client().getOffers({
      sessionId: "s1",
      request: {
        context,
        id: { marketingCloudVisitorId: ADA },
        execute: {
          pageLoad: {},
          mboxes: [
            { index: 0, name: "hero" },
            { index: 1, name: "nothing" },
          ],
        },
      },
    });
    expect(response.status).toBe(200);
    expect([response.edgeHost, targetLocationHintCookie]).toEqual([undefined, undefined]);
    const [hero, nothing] = response.execute?.mboxes ?? [];
    expect(hero?.options).toMatchObject([
      { type: "json", content: { hello: "Ada & Co" }, responseTokens: { "activity.id": "11" } },
    ]);
    expect(nothing?.options ?? []).toEqual([]);
    expect(response.execute?.pageLoad?.options).toMatchObject([
      { type: "redirect", content: "https://shop.test/sale" },
    ]);
    expect(await shown({}, "hero")).toBe("<b>Hi you</b>");
    // Without an ECID a customer id counts for nothing; with one it does, once it is authenticated.
    const customerIds = [{ id: "ada", integrationCode: "CRMID", authenticatedState: "authenticated" }];
    expect(await shown({ customerIds }, "hero")).toBe("<b>Hi you</b>");
    const marketingCloudVisitorId = ADA.replace(/1$/, "2");
    expect(await shown({ marketingCloudVisitorId, customerIds }, "hero")).toEqual({ hello: "Ada & Co" });
    // at.js is known by its version in the address, and knows the ECID alone.
    const atJs = async (id: object): Promise<unknown> => {
      const url = `${edgeUrl}/rest/v1/delivery?client=tessera&sessionId=at&version=2.11.4`;
      const body = JSON.stringify({ context, id, execute: { mboxes: [{ index: 0, name: "hero" }] } });
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "text/plain; charset=UTF-8" },
        body,
      });
      const { execute } = (await answer.json()) as {
        readonly execute: {
          readonly mboxes: readonly { readonly options?: readonly { content: unknown }[] }[];
        };
      };
      return execute.mboxes[0]?.options?.[0]?.content;
    };
    const stranger = ADA.replace(/1$/, "3");
    expect(await atJs({ marketingCloudVisitorId: stranger, customerIds })).toBe("<b>Hi you</b>");
    expect(await atJs({ marketingCloudVisitorId: ADA })).toEqual({ hello: "Ada & Co" });
  });

  it("getOffers prefetch and sendNotifications: what was seen reaches the hub as an event of the person", async () => {
    const sdk = client();
    const id = { marketingCloudVisitorId: ADA };
    const { response } = await sdk.getOffers({
      sessionId: "s2",
      request: { context, id, prefetch: { views: [{}], mboxes: [{ index: 0, name: "hero" }] } },
    });
    expect(response.prefetch?.views?.map(({ name, options }) => [name, options[0]?.content])).toEqual([
      ["home", [{ type: "setHtml", selector: "#x", content: "v" }]],
    ]);
    const [hero] = response.prefetch?.mboxes ?? [];
    const tokens = [hero?.options?.[0]?.eventToken];
    const told = await sdk.sendNotifications({
      sessionId: "s2",
      request: {
        context,
        id,
        notifications: [
          {
            id: "n1",
            type: "click",
            timestamp: Date.now(),
            tokens,
            mbox: { name: "hero", state: hero?.state },
          },
        ],
      },
    });
    expect(told.response.notifications).toEqual([{ id: "n1" }]);
    await expect
      .poll(async () => eventsOf("ECID", ADA), { timeout: 10_000 })
      .toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            eventType: "decisioning.propositionInteract",
            _experience: {
              decisioning: expect.objectContaining({
                propositions: [
                  expect.objectContaining({
                    scope: "hero",
                    scopeDetails: expect.objectContaining({ activity: { id: "11" } }),
                  }),
                ],
              }),
            },
          }),
        ]),
      );
  });

  it("logs what Target learnt of the visitor and when, once, by names and without values", async () => {
    const query = `query($i:IdentityInput!,$d:ID){deliveryLog(identity:$i,destinationId:$d){nodes{at outcome attributes changes{audienceId status}}}}`;
    const log = async (): Promise<unknown> =>
      gateway.graphql(query, { i: { namespace: "CRMID", id: "ada" }, d: destinationId });
    const line = {
      outcome: "delivered",
      attributes: ["firstName"],
      changes: [{ audienceId: gold, status: "realized" }],
    };
    await shown({ marketingCloudVisitorId: ADA }, "hero");
    await expect
      .poll(log, { timeout: 10_000 })
      .toMatchObject({ deliveryLog: { nodes: expect.arrayContaining([expect.objectContaining(line)]) } });
    expect(JSON.stringify(await log())).not.toContain("Ada");
  });

  it("decides on the device, from the edge's artifact, as the edge does itself", async () => {
    let ready = (): void => undefined;
    const readiness = new Promise<void>((resolve) => (ready = resolve));
    const sdk = client({
      decisioningMethod: "on-device",
      artifactLocation: `${edgeUrl}/tessera/production/v1/rules.json`,
      pollingInterval: 0,
      telemetryEnabled: false,
      events: { clientReady: () => ready() },
    });
    await readiness;
    const seen = new Set<unknown>();
    for (let visitor = 0; visitor < 25; visitor += 1) {
      const id = { tntId: `visitor${visitor}` };
      const request = { context, id, execute: { mboxes: [{ index: 0, name: "split" }] } };
      const { response, meta } = await sdk.getOffers({ sessionId: `d${visitor}`, request });
      expect([response.status, meta?.decisioningMethod]).toEqual([200, "on-device"]);
      const here = response.execute?.mboxes?.[0]?.options?.[0]?.content;
      expect(here).toEqual(await shown(id, "split"));
      seen.add(here);
    }
    expect([...seen].sort()).toEqual(["A", "B", undefined]);
    const remote = await sdk.getOffers({
      sessionId: "r",
      request: { context, id: { tntId: "v" }, execute: { mboxes: [{ index: 0, name: "hero" }] } },
    });
    expect([remote.response.status, remote.meta?.remoteMboxes]).toEqual([206, ["hero"]]);
  });

  it("splits a visitor the same way for the Web SDK as for the Target SDK", async () => {
    const seen = new Set<unknown>();
    for (let visitor = 0; visitor < 12; visitor += 1) {
      const browser = new Conversation(edgeUrl, true);
      const body = { events: [{ query: { personalization: { decisionScopes: ["split"] } } }] };
      const path = "/ee/v1/interact?configId=default";
      const answers = [await ask(browser, path, body), await ask(browser, path, body)];
      const [first, again] = answers;
      expect(again?.content).toEqual(first?.content);
      expect(await shown({ marketingCloudVisitorId: first?.ecid }, "split")).toEqual(first?.content);
      seen.add(first?.content);
    }
    expect(seen.size).toBeGreaterThan(1);
  });
});

/** What a browser is told of the scope `split`, and its ECID. */
async function ask(
  browser: Conversation,
  path: string,
  body: object,
): Promise<{ readonly ecid: string; readonly content: unknown }> {
  const answer = await browser.send({ recorded: "first-interact", path, body });
  const handles = (isObject(answer.body) ? answer.body["handle"] : []) as readonly {
    readonly type: string;
    readonly payload: readonly {
      readonly id: string;
      readonly scope?: string;
      readonly items?: readonly { readonly data: { readonly content: unknown } }[];
    }[];
  }[];
  const of = (type: string) =>
    handles.filter((handle) => handle.type === type).flatMap(({ payload }) => payload);
  const split = of("personalization:decisions").find(({ scope }) => scope === "split");
  return { ecid: of("identity:result")[0]?.id ?? "", content: split?.items?.[0]?.data.content };
}
