import { createMemoryStore } from "@tessera/profile-store";
import type { MembershipChange } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-02-01T00:00:00Z");

interface Scene {
  readonly hub: Hub;
  readonly changes: MembershipChange[];
  /** Moves the clock and lets the timers run until nothing is due. */
  readonly pass: (ms: number) => Promise<void>;
  /** Moves the clock alone. */
  readonly wait: (ms: number) => void;
}

async function openScene(): Promise<Scene> {
  let now = START;
  let ids = 0;
  const changes: MembershipChange[] = [];
  const hub = await createHub({
    store: createMemoryStore(),
    clock: () => now,
    newId: () => `id-${(ids += 1)}`,
    onMemberships: (told) => changes.push(...told),
  });
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    while ((await hub.runTimers()) > 0);
  };
  return { hub, changes, pass, wait: (ms) => void (now += ms) };
}

const pql = (value: string) => ({ type: "PQL", format: "pql/text", value }) as const;
const ada = { namespace: "CRMID", id: "ada" };
const buy = (id: string, at: number) => ({
  _id: id,
  timestamp: new Date(at).toISOString(),
  eventType: "buy",
  identityMap: { CRMID: [{ id: "ada" }] },
});

async function makeAudience(hub: Hub, name: string, value: string, more: object = {}): Promise<string> {
  const made = await hub.createAudience({ name, expression: pql(value), ...more });
  if (!made.ok) throw new Error(made.error.map((issue) => issue.message).join("; "));
  return made.value.id;
}

