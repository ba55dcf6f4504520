import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Conversation } from "./conversation.ts";
import { COOKIE, ORG, SNAPSHOT } from "./definitions.ts";
import { type RunningEdge, RUNTIMES } from "./runtimes.ts";
import { type StandInHub, startStandInHub } from "./stand-in-hub.ts";
import { login, seen, Visitor } from "./visits.ts";

const VICTIM = "99999999999999999999999999999999999999";
const SECRET = "a-secret-of-enough-length-for-tests";

/** An identity cookie as anyone can write it: field 1 is the ECID. */
const cookieOf = (ecid: string): string =>
  Buffer.from(`\n${String.fromCharCode(ecid.length)}${ecid}`, "latin1").toString("base64url");

const HOSTILE_COOKIES: readonly (readonly [name: string, value: string])[] = [
  ["nothing", ""],
  ["no base64", "!!!%%%"],
  ["text", "hello"],
  ["an ECID of letters", cookieOf("a".repeat(38))],
  ["an ECID that is too short", cookieOf("123")],
  ["a length beyond its end", Buffer.from("\n\x7f123", "latin1").toString("base64url")],
  ["an endless number", "_".repeat(100)],
  ["ten thousand characters", "A".repeat(10_000)],
  ["a script", "<script>alert(1)</script>"],
  ["a header line", "x%0d%0aset-cookie:%20a=b"],
];

