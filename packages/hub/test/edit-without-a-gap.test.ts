import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import type { MembershipChange } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-02-01T00:00:00Z");
const PERSONS = 250;

interface Scene {
  readonly hub: Hub;
  readonly changes: MembershipChange[];
  readonly pass: (ms: number) => void;
}

async function openScene(store: HubStore = createMemoryStore(), at = START): Promise<Scene> {
  let now = at;
  let ids = 0;
  const changes: MembershipChange[] = [];
  const hub = await createHub({
    store,
    clock: () => now,
    newId: () => `id-${(ids += 1)}`,
    onMemberships: (told) => changes.push(...told),
  });
  return { hub, changes, pass: (ms) => void (now += ms) };
}

const pql = (value: string) => ({ type: "PQL", format: "pql/text", value }) as const;
const person = (n: number) => ({ namespace: "CRMID", id: `p${n}` });
const buy = (n: number, at: number, amount: number) => ({
  _id: `e-${n}-${at}`,
  timestamp: new Date(at).toISOString(),
  eventType: "buy",
  amount,
  identityMap: { CRMID: [{ id: `p${n}` }] },
});

async function make(hub: Hub, value: string, evaluation: "batch" | "streaming"): Promise<string> {
  const made = await hub.createAudience({ name: "Buyers", expression: pql(value), evaluation });
  if (!made.ok) throw new Error(made.error.map((issue) => issue.message).join("; "));
  return made.value.id;
}

const statusOf = async (hub: Hub, n: number, id: string): Promise<string | undefined> =>
  (await hub.profile(person(n)))?.segmentMembership["ups"]?.[id]?.status;

/** Everybody bought for their own number; the first version takes the lower half, the second all from 100 on. */
const LOW = 'xEvent.exists(eventType = "buy" and amount < 125)';
const HIGH = 'xEvent.exists(eventType = "buy" and amount >= 100)';

