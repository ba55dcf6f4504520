import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-02-01T00:00:00Z");

async function open(store: HubStore): Promise<{ readonly hub: Hub; readonly pass: (ms: number) => void }> {
  let now = START;
  let ids = 0;
  const hub = await createHub({ store, clock: () => now, newId: () => `id-${(ids += 1)}` });
  return { hub, pass: (ms) => (now += ms) };
}

const event = (id: string, daysAgo: number, identityMap: object): object => ({
  _id: id,
  timestamp: new Date(START - daysAgo * DAY).toISOString(),
  eventType: "buy",
  identityMap,
});
const crm = (id: string): object => ({ CRMID: [{ id }] });

async function runAll(hub: Hub, limit: number): Promise<{ readonly events: number; readonly steps: number }> {
  let events = 0;
  for (let steps = 1; ; steps += 1) {
    const step = await hub.runExpiry(limit);
    events += step.events;
    if (step.done) return { events, steps };
  }
}

describe("event expiration", () => {
  it("takes events of a dataset that are older than its days, in short steps that a restart goes on from", async () => {
    const store = createMemoryStore();
    const { hub, pass } = await open(store);
    await hub.saveDataset({ id: "web", kind: "event", eventExpirationDays: 10 });
    const made = await hub.createAudience({
      name: "Buyers",
      expression: { type: "PQL", format: "pql/text", value: 'xEvent.exists(eventType = "buy")' },
    });
    const id = made.ok ? made.value.id : "";
    await hub.ingestEvents("web", [
      ...Array.from({ length: 30 }, (_, index) => event(`a${index}`, 9, crm(`p${index}`))),
      event("young", 1, crm("p0")),
    ]);
    await hub.ingestEvents("pos", [event("kept", 9, crm("p1"))]);
    expect((await hub.audience(id))?.count).toBe(30);
    expect(await runAll(hub, 7)).toMatchObject({ events: 0 });
    pass(2 * DAY);
    const first = await hub.runExpiry(7);
    const again = await createHub({ store, clock: () => START + 2 * DAY, newId: () => "x" });
    const { events, steps } = await runAll(again, 7);
    expect(first.events).toBeGreaterThan(0);
    expect(first.events + events).toBe(30);
    expect(steps).toBeGreaterThan(3);
    expect((await again.audience(id))?.count).toBe(2);
    expect((await again.profile({ namespace: "CRMID", id: "p0" }))?.eventCount).toBe(1);
    expect((await again.totals()).persons).toBe(2);
    expect((await again.profile({ namespace: "CRMID", id: "p9" }))?.identities).toHaveLength(1);
    const before = (await store.scan("", 99)).map(({ version: _version, ...person }) => person);
    await again.rebuild();
    expect((await store.scan("", 99)).map(({ version: _version, ...person }) => person)).toEqual(before);
  });

  it("refuses an event that would expire at once, and one that was stored is not stored again", async () => {
    const { hub, pass } = await open(createMemoryStore());
    await hub.saveDataset({ id: "web", kind: "event", eventExpirationDays: 10 });
    const old = await hub.ingestEvents("web", [event("old", 11, crm("a")), event("new", 9, crm("a"))]);
    expect(old.rejected.map(({ code }) => code)).toEqual(["event.expired"]);
    expect(await hub.quarantined(9)).toEqual([]);
    pass(3 * DAY);
    await runAll(hub, 10);
    expect((await hub.ingestEvents("web", [event("new", 9, crm("a"))])).accepted).toBe(0);
    expect((await hub.totals()).persons).toBe(0);
  });
});

describe("pseudonymous expiration", () => {
  it("takes events and attributes of those known by these namespaces alone, after days of silence", async () => {
    const { hub, pass } = await open(createMemoryStore());
    expect(await hub.setPseudonymousExpiry({ namespaces: ["SESSION"], days: 14 })).toMatchObject({
      ok: true,
    });
    await hub.ingestEvents("web", [
      event("e1", 1, { SESSION: [{ id: "silent" }, { id: "other" }] }),
      event("e2", 1, { SESSION: [{ id: "known" }], CRMID: [{ id: "ada" }] }),
      event("e3", 1, { SESSION: [{ id: "lively" }] }),
    ]);
    await hub.ingestRecords("crm", [
      { identityMap: { SESSION: [{ id: "silent", primary: true }] }, person: { gender: "female" } },
    ]);
    pass(10 * DAY);
    await hub.ingestEvents("web", [event("e4", 30, { SESSION: [{ id: "lively" }] })]);
    pass(5 * DAY);
    await runAll(hub, 2);
    const seen = async (id: string) => hub.profile({ namespace: "SESSION", id });
    expect(await seen("silent")).toMatchObject({ eventCount: 0, attributes: {} });
    expect((await seen("silent"))?.identities).toHaveLength(2);
    expect((await seen("known"))?.eventCount).toBe(1);
    expect((await seen("lively"))?.eventCount).toBe(2);
    expect(await hub.setPseudonymousExpiry({ namespaces: [], days: 0 })).toMatchObject({ ok: false });
    expect(await hub.setPseudonymousExpiry(undefined)).toMatchObject({ ok: true });
    expect(await hub.pseudonymousExpiry()).toBeUndefined();
  });
});

describe("a clock that stands still", () => {
  it("counts a record of the very moment at which a person was followed and an audience was made", async () => {
    const { hub } = await open(createMemoryStore());
    const country = (value: string): object => ({
      identityMap: { CRMID: [{ id: "a", primary: true }] },
      homeAddress: { country: value },
    });
    await hub.ingestRecords("crm", [country("DE")]);
    const made = await hub.createAudience({
      name: "French",
      expression: { type: "PQL", format: "pql/text", value: 'homeAddress.country = "FR"' },
      evaluation: "streaming",
    });
    await hub.ingestRecords("crm", [country("FR")]);
    expect(made.ok && (await hub.audience(made.value.id))?.count).toBe(1);
    await hub.ingestRecords("crm", [country("IT")]);
    expect(made.ok && (await hub.audience(made.value.id))?.count).toBe(0);
  });
});