describe.each(RUNTIMES)("abuse of the edge on %s", (_, start) => {
  let hub: StandInHub;
  let edge: RunningEdge;
  let signing: RunningEdge;
  beforeAll(async () => {
    hub = await startStandInHub();
    [edge, signing] = await Promise.all([
      start({ hubUrl: hub.url, lookupBudgetMs: 2000 }),
      start({ hubUrl: hub.url, lookupBudgetMs: 2000, cookieSecret: SECRET }),
    ]);
  }, 60_000);
  afterAll(async () => {
    await edge.stop();
    await signing.stop();
    await hub.close();
  });
  const withCookie = (url: string, value: string, more: object = {}): ReturnType<Visitor["hit"]> => {
    const visitor = new Visitor(url);
    if (value !== "") visitor.conversation.jar.set(`${COOKIE}identity`, value);
    return visitor.hit("a", more);
  };

  it.each(HOSTILE_COOKIES)("a cookie of %s gives a new identity and a warning", async (name, value) => {
    const visit = await withCookie(edge.url, value);
    expect(visit).toMatchObject({ status: 200, ecid: expect.stringMatching(/^\d{38}$/), segments: [] });
    expect(visit.warnings).toEqual(name === "nothing" ? [] : ["EXEG-0308-200"]);
    expect(JSON.stringify(visit.answer.headers)).not.toContain("<script>");
  });

  it("signed cookies: only what this edge signed for this organisation counts", async () => {
    const visitor = new Visitor(signing.url);
    const { ecid } = await visitor.hit("web.webpagedetails.pageViews");
    const genuine = visitor.conversation.jar.get(`${COOKIE}identity`) ?? "";
    expect(await withCookie(signing.url, genuine)).toMatchObject({ ecid, segments: ["viewed-today"] });
    const bytes = Buffer.from(genuine, "base64url");
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    const last = Buffer.from(genuine, "base64url");
    last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
    for (const forged of [
      cookieOf(String(ecid)),
      bytes.toString("base64url"),
      last.toString("base64url"),
      genuine.slice(0, -4),
    ]) {
      const visit = await withCookie(signing.url, forged);
      expect(visit).toMatchObject({ status: 200, segments: [], warnings: ["EXEG-0308-200"] });
      expect(visit.ecid).not.toBe(ecid);
    }
    const named = await withCookie(signing.url, "", { identityMap: { ECID: [{ id: ecid }] } });
    expect(named.status).toBe(400);
    expect(named.answer.body).toMatchObject({ type: "https://ns.adobe.com/aep/errors/EXEG-0304-400" });
    const server = await new Visitor(signing.url).hit(
      "a",
      { identityMap: { ECID: [{ id: ecid }] } },
      { headers: { authorization: "Bearer server-token" } },
    );
    expect(server).toMatchObject({ status: 200, ecid, segments: ["viewed-today"] });
  });

  it("cookies of another organisation do not count", async () => {
    const visitor = new Conversation(edge.url, true);
    visitor.jar.set("kndctr_FFFFFFFFFFFFFFFFFFFFFFFF_AdobeOrg_identity", cookieOf(VICTIM));
    const visit = seen(await visitor.send({ recorded: "first-interact" }));
    expect(visit.ecid).not.toBe(VICTIM);
    expect(visit.warnings).toEqual([]);
  });

  it("a request sent again counts once, and nobody takes another's place with its id", async () => {
    const path =
      "/ee/v1/interact?configId=main&requestId=20000000-0000-4000-8000-00000000000" + Number(_ === "Node");
    const visitor = new Visitor(edge.url);
    await visitor.hit("first");
    const before = hub.received.length;
    const first = await visitor.hit("again", {}, { path });
    await visitor.hit("again", {}, { path });
    const other = new Visitor(edge.url);
    await other.hit("first");
    await other.hit("again", {}, { path });
    const again = (): readonly { readonly id: unknown; readonly ecid: unknown }[] =>
      hub.received
        .slice(before)
        .filter(({ body }) => body["eventType"] === "again")
        .map(({ body }) => ({
          id: body._id,
          ecid: (body["identityMap"] as { ECID: { id: string }[] }).ECID[0]?.id,
        }));
    await expect.poll(() => again().length).toBe(3);
    const ids = (mine: boolean): ReadonlySet<unknown> =>
      new Set(
        again()
          .filter(({ ecid }) => (ecid === first.ecid) === mine)
          .map(({ id }) => id),
      );
    expect(ids(true).size).toBe(1);
    expect(ids(false).size).toBe(1);
    expect([...ids(true)]).not.toEqual([...ids(false)]);
  });

  it("visitors at the same time never see each other", async () => {
    const visitors = Array.from({ length: 40 }, (_item, index) => ({
      visitor: new Visitor(edge.url),
      does: ["web.webpagedetails.pageViews", "commerce.purchases", "nothing"][index % 3] ?? "",
      isGold: index % 5 === 0,
    }));
    const rounds = [0, 1, 2].map(() => new Set<string>());
    for (const round of rounds) {
      await Promise.all(
        visitors.map(async ({ visitor, does, isGold }) => {
          const visit = await visitor.hit(does, isGold ? login("gold-1", true) : {});
          round.add(`${visit.ecid}`);
          expect(visit.segments.includes("gold")).toBe(isGold);
          if (!isGold) {
            const own: Record<string, string[]> = {
              "web.webpagedetails.pageViews": ["viewed-today"],
              "commerce.purchases": ["bought-today"],
            };
            expect(visit.segments).toEqual(own[does] ?? []);
          }
        }),
      );
    }
    expect(rounds[0]?.size).toBe(visitors.length);
    expect(rounds[2]).toEqual(rounds[0]);
  });

  it("whatever comes, the answer is one of the documented ones", async () => {
    const words = ["events", "event", "xdm", "identityMap", "ECID", "id", "primary", "query", "meta"];
    const more = ["state", "entries", "key", "value", "consent", "standard", "personalization"];
    const names = fc.constantFrom(...words, ...more, `${COOKIE}identity`);
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(null, true, 1, -1, "", "x", VICTIM, ORG, "2026-02-31T00:00:00Z"),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(names, tie("value"), { maxKeys: 5 }),
      ),
    })).value;
    const paths = [
      "/ee/v1/interact?configId=main",
      "/ee/v2/interact?datastreamId=main",
      "/ee/v1/collect?configId=main",
      "/ee/v2/collect?datastreamId=main",
      "/ee/v1/privacy/set-consent?configId=main",
      "/ee/v1/identity/acquire?configId=main",
      "/rest/v1/delivery?client=shop&sessionId=s",
      "/event?d_rtbd=json",
    ];
    const expected = new Set([200, 202, 204, 207, 400, 401, 408, 413, 415, 422]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), json, async (path, body) => {
        const answer = await new Conversation(edge.url, false).send({ path, body: body ?? "null" });
        if (!expected.has(answer.status)) throw new Error(`${answer.status} ${answer.text}`);
        if (answer.status >= 400 && path.startsWith("/ee/")) {
          const { type } = answer.body as { readonly type: string };
          if (!/EXEG-\d{4}-\d{3}$/.test(type)) throw new Error(answer.text);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("a definition that is broken costs only itself", async () => {
    onTestFinished(() => void hub.publish(SNAPSHOT));
    const broken = { id: "broken", evaluation: "edge", version: 1 };
    const audiences = SNAPSHOT["audiences"] as readonly object[];
    hub.publish({
      ...SNAPSHOT,
      audiences: [
        { ...broken, expression: { type: "PQL", format: "pql/text", value: "this is ( no PQL" } },
        ...audiences,
      ] as never,
      activities: [{ id: "x" }, ...(SNAPSHOT["activities"] as readonly never[])],
      audienceManager: { traits: "none" },
      targetClient: "shop-again",
    });
    const delivery = {
      path: "/rest/v1/delivery?client=shop-again&sessionId=s",
      body: { context: { channel: "web" }, execute: { mboxes: [{ index: 0, name: "hero" }] } },
    };
    const conversation = new Conversation(edge.url, false);
    await expect.poll(async () => (await conversation.send(delivery)).status, { timeout: 5000 }).toBe(200);
    const visit = await new Visitor(edge.url).hit("web.webpagedetails.pageViews");
    expect(visit.segments).toEqual(["viewed-today"]);
    expect(
      (await conversation.send({ method: "GET", path: "/id?d_rtbd=json", headers: { host: "a.b" } })).body,
    ).toMatchObject({ d_mid: expect.stringMatching(/^\d{38}$/) });
  });
});