describe("audiences", () => {
  it("a person enters with the event and leaves on the minute the window lapses", async () => {
    const { hub, changes, pass } = await openScene();
    const id = await makeAudience(
      hub,
      "Buyers of the day",
      'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<= 1 days before now)])',
    );
    await hub.ingestEvents("web", [buy("1", START)]);
    expect((await hub.audience(id))?.count).toBe(1);
    await pass(DAY - 1);
    expect((await hub.audience(id))?.count).toBe(1);
    await pass(2);
    expect((await hub.audience(id))?.count).toBe(0);
    expect(changes.map(({ from, to }) => `${from} -> ${to}`)).toEqual([
      "none -> realized",
      "realized -> exited",
    ]);
    const left = Date.parse(changes[1]?.at ?? "");
    expect(left - START).toBeGreaterThanOrEqual(DAY);
    expect(left - START).toBeLessThanOrEqual(DAY + 1);
  });

  it("downtime is caught up in order, with the times at which things happened", async () => {
    const { hub, changes, pass } = await openScene();
    await makeAudience(
      hub,
      "Hour",
      'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<= 1 hours before now)])',
    );
    await makeAudience(
      hub,
      "Day",
      'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<= 1 days before now)])',
    );
    await hub.ingestEvents("web", [buy("1", START)]);
    await pass(10 * DAY);
    const exits = changes.filter(({ to }) => to === "exited").map(({ at }) => Date.parse(at) - START);
    expect(exits.map((ms) => Math.floor(ms / 3_600_000))).toEqual([1, 24]);
  });

  it("wakes those whose window lapses and nobody else, the earliest first, and lets events pass between", async () => {
    const { hub, changes, pass, wait } = await openScene();
    await makeAudience(
      hub,
      "Hour",
      'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<= 1 hours before now)])',
    );
    const of = (n: number, at: number) => ({
      ...buy(`e${n}`, at),
      identityMap: { CRMID: [{ id: `p${n}` }] },
    });
    // Ten persons, a minute apart, in no order.
    await hub.ingestEvents(
      "web",
      [7, 2, 9, 0, 4, 1, 8, 3, 6, 5].map((n) => of(n, START + n * 60_000 - 3_600_000)),
    );
    changes.length = 0;
    await pass(5 * 60_000);
    // Five windows lapsed (a window holds to its very end); nobody is due any more.
    expect(changes.map(({ at }) => Date.parse(at))).toEqual(
      [0, 1, 2, 3, 4].map((n) => START + n * 60_000 + 1),
    );
    expect(await hub.runTimers()).toBe(0);
    changes.length = 0;
    // After a downtime, two at a time: in order, and what comes in meanwhile does not wait for all of them.
    wait(60 * 60_000);
    const order: string[] = [];
    const sent = hub.ingestEvents("web", [of(20, START + 6 * 60_000)]).then(() => order.push("event"));
    for (let woken = await hub.runTimers(2); woken > 0; woken = await hub.runTimers(2))
      order.push(`${woken}`);
    await sent;
    expect(order).toEqual(["event", "2", "2", "1"]);
    const exits = changes.filter(({ to }) => to === "exited").map(({ at }) => Date.parse(at));
    expect(exits).toEqual([5, 6, 7, 8, 9].map((n) => START + n * 60_000 + 1));
  });

  it("exits are forgotten after 30 days", async () => {
    const { hub, pass } = await openScene();
    await makeAudience(
      hub,
      "Hour",
      'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "buy") WHEN(<= 1 hours before now)])',
    );
    await hub.ingestEvents("web", [buy("1", START)]);
    await pass(29 * DAY);
    expect(Object.values((await hub.profile(ada))?.segmentMembership["ups"] ?? {})).toMatchObject([
      { status: "exited" },
    ]);
    await pass(2 * DAY);
    expect((await hub.profile(ada))?.segmentMembership).toEqual({});
  });

  it("a new audience is answered for those who are there already, batch ones when a job runs", async () => {
    const { hub } = await openScene();
    await hub.ingestEvents("web", [buy("1", START)]);
    const streaming = await makeAudience(hub, "Streaming", 'xEvent.exists(eventType = "buy")', {
      evaluation: "streaming",
    });
    const batch = await makeAudience(hub, "Batch", 'xEvent.exists(eventType = "buy")', {
      evaluation: "batch",
    });
    expect((await hub.audience(batch))?.count).toBe(0);
    const evaluated = await hub.evaluateAudiences([streaming, batch]);
    expect(evaluated.ok && evaluated.value.map(({ name, count }) => [name, count])).toEqual([
      ["Streaming", 1],
      ["Batch", 1],
    ]);
  });

  it("explains a membership now and as of a past time", async () => {
    const { hub } = await openScene();
    const id = await makeAudience(hub, "Buyers", 'xEvent.exists(eventType = "buy")');
    await hub.ingestEvents("web", [buy("1", START - DAY)]);
    const now = await hub.explainMembership(id, ada);
    expect(now.ok && now.value.member).toBe(true);
    const before = await hub.explainMembership(id, ada, new Date(START - 2 * DAY).toISOString());
    expect(before.ok).toBe(false);
    expect((await hub.profile(ada, { asOf: new Date(START - DAY / 2).toISOString() }))?.eventCount).toBe(1);
  });

  it("refuses what cannot be saved, all reasons at once", async () => {
    const { hub } = await openScene();
    await makeAudience(hub, "Taken", 'homeAddress.country = "DE"');
    const refused = await hub.createAudience({ name: "Taken", expression: pql("homeAddress.country = ") });
    expect(refused.ok).toBe(false);
    expect(!refused.ok && refused.error.map(({ code }) => code)).toEqual([
      "audience.name.taken",
      "pql.syntax",
    ]);
    const edge = await hub.createAudience({
      name: "E",
      expression: pql('inSegment("nobody")'),
      evaluation: "edge",
    });
    expect(!edge.ok && edge.error.map(({ code }) => code)).toEqual(["pql.audience"]);
  });

  it("members leave an audience that is switched off", async () => {
    const { hub, changes } = await openScene();
    const id = await makeAudience(hub, "Buyers", 'xEvent.exists(eventType = "buy")');
    await hub.ingestEvents("web", [buy("1", START)]);
    expect((await hub.audience(id))?.count).toBe(1);
    await hub.setAudienceStatus(id, "inactive");
    expect((await hub.audience(id))?.count).toBe(0);
    expect(changes.at(-1)).toMatchObject({ audienceId: id, from: "realized", to: "exited" });
  });

  it("guards the lifecycle: dependents, steps, versions", async () => {
    const { hub } = await openScene();
    const base = await makeAudience(hub, "Base", 'homeAddress.country = "DE"');
    const child = await makeAudience(hub, "Child", `inSegment("${base}")`);
    const refused = await hub.setAudienceStatus(base, "inactive");
    expect(!refused.ok && refused.error[0]?.code).toBe("audience.dependents");
    expect((await hub.setAudienceStatus(child, "inactive")).ok).toBe(true);
    expect((await hub.setAudienceStatus(base, "inactive")).ok).toBe(true);
    const again = await hub.setAudienceStatus(base, "draft");
    expect(!again.ok && again.error[0]?.code).toBe("audience.status");
    const edited = await hub.updateAudience(base, {
      name: "Base",
      expression: pql('homeAddress.country = "FR"'),
    });
    expect(edited.ok && edited.value.version).toBe(2);
  });
});