describe.each(["streaming", "batch"] as const)("editing a published %s audience", (evaluation) => {
  const ready = async (): Promise<Scene & { readonly id: string; readonly store: HubStore }> => {
    const store = createMemoryStore();
    const scene = await openScene(store);
    const id = await make(scene.hub, LOW, evaluation);
    await scene.hub.ingestEvents(
      "web",
      Array.from({ length: PERSONS }, (_, n) => buy(n, START, n)),
    );
    await scene.hub.evaluateAudiences([id]);
    scene.pass(DAY);
    return { ...scene, id, store };
  };

  it("leaves the version in force as it is until the new one is worked out, then switches at once", async () => {
    const { hub, changes, pass, id } = await ready();
    changes.length = 0;
    const edited = await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    expect(edited.ok && [edited.value.version, edited.value.next?.definition.version]).toEqual([1, 2]);
    expect((await hub.audience(id))?.count).toBe(125);
    const seen = new Set<string>();
    pass(DAY);
    const switched = await hub.switchVersions(() => {
      const audience = hub.configuration().audiences.get(id);
      seen.add(`${audience?.version} ${audience?.switched === undefined ? "" : "settling"}`.trim());
    });
    expect(switched).toEqual([id]);
    expect([...seen]).toEqual(["1", "2 settling"]);
    expect(await hub.audience(id)).toMatchObject({ version: 2, count: 150 });
    expect(hub.configuration().audiences.get(id)).not.toHaveProperty("switched");
    // Only those who really come or go are told of, each once, and nothing of the version while it waited.
    expect(changes.map(({ audienceId }) => audienceId).filter((one) => one !== id)).toEqual([]);
    const moved = changes.map(({ from, to, version }) => `${from} ${to} ${version}`).sort();
    expect(new Set(moved)).toEqual(new Set(["none realized 2", "realized exited 2"]));
    expect(moved.filter((one) => one.startsWith("none"))).toHaveLength(125);
    expect(moved.filter((one) => one.startsWith("realized"))).toHaveLength(100);
    expect(new Set(changes.map(({ personId }) => personId)).size).toBe(changes.length);
    // Everybody enters and leaves at the moment of the switch.
    expect(new Set(changes.map(({ at }) => at))).toEqual(new Set([new Date(START + 2 * DAY).toISOString()]));
    expect([await statusOf(hub, 50, id), await statusOf(hub, 110, id), await statusOf(hub, 200, id)]).toEqual(
      ["exited", "realized", "realized"],
    );
    expect(Object.keys((await hub.profile(person(200)))?.segmentMembership["ups"] ?? {})).toEqual([id]);
  });

  it("every reader sees the one version or the other, never a mixture", async () => {
    const { hub, id } = await ready();
    await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    const seen: Promise<string>[] = [];
    const looked = async (): Promise<string> => {
      const version = hub.configuration().audiences.get(id)?.version;
      const views = await hub.readMany([person(50), person(110), person(200)]);
      const members = views.map((view) => view?.segmentMembership["ups"]?.[id]?.status === "realized");
      const count = (await hub.audience(id))?.count;
      const still = hub.configuration().audiences.get(id)?.version === version;
      return still ? `${version} ${members.join(" ")} ${count}` : "";
    };
    await hub.switchVersions(() => void seen.push(looked()));
    seen.push(looked());
    const found = new Set(await Promise.all(seen));
    found.delete("");
    expect([...found].sort()).toEqual(["1 true true false 125", "2 false true true 150"]);
  });

  it("goes on where it stood after a stop, in another process too", async () => {
    const { hub, id, store } = await ready();
    await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    const steps: number[] = [];
    const stopAt = (step: number) => () => {
      steps.push(step);
      if (steps.filter((one) => one === step).length === step) throw new Error("the power is gone");
    };
    await expect(hub.switchVersions(stopAt(2))).rejects.toThrow("power");
    expect((await hub.audience(id))?.count).toBe(125);
    // The first page was written down, the second was not.
    const asked: string[] = [];
    const watched: HubStore = {
      ...store,
      scan: (after, limit) => {
        asked.push(after);
        return store.scan(after, limit);
      },
    };
    const again = await openScene(watched, START + 3 * DAY);
    expect(again.hub.hasWaitingVersions()).toBe(true);
    expect(await again.hub.switchVersions()).toEqual([id]);
    expect(asked[0]).not.toBe("");
    expect(await again.hub.audience(id)).toMatchObject({ version: 2, count: 150 });
    expect(again.hub.hasWaitingVersions()).toBe(false);
    expect(await again.hub.switchVersions()).toEqual([]);
  });

  it("a stop after the switch is finished by the next one", async () => {
    const { hub, id, store } = await ready();
    await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    await expect(
      hub.switchVersions(() => {
        if (hub.configuration().audiences.get(id)?.switched !== undefined)
          throw new Error("the power is gone");
      }),
    ).rejects.toThrow("power");
    const again = await openScene(store, START + 3 * DAY);
    // Whole already, for those who are not brought to it yet as well.
    expect(await again.hub.audience(id)).toMatchObject({ version: 2, count: 150 });
    for (let n = 0; n < PERSONS; n += 1)
      expect((await statusOf(again.hub, n, id)) === "realized").toBe(n >= 100);
    await again.hub.switchVersions();
    expect(await again.hub.audience(id)).toMatchObject({ version: 2, count: 150 });
    for (let n = 0; n < PERSONS; n += 1)
      expect((await statusOf(again.hub, n, id)) === "realized").toBe(n >= 100);
  });

  it("takes what comes in meanwhile first, and counts it in both versions", async () => {
    const { hub, changes, pass, id } = await ready();
    await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    changes.length = 0;
    pass(DAY);
    let sent: Promise<unknown> | undefined;
    const order: string[] = [];
    await hub.switchVersions((done) => {
      order.push(`page ${done}`);
      // A new person of both versions, while the first page is done.
      sent ??= hub.ingestEvents("web", [buy(1_000, START + 2 * DAY, 110)]).then(() => order.push("event"));
    });
    await sent;
    // The event is committed before the next page is begun.
    expect(order.indexOf("event")).toBe(1);
    if (evaluation === "streaming") {
      expect(await statusOf(hub, 1_000, id)).toBe("realized");
      expect(await hub.audience(id)).toMatchObject({ version: 2, count: 151 });
      expect(changes.filter(({ personId, to }) => to === "realized" && personId !== "").length).toBe(126);
    }
  });

  it("an edit of the edit takes its place", async () => {
    const { hub, id } = await ready();
    await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    await expect(
      hub.switchVersions(() => {
        throw new Error("the power is gone");
      }),
    ).rejects.toThrow("power");
    const third = await hub.updateAudience(id, {
      name: "Buyers",
      expression: pql('xEvent.exists(eventType = "buy" and amount = 7)'),
      evaluation,
    });
    expect(third.ok && third.value.next?.definition.version).toBe(3);
    await hub.switchVersions();
    expect(await hub.audience(id)).toMatchObject({ version: 3, count: 1 });
    expect(await statusOf(hub, 7, id)).toBe("realized");
    expect(await statusOf(hub, 8, id)).toBe("exited");
  });

  it("is dropped when the audience is switched off", async () => {
    const { hub, id } = await ready();
    await hub.updateAudience(id, { name: "Buyers", expression: pql(HIGH), evaluation });
    await hub.setAudienceStatus(id, "inactive");
    expect(hub.hasWaitingVersions()).toBe(false);
    expect(await hub.audience(id)).toMatchObject({ version: 2, status: "inactive", count: 0 });
    expect(Object.keys((await hub.profile(person(200)))?.segmentMembership["ups"] ?? {})).toEqual([]);
  });

  it("a new name needs no working out", async () => {
    const { hub, changes, id } = await ready();
    changes.length = 0;
    const renamed = await hub.updateAudience(id, { name: "Shoppers", expression: pql(LOW), evaluation });
    expect(renamed.ok && renamed.value).toMatchObject({ name: "Shoppers", version: 2, count: 125 });
    expect(hub.hasWaitingVersions()).toBe(false);
    expect(changes).toEqual([]);
  });
});

