import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { Conversation } from "./conversation.ts";
import { SNAPSHOT, TOKEN } from "./definitions.ts";
import { type RunningEdge, RUNTIMES } from "./runtimes.ts";
import { type StandInHub, startStandInHub } from "./stand-in-hub.ts";
import { login, serverHit, Visitor } from "./visits.ts";

const DAY = 24 * 3600 * 1000;

describe.each(RUNTIMES)("the edge on %s and its hub", (_, start) => {
  let hub: StandInHub;
  let edge: RunningEdge;
  beforeAll(async () => {
    hub = await startStandInHub();
    edge = await start({ hubUrl: hub.url, lookupBudgetMs: 250 });
  }, 60_000);
  beforeEach(() => {
    hub.lookupDelayMs = 0;
  });
  afterEach(() => edge.shiftClock(0));
  afterAll(async () => {
    await edge.stop();
    await hub.close();
  });

  it("asks on a miss, and has the history on the first hit when the answer is in time", async () => {
    const visitor = new Visitor(edge.url);
    // The first lookup of a process opens its connection.
    await visitor.hit("warm-up", login("somebody", true));
    const first = await visitor.hit("a", login("gold-1", true));
    expect(first.segments).toEqual(expect.arrayContaining(["gold", "batch-vip", "vip-page"]));
    expect(first.profile).toMatchObject({ source: "hub", lookup: "found", version: 7 });
  });

  it("answers without the history when the hub is late, and has it on the next page", async () => {
    const person = { ...hub.persons.get("CRMID:gold-1"), personId: "person-late" };
    hub.persons.set("CRMID:late", person);
    hub.lookupDelayMs = 800;
    const first = await serverHit(edge.url, "late", "a");
    expect(first).toMatchObject({ status: 200, segments: [], profile: { source: "edge", lookup: "late" } });
    const asked = hub.lookups("CRMID:late");
    await expect
      .poll(async () => (await serverHit(edge.url, "late", "b")).segments, { interval: 100 })
      .toContain("gold");
    expect(hub.lookups("CRMID:late"), "the late answer itself was used").toBe(asked);
  });

  it("keeps a profile for 14 days after the last activity, and asks the hub again after", async () => {
    const person = { ...hub.persons.get("CRMID:gold-1"), personId: "person-kept" };
    hub.persons.set("CRMID:kept", person);
    const hit = (): ReturnType<typeof serverHit> => serverHit(edge.url, "kept", "a");
    await hit();
    await expect.poll(async () => (await hit()).profile).toMatchObject({ lookup: "found" });
    const asked = hub.lookups("CRMID:kept");
    // From here on the hub is too late for every page: what is answered was held.
    hub.lookupDelayMs = 800;
    await edge.shiftClock(13 * DAY);
    expect((await hit()).segments).toContain("gold");
    await edge.shiftClock(27 * DAY - 60_000);
    expect((await hit()).segments).toContain("gold");
    expect(hub.lookups("CRMID:kept"), "it was there").toBeGreaterThan(asked);
    hub.persons.set("CRMID:kept", { ...person, version: 9, attributes: {}, segmentMembership: {} });
    await edge.shiftClock(41 * DAY);
    const gone = await hit();
    expect(gone, "nothing is left").toMatchObject({
      segments: [],
      profile: { source: "edge", lookup: "late" },
    });
  });

  it("has a login that stitches to a known person on the next hit", async () => {
    const visitor = new Visitor(edge.url);
    const { ecid } = await visitor.hit("web.webpagedetails.pageViews");
    await expect
      .poll(() => hub.received.some(({ body }) => JSON.stringify(body["identityMap"]).includes(String(ecid))))
      .toBe(true);
    // What the hub does with the login: it links, and from then on knows the device as the person's.
    const known = { ...hub.persons.get("CRMID:gold-1"), version: 8 };
    hub.persons.set(`ECID:${ecid}`, known);
    const { segments } = await visitor.hit("login", login("gold-1", false));
    expect(segments).toEqual(["viewed-today"]);
    const next = await visitor.hit("next");
    expect(next.segments).toEqual(expect.arrayContaining(["viewed-today", "gold", "gold-viewing"]));
  });

  it("goes on asking what became of a login until the hub has linked it", async () => {
    const visitor = new Visitor(edge.url);
    const { ecid } = await visitor.hit("web.webpagedetails.pageViews");
    const person = { ...hub.persons.get("CRMID:gold-1"), personId: "person-slow" };
    const device = { namespace: "ECID", id: String(ecid) };
    // Busy, the hub knows the device already, but has not come to the login.
    hub.persons.set(`ECID:${ecid}`, { ...person, version: 1, identities: [device], segmentMembership: {} });
    await visitor.hit("login", login("slow", false));
    await visitor.hit("next");
    const { segments } = await visitor.hit("and another");
    expect(segments).not.toContain("batch-vip");
    const linked = [device, { namespace: "CRMID", id: "slow" }];
    hub.persons.set(`ECID:${ecid}`, { ...person, version: 2, identities: linked });
    // A question that was under way while the hub linked may still bring its old word.
    await expect.poll(async () => (await visitor.hit("linked")).segments).toContain("batch-vip");
    const asked = hub.lookups(`ECID:${ecid}`);
    await visitor.hit("later");
    expect(hub.lookups(`ECID:${ecid}`), "it was the last question").toBe(asked);
  });

  it("asks for an old word of the hub again, behind the page", async () => {
    const person = { ...hub.persons.get("CRMID:gold-1"), personId: "person-old" };
    hub.persons.set("CRMID:old", person);
    const hit = (): ReturnType<typeof serverHit> => serverHit(edge.url, "old", "a");
    await expect.poll(async () => (await hit()).segments).toContain("batch-vip");
    hub.persons.set("CRMID:old", { ...person, version: 8, segmentMembership: {} });
    await hit();
    expect((await hit()).segments).toContain("batch-vip");
    await edge.shiftClock(16 * 60_000);
    hub.lookupDelayMs = 800;
    expect((await hit()).segments, "the page did not wait").toContain("batch-vip");
    await expect.poll(async () => (await hit()).segments, { timeout: 5000 }).not.toContain("batch-vip");
  });

  it("takes projections of the hub, newest first and never an older one", async () => {
    const visitor = new Visitor(edge.url);
    const { ecid } = await visitor.hit("web.webpagedetails.pageViews");
    const project = async (
      version: number,
      status: string,
      { token = TOKEN, sandbox = "prod" } = {},
    ): Promise<number> => {
      const at = new Date().toISOString();
      const segmentMembership = { ups: { "batch-vip": { status, lastQualificationTime: at } } };
      const identities = [{ namespace: "ECID", id: ecid }];
      const projection = { personId: "p", version, identities, attributes: {}, segmentMembership, at };
      const response = await fetch(`${edge.url}/internal/projections`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "x-sandbox-name": sandbox,
        },
        body: JSON.stringify({ projections: [projection] }),
      });
      await response.arrayBuffer();
      return response.status;
    };
    await expect.poll(async () => (await visitor.hit("other")).profile["lookup"]).toBe("not-found");
    expect(await project(5, "realized", { token: "not the hub's" })).toBe(401);
    expect((await visitor.hit("other")).segments).toEqual(["viewed-today"]);
    expect(await project(5, "realized", { sandbox: "development" })).toBe(200);
    expect((await visitor.hit("other")).segments).toEqual(["viewed-today"]);
    expect(await project(5, "realized")).toBe(200);
    expect((await visitor.hit("other")).segments).toEqual(
      expect.arrayContaining(["viewed-today", "batch-vip", "vip-page"]),
    );
    expect(await project(4, "exited")).toBe(200);
    expect((await visitor.hit("other")).segments).toContain("batch-vip");
    expect(await project(6, "exited")).toBe(200);
    expect((await visitor.hit("other")).segments).not.toContain("batch-vip");
  });

  it("forgets a person who was erased on the hub", async () => {
    const visitor = new Visitor(edge.url);
    const { ecid } = await visitor.hit("web.webpagedetails.pageViews");
    expect((await visitor.hit("other")).segments).toEqual(["viewed-today"]);
    const erase = async (token: string): Promise<unknown> => {
      const response = await fetch(`${edge.url}/internal/projections`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ projections: [], erased: [{ namespace: "ECID", id: ecid }, "nobody"] }),
      });
      return response.ok ? response.json() : response.status;
    };
    expect(await erase("not the hub's")).toBe(401);
    expect((await visitor.hit("other")).segments).toEqual(["viewed-today"]);
    expect(await erase(TOKEN)).toEqual({ applied: 0, forgotten: 1 });
    expect(await erase(TOKEN)).toEqual({ applied: 0, forgotten: 0 });
    expect((await visitor.hit("other")).segments).toEqual([]);
  });

  it("works by changed definitions within a second", async ({ annotate }) => {
    onTestFinished(() => void hub.publish(SNAPSHOT));
    const visitor = new Visitor(edge.url);
    expect((await visitor.hit("newsletter")).segments).toEqual([]);
    const expression = {
      type: "PQL",
      format: "pql/text",
      value: `CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("newsletter", false)) WHEN(<= 24 hours before now)])`,
    };
    const audience = { id: "bought-today", evaluation: "edge", version: 2, expression };
    hub.publish({ ...SNAPSHOT, audiences: [audience] });
    const published = performance.now();
    await expect
      .poll(async () => (await visitor.hit("newsletter")).segments, { timeout: 5000, interval: 20 })
      .toEqual(["bought-today"]);
    const took = performance.now() - published;
    await annotate(`definitions in force after ${took.toFixed(0)} ms`);
    expect(took).toBeLessThan(2000);
  });

  it("is not ready while it cannot prove itself to the hub", async () => {
    const refused = hub.refused();
    const stranger = await start({ hubUrl: hub.url, token: "not-the-hubs-token" });
    onTestFinished(stranger.stop);
    const { status, answer } = await new Visitor(stranger.url).hit("a");
    expect(status).toBe(503);
    expect(answer.headers).toMatchObject({ "retry-after": "1" });
    expect(answer.body).toMatchObject({ type: "https://ns.adobe.com/aep/errors/EXEG-0000-503" });
    await expect.poll(() => hub.refused()).toBeGreaterThan(refused);
  });
});

