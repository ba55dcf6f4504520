import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Conversation } from "./conversation.ts";
import { TOKEN } from "./definitions.ts";
import { freePort, type RealGateway, startEdgeProcess, startRealGateway } from "./real-gateway.ts";
import { startStandInHub } from "./stand-in-hub.ts";
import { login, seen, type Seen } from "./visits.ts";

const VIEWED = `CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("web.webpagedetails.pageViews", false)) WHEN(<= 24 hours before now)])`;

describe("the edge with the real gateway", () => {
  let gateway: RealGateway;
  let edgeUrl: string;
  let stopEdge: () => Promise<void>;
  let folder: string;
  const audiences: Record<string, string> = {};
  beforeAll(async () => {
    const [gatewayPort, edgePort] = [await freePort(), await freePort()];
    edgeUrl = `http://127.0.0.1:${edgePort}`;
    folder = await mkdtemp(join(tmpdir(), "edge-gateway-"));
    gateway = await startRealGateway(gatewayPort, edgeUrl);
    const edge = await startEdgeProcess({
      EDGE_PORT: String(edgePort),
      TESSERA_HUB_URL: gateway.url,
      TESSERA_ADMIN_TOKEN: TOKEN,
      TESSERA_EDGE_DATA: folder,
      TESSERA_EDGE_LOOKUP_MS: "1000",
    });
    stopEdge = edge.stop;
    for (const [name, value, evaluation] of [
      ["viewed", VIEWED, "edge"],
      ["gold", 'loyalty.tier.equals("gold", false)', "streaming"],
      ["gold-viewing", `loyalty.tier.equals("gold", false) and ${VIEWED}`, "edge"],
    ] as const) {
      const input = { name, evaluation, expression: { value } };
      const { createAudience } = await gateway.graphql<{ createAudience: { id: string } }>(
        `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
        { i: input },
      );
      audiences[createAudience.id] = name;
    }
    const { createDestination } = await gateway.graphql<{ createDestination: { id: string } }>(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: "Shop", type: "custom-personalization", settings: { integrationAlias: "shop" } } },
    );
    await gateway.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: { destinationId: createDestination.id, audienceIds: Object.keys(audiences) },
    });
    await gateway.graphql(`mutation($d:JSONObject!){saveActivity(definition:$d)}`, {
      d: {
        id: "1",
        name: "Hero",
        type: "xt",
        experiences: [
          {
            id: 0,
            name: "All",
            offers: [
              { location: { kind: "mbox", name: "hero" }, offer: { kind: "html", content: "Welcome" } },
            ],
          },
        ],
      },
    });
  }, 120_000);
  afterAll(async () => {
    await stopEdge?.();
    await gateway?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  let requests = 0;
  const visit = async (visitor: Conversation, eventType: string, more: object = {}): Promise<Seen> => {
    const requestId = `30000000-0000-4000-8000-${String(++requests).padStart(12, "0")}`;
    const path = `/ee/v1/interact?configId=default&requestId=${requestId}`;
    const body = { events: [{ xdm: { eventType, timestamp: "$now", ...more } }] };
    return seen(await visitor.send({ recorded: "later-interact", path, body }));
  };
  const names = ({ segments }: Seen): readonly string[] =>
    segments.map((id) => audiences[id] ?? id).sort((a, b) => (a < b ? -1 : 1));

  it("works by what was defined through GraphQL, live", async ({ annotate }) => {
    const visitor = new Conversation(edgeUrl, true);
    await expect
      .poll(async () => names(await visit(visitor, "web.webpagedetails.pageViews")), { timeout: 5000 })
      .toEqual(["viewed"]);
    const answer = await visitor.send({
      recorded: "first-interact",
      path: "/ee/v1/interact?configId=default",
    });
    expect(answer.text).toContain("Welcome");
    const { createAudience } = await gateway.graphql<{ createAudience: { id: string } }>(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      { i: { name: "new", evaluation: "edge", expression: { value: VIEWED.replace("pageViews", "new") } } },
    );
    const [destination] = (await gateway.graphql<{ destinations: { id: string }[] }>(`{destinations{id}}`))
      .destinations;
    audiences[createAudience.id] = "new";
    await gateway.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
      i: { destinationId: destination?.id, audienceIds: [createAudience.id] },
    });
    const saved = performance.now();
    await expect
      .poll(async () => names(await visit(visitor, "web.webpagedetails.new")), {
        timeout: 5000,
        interval: 20,
      })
      .toContain("new");
    await annotate(
      `an audience was in force ${(performance.now() - saved).toFixed(0)} ms after it was saved`,
    );
  });

  it("has pages keep cookies and call addresses as destinations say", async () => {
    const [viewed] = Object.entries(audiences).find(([, name]) => name === "viewed") ?? [];
    const settings = {
      cookie: { cookieName: "aud", ttlDays: 7 },
      url: { url: "https://partner.test/pixel" },
    };
    const ids: Record<string, string> = {};
    for (const [type, set] of Object.entries(settings)) {
      const { createDestination } = await gateway.graphql<{ createDestination: { id: string } }>(
        `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
        { i: { name: `By ${type}`, type, settings: set } },
      );
      ids[type] = createDestination.id;
      await gateway.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`, {
        i: { destinationId: createDestination.id, audienceIds: [viewed] },
      });
    }
    // A visitor of each try: an address is called once in its time.
    const pushes = async (): Promise<readonly unknown[]> =>
      pushesOf(await visit(new Conversation(edgeUrl, true), "web.webpagedetails.pageViews"));
    await expect.poll(pushes, { timeout: 5000 }).toEqual([
      { type: "cookie", spec: { name: "aud", value: `seg=${viewed}`, domain: "", ttlDays: 7 } },
      {
        type: "url",
        id: ids["url"],
        spec: { url: "https://partner.test/pixel", hideReferrer: true, ttlMinutes: 1440 },
      },
    ]);
  });

  it("hands events to the hub, once", async () => {
    const visitor = new Conversation(edgeUrl, true);
    const { ecid } = await visit(visitor, "web.webpagedetails.pageViews");
    await visit(visitor, "second");
    const ask = async (): Promise<number | undefined> => {
      const query = `query($i:IdentityInput!){profile(identity:$i){eventCount}}`;
      const answer = await gateway.graphql<{ profile: { eventCount: number } | null }>(query, {
        i: { namespace: "ECID", id: ecid },
      });
      return answer.profile?.eventCount;
    };
    await expect.poll(ask, { timeout: 10_000 }).toBe(2);
  });

  it("knows a person of the hub on the first hit, and what changes about them without being asked", async () => {
    const record = (tier: string): object => ({
      identityMap: { CRMID: [{ id: "ada", primary: true }] },
      loyalty: { tier },
    });
    await gateway.ingest("records", "crm", [record("gold")]);
    const visitor = new Conversation(edgeUrl, true);
    const known = await visit(visitor, "web.webpagedetails.pageViews", login("ada", true));
    expect(names(known)).toEqual(["gold", "gold-viewing", "viewed"]);
    await gateway.ingest("records", "crm", [record("silver")]);
    await expect
      .poll(async () => names(await visit(visitor, "other", login("ada", true))), { timeout: 10_000 })
      .toEqual(["viewed"]);
  });

  it("has a login that links a browser to a known person on a following hit", async () => {
    await gateway.ingest("records", "crm", [
      { identityMap: { CRMID: [{ id: "bob", primary: true }] }, loyalty: { tier: "gold" } },
    ]);
    const visitor = new Conversation(edgeUrl, true);
    expect(names(await visit(visitor, "web.webpagedetails.pageViews"))).toEqual(["viewed"]);
    await visit(visitor, "login", login("bob", false));
    await expect
      .poll(async () => names(await visit(visitor, "other")), { timeout: 10_000 })
      .toEqual(["gold", "gold-viewing", "viewed"]);
  });

  it("refuses an edge that does not prove itself", async () => {
    const stranger = await fetch(`${gateway.url}/edge/snapshot`, { headers: { authorization: "Bearer no" } });
    expect(stranger.status).toBe(401);
    const nobody = await fetch(`${gateway.url}/edge/lookup`, { method: "POST", body: "{}" });
    expect(nobody.status).toBe(401);
  });
});

function pushesOf({ answer }: Seen): readonly unknown[] {
  const { handle } = answer.body as {
    readonly handle: { readonly type: string; readonly payload: unknown[] }[];
  };
  const pushes = handle.flatMap(({ type, payload }) => (type === "activation:push" ? payload : []));
  // Destinations come in the order of their ids, which are random.
  return pushes.map((push) => push as { type: string }).sort((a, b) => (a.type < b.type ? -1 : 1));
}

describe("the edge as a process", () => {
  it("loses no acknowledged event when it is killed while the hub is away", async () => {
    const folder = await mkdtemp(join(tmpdir(), "edge-killed-"));
    const hub = await startStandInHub();
    const port = await freePort();
    const environment = {
      EDGE_PORT: String(port),
      TESSERA_HUB_URL: hub.url,
      TESSERA_EDGE_TOKEN: TOKEN,
      TESSERA_EDGE_DATA: folder,
    };
    let edge = await startEdgeProcess(environment);
    onTestFinished(async () => {
      await edge.stop();
      await hub.close();
      await rm(folder, { recursive: true, force: true });
    });
    const visitor = new Conversation(`http://127.0.0.1:${port}`, true);
    const send = async (eventType: string): Promise<number> =>
      (
        await visitor.send({
          recorded: "later-interact",
          path: "/ee/v1/interact?configId=main",
          body: { events: [{ xdm: { eventType, timestamp: "$now" } }] },
        })
      ).status;
    await expect.poll(() => send("warm-up"), { timeout: 10_000 }).toBe(200);
    hub.isDown = true;
    const sent = Array.from({ length: 25 }, (_, index) => `event-${index}`);
    for (const eventType of sent) expect(await send(eventType)).toBe(200);
    await edge.kill();
    hub.isDown = false;
    edge = await startEdgeProcess(environment);
    const arrived = (): readonly string[] => [
      ...new Map(hub.received.map(({ body }) => [body._id, String(body["eventType"])])).values(),
    ];
    await expect
      .poll(() => arrived().filter((type) => type !== "warm-up"), { timeout: 15_000 })
      .toEqual(sent);
  });

  it("says what it needs when it has no token", async () => {
    await expect(startEdgeProcess({ TESSERA_EDGE_TOKEN: "", TESSERA_ADMIN_TOKEN: "" })).rejects.toThrow(
      "ended with 1",
    );
  });
});