describe("references between audiences", () => {
  it("refuses an edit that closes a circle, with the path", async () => {
    const { hub } = await openScene();
    const base = await make(hub, 'homeAddress.country = "DE"', "streaming");
    const child = await hub.createAudience({ name: "Child", expression: pql(`inSegment("${base}")`) });
    const id = child.ok ? child.value.id : "";
    const refused = await hub.updateAudience(base, { name: "Buyers", expression: pql(`inSegment("${id}")`) });
    expect(!refused.ok && refused.error.map(({ code }) => code)).toEqual(["audience.cycle"]);
    expect(!refused.ok && refused.error[0]?.message).toContain(`${id} -> ${base} -> ${id}`);
  });

  it("publishes only what all parts of are published, and keeps parts that a waiting version needs", async () => {
    const { hub } = await openScene();
    const base = await make(hub, 'homeAddress.country = "DE"', "streaming");
    const draft = await hub.createAudience({
      name: "Draft",
      expression: pql(`inSegment("${base}")`),
      status: "draft",
    });
    const id = draft.ok ? draft.value.id : "";
    expect((await hub.setAudienceStatus(base, "inactive")).ok).toBe(true);
    const refused = await hub.setAudienceStatus(id, "published");
    expect(!refused.ok && refused.error.map(({ code }) => code)).toEqual(["audience.parts"]);
    expect((await hub.setAudienceStatus(base, "published")).ok).toBe(true);
    expect((await hub.setAudienceStatus(id, "published")).ok).toBe(true);
    const other = await hub.createAudience({ name: "Other", expression: pql('homeAddress.city = "Bonn"') });
    const otherId = other.ok ? other.value.id : "";
    await hub.updateAudience(id, { name: "Draft", expression: pql(`inSegment("${otherId}")`) });
    // The version in force needs the one, the one that waits the other.
    for (const part of [base, otherId]) {
      const kept = await hub.setAudienceStatus(part, "inactive");
      expect(!kept.ok && kept.error.map(({ code }) => code)).toEqual(["audience.dependents"]);
    }
    await hub.switchVersions();
    expect((await hub.setAudienceStatus(base, "inactive")).ok).toBe(true);
  });

  it("an id within a text is no reference", async () => {
    const { hub } = await openScene();
    const base = await make(hub, 'homeAddress.country = "DE"', "streaming");
    await hub.createAudience({ name: "Other", expression: pql(`homeAddress.city = "${base}"`) });
    expect((await hub.setAudienceStatus(base, "inactive")).ok).toBe(true);
  });

  it("reads the JSON form of a definition", async () => {
    const { hub } = await openScene();
    const value = JSON.stringify({
      nodeType: "fnApply",
      fnName: "=",
      params: [
        { nodeType: "fieldLookup", fieldName: "city" },
        { nodeType: "literal", value: "Bonn" },
      ],
    });
    const made = await hub.createAudience({
      name: "Json",
      expression: { type: "PQL", format: "pql/json", value },
    });
    expect(made.ok && made.value.evaluation).toBe("streaming");
  });
});
