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
const everyone = { kind: "everyone" };

/** One mbox, an activity in each of three workspaces, and one in each of two that only members see. */
describe("workspaces of Target, through the gateway and the edge as they run", () => {
  let gateway: RealGateway;
  let domain = "";
  let edgeUrl = "";
  let stopEdge: (() => Promise<void>) | undefined;
  let folder = "";
  let gold = "";

  const activity = (id: number, workspace: string | undefined, audience: object): Promise<unknown> =>
    gateway.graphql(`mutation($d:JSONObject!){saveActivity(definition:$d)}`, {
      d: {
        id,
        name: `activity ${id}`,
        type: "xt",
        priority: id,
        audience,
        ...(workspace !== undefined && { workspace }),
        experiences: [
          {
            id: 0,
            name: "only",
            offers: [
              {
                location: { kind: "mbox", name: audience === everyone ? "hero" : "gold" },
                offer: { kind: "json", content: workspace ?? "default" },
              },
            ],
          },
        ],
      },
    });
  const connect = async (datastreamId: string, workspace: string | undefined, members: boolean) => {
    const { createDestination } = await gateway.graphql<{ createDestination: { id: string } }>(
      `mutation($d:CreateDestinationInput!){createDestination(input:$d){id}}`,
      {
        d: {
          name: `Target ${datastreamId}`,
          type: "adobe-target",
          settings: { datastreamId, ...(workspace !== undefined && { workspace }) },
        },
      },
    );
    if (!members) return;
    await gateway.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: { destinationId: createDestination.id, audienceIds: [gold] },
    });
  };

  beforeAll(async () => {
    const [gatewayPort, edgePort] = [await freePort(), await freePort()];
    domain = `127.0.0.1:${edgePort}`;
    edgeUrl = `http://${domain}`;
    folder = await mkdtemp(join(tmpdir(), "target-workspaces-"));
    gateway = await startRealGateway(gatewayPort, edgeUrl);
    const platform = { eventDatasets: ["web"], edgeSegmentation: true, personalizationDestinations: true };
    for (const [id, propertyToken] of [["shop", "p-shop"], ["blog", "p-blog"], ["free"]] as const) {
      await gateway.graphql(`mutation($d:JSONObject!){saveDatastream(definition:$d)}`, {
        d: { id, services: { platform, target: { enabled: true, ...(propertyToken && { propertyToken }) } } },
      });
    }
    gold = (
      await gateway.graphql<{ createAudience: { id: string } }>(
        `mutation($a:CreateAudienceInput!){createAudience(input:$a){id}}`,
        { a: { name: "gold", expression: { value: 'loyalty.tier.equals("gold", false)' } } },
      )
    ).createAudience.id;
    await connect("shop", "Shop", true);
    await connect("blog", undefined, false);
    await connect("none", "App", true);
    await activity(1, undefined, everyone);
    await activity(2, "Shop", everyone);
    await activity(3, "App", everyone);
    await activity(4, "Shop", { kind: "any", audiences: [gold] });
    await activity(5, "App", { kind: "any", audiences: [gold] });
    await gateway.ingest("records", "crm", [
      {
        identityMap: { CRMID: [{ id: "ada", primary: true }], ECID: [{ id: ADA }] },
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

  const sdk = (options: object = {}): TargetClient.TargetClientInstance => targetClient(domain, options);
  const offered = async (client: TargetClient.TargetClientInstance, name: string, token?: string) => {
    const { response } = await client.getOffers({
      sessionId: "s",
      request: {
        context,
        id: { marketingCloudVisitorId: ADA },
        ...(token !== undefined && { property: { token } }),
        execute: { mboxes: [{ index: 0, name }] },
      },
    });
    return response.execute?.mboxes?.[0]?.options?.[0]?.content;
  };
  const browsed = async (datastream: string, scope = "hero", xdm: object = {}): Promise<unknown> => {
    const path = `/ee/v1/interact?configId=${datastream}`;
    const personalization = { decisionScopes: [scope] };
    const answer = await new Conversation(edgeUrl, true).send({
      recorded: "first-interact",
      path,
      body: { events: [{ xdm, query: { personalization } }] },
    });
    const handles = (isObject(answer.body) ? answer.body["handle"] : []) as readonly {
      readonly type: string;
      readonly payload: readonly {
        readonly items?: readonly { readonly data: { readonly content: unknown } }[];
      }[];
    }[];
    return handles
      .filter(({ type }) => type === "personalization:decisions")
      .flatMap(({ payload }) => payload.map(({ items }) => items?.[0]?.data.content));
  };

  it("a page is served from the workspace of its datastream's connection", async () => {
    expect(await browsed("shop")).toEqual(["Shop"]);
    expect(await browsed("blog")).toEqual(["default"]);
  });

  it("a datastream without a connection is served from that of connections without a datastream", async () => {
    expect(await browsed("free")).toEqual(["App"]);
  });

  it("a page knows the audiences that its connection maps; without a datastream, those the hub shared", async () => {
    const xdm = {
      identityMap: { CRMID: [{ id: "ada", primary: true, authenticatedState: "authenticated" }] },
    };
    expect(await browsed("shop", "gold", xdm)).toEqual(["Shop"]);
    expect(await browsed("free", "gold", xdm)).toEqual(["App"]);
    expect(await browsed("blog", "gold", xdm)).toEqual([]);
    expect(await browsed("shop", "gold")).toEqual([]);
  });

  it("a call of the Delivery API is served from the workspace that its property leads to", async () => {
    const client = sdk();
    expect(await offered(client, "hero", "p-shop")).toBe("Shop");
    expect(await offered(client, "hero", "p-blog")).toBe("default");
    expect([await offered(client, "hero"), await offered(client, "hero", "p-other")]).toEqual(["App", "App"]);
  });

  it("an activity knows the audiences that its own workspace maps", async () => {
    const client = sdk();
    expect(await offered(client, "gold", "p-shop")).toBe("Shop");
    expect(await offered(client, "gold")).toBe("App");
    expect(await offered(client, "gold", "p-blog")).toBeUndefined();
  });

  it("decides on the device by the artifact of the property", async () => {
    const at = async (path: string): Promise<unknown> => {
      let ready = (): void => undefined;
      const readiness = new Promise<void>((resolve) => (ready = resolve));
      const [, , , property] = path.split("/");
      const client = sdk({
        decisioningMethod: "on-device",
        artifactLocation: `${edgeUrl}/${path}`,
        pollingInterval: 0,
        telemetryEnabled: false,
        ...(property !== "rules.json" && { propertyToken: property }),
        events: { clientReady: () => ready() },
      });
      await readiness;
      return offered(client, "hero");
    };
    expect(await at("tessera/production/v1/p-shop/rules.json")).toBe("Shop");
    expect(await at("tessera/production/v1/p-blog/rules.json")).toBe("default");
  });
});