describe.each(RUNTIMES)("a hub that does not answer at all, and the edge on %s", (_, start) => {
  it("costs pages nothing: they go on with what is held", async () => {
    const hub = await startStandInHub();
    const edge = await start({ hubUrl: hub.url });
    onTestFinished(async () => {
      await hub.close();
      await edge.stop();
    });
    const visitor = new Visitor(edge.url);
    expect((await visitor.hit("web.webpagedetails.pageViews")).segments).toEqual(["viewed-today"]);
    hub.isSilent = true;
    // Every isolate has to ask for definitions again, and a question to this hub ends after 10 s.
    await edge.shiftClock(60_000);
    const visits = [];
    for (const each of [visitor, new Visitor(edge.url), visitor, new Visitor(edge.url)])
      visits.push(await each.hit("web.webpagedetails.pageViews"));
    expect(visits.map(({ status, segments }) => ({ status, segments }))).toEqual(
      visits.map(() => ({ status: 200, segments: ["viewed-today"] })),
    );
  }, 9000);
});

describe.each(RUNTIMES)("events of the edge on %s", (_, start) => {
  it("reach the hub in order and once in effect through an outage, a restart and lost answers", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "edge-outage-"));
    const hub = await startStandInHub();
    let edge = await start({ hubUrl: hub.url, dataDir });
    onTestFinished(async () => {
      await edge.stop();
      await hub.close();
      await rm(dataDir, { recursive: true, force: true });
    });
    const visitors = [new Visitor(edge.url), new Visitor(edge.url), new Visitor(edge.url)];
    const sent = new Map<string, string[]>();
    const visit = async (round: string): Promise<void> => {
      for (const [index, visitor] of visitors.entries()) {
        const { status, ecid } = await visitor.hit(`${round}-${index}`);
        expect(status).toBe(200);
        sent.set(String(ecid), [...(sent.get(String(ecid)) ?? []), `${round}-${index}`]);
      }
    };
    const arrived = (): Map<string, string[]> => {
      const byVisitor = new Map<string, string[]>();
      const ids = new Set<string>();
      for (const { body } of hub.received) {
        const id = String(body._id);
        if (ids.has(id)) continue;
        ids.add(id);
        const [device] = (body["identityMap"] as { ECID: { id: string }[] }).ECID;
        const list = byVisitor.get(String(device?.id)) ?? [];
        byVisitor.set(String(device?.id), [...list, String(body["eventType"])]);
      }
      return byVisitor;
    };
    await visit("before");
    await expect.poll(arrived, { timeout: 10_000 }).toEqual(sent);
    hub.isDown = true;
    for (const round of ["down-1", "down-2", "down-3"]) await visit(round);
    const inEffect = [...arrived().values()].flat().length;
    expect(inEffect).toBe(3);
    const restart = async (): Promise<void> => {
      await edge.stop();
      edge = await start({ hubUrl: hub.url, dataDir });
      for (const visitor of visitors) visitor.conversation.moveTo(edge.url);
    };
    await restart();
    await visit("restarted");
    hub.isDown = false;
    await restart();
    // Nobody visits, and yet they leave.
    await expect.poll(arrived, { timeout: 20_000 }).toEqual(sent);
    hub.isDown = true;
    await visit("down-again");
    hub.losesAnswers = 2;
    hub.isDown = false;
    await visit("after");
    await expect.poll(arrived, { timeout: 20_000 }).toEqual(sent);
    await expect.poll(() => hub.received.length, { timeout: 20_000 }).toBeGreaterThan(3 * 7);
    expect(arrived(), "what was sent again changed nothing").toEqual(sent);
  });

  it("reach the hub in order, as many as one request can hold", async () => {
    const hub = await startStandInHub();
    const edge = await start({ hubUrl: hub.url });
    onTestFinished(async () => {
      await edge.stop();
      await hub.close();
    });
    const sent = Array.from({ length: 400 }, (_item, index) => `event-${index}`);
    const identityMap = { CRMID: [{ id: "busy", primary: true }] };
    const events = sent.map((eventType) => ({ xdm: { eventType, identityMap } }));
    const answer = await new Conversation(edge.url, true).send({
      path: "/ee/v2/collect?datastreamId=main",
      headers: { "content-type": "application/json" },
      body: { events },
    });
    expect(answer.status).toBe(202);
    await expect
      .poll(() => hub.received.map(({ body }) => body["eventType"]), { timeout: 10_000 })
      .toEqual(sent);
  });
});
