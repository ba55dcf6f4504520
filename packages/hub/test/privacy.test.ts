import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";
import type { CommittedPersons } from "../src/observe-commits.ts";
import { UnreadableRow } from "../src/rows/unreadable-row.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-02-01T00:00:00Z");
const ada = { namespace: "CRMID", id: "ada" };
const bob = { namespace: "CRMID", id: "bob" };
const device = { namespace: "SESSION", id: "shared" };

interface Scene {
  readonly hub: Hub;
  readonly store: HubStore;
  readonly told: CommittedPersons[];
  readonly at: (ms: number) => void;
}

async function open(store: HubStore = createMemoryStore()): Promise<Scene> {
  let now = START;
  let ids = 0;
  const told: CommittedPersons[] = [];
  const hub = await createHub({
    store,
    clock: () => now,
    newId: () => `id-${(ids += 1)}`,
    suppressionSalt: "a salt of some length",
    onPersonsCommitted: (committed) => told.push(committed),
  });
  return { hub, store, told, at: (ms) => (now = ms) };
}

const event = (id: string, at: number, identityMap: object, eventType = "buy"): object => ({
  _id: id,
  timestamp: new Date(at).toISOString(),
  eventType,
  identityMap,
});
const record = (id: string, more: object = {}): object => ({
  identityMap: { CRMID: [{ id, primary: true }] },
  person: { name: { firstName: id } },
  ...more,
});

/** Ada and Bob on one device, one after the other; a broken event of Ada's lies in quarantine. */
async function fill({ hub }: Scene): Promise<void> {
  const made = await hub.createAudience({
    name: "Buyers",
    expression: { type: "PQL", format: "pql/text", value: 'xEvent.exists(eventType = "buy")' },
  });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  await hub.ingestRecords("crm", [record("ada"), record("bob")]);
  await hub.ingestEvents("web", [
    event("e1", START - 3 * DAY, { CRMID: [{ id: "ada" }], SESSION: [{ id: "shared" }] }),
    event("e2", START - 2 * DAY, { CRMID: [{ id: "bob" }], SESSION: [{ id: "shared" }] }),
    event("e3", START - DAY, { SESSION: [{ id: "shared" }] }),
    { _id: "e4", timestamp: "not a time", identityMap: { CRMID: [{ id: "ada" }] } },
  ]);
}

/** Everything in a store as text, to look for what must not be there. */
async function dump(store: HubStore): Promise<string> {
  const items: unknown[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.exportItems({ limit: 1000, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    if (page.next === undefined) return JSON.stringify(items);
    after = page.next;
  }
}

describe("identities that come in other forms than they are kept in", () => {
  const asked = { namespace: "Email", id: " ADA@Shop.example " };

  /** Ada's address as it was typed: in an event of hers, in one of Bob's, and in one that could not be read. */
  const typed = async (scene: Scene): Promise<void> => {
    await scene.hub.ingestEvents("web", [
      event("m1", START - 3 * DAY, { Email: [{ id: "Ada@Shop.Example" }] }),
      event("m2", START - 2 * DAY, { CRMID: [{ id: "bob" }], Email: [{ id: "Ada@Shop.Example" }] }),
      { _id: "m3", timestamp: "not a time", identityMap: { Email: [{ id: "Ada@Shop.Example" }] } },
    ]);
  };

  it("are found by whoever reads", async () => {
    const scene = await open();
    await fill(scene);
    await typed(scene);
    const { hub } = scene;
    const personId = (await hub.identityGraph(asked))?.personId;
    expect(personId).toBeDefined();
    const [audience] = hub.configuration().audiences.values();
    expect((await hub.profile(asked))?.personId).toBe(personId);
    expect((await hub.profile(asked, { asOf: new Date(START).toISOString() }))?.eventCount).toBeGreaterThan(
      0,
    );
    expect((await hub.readMany([asked]))[0]?.personId).toBe(personId);
    expect((await hub.person(asked))?.personId).toBe(personId);
    expect((await hub.edgeLookup(asked))?.personId).toBe(personId);
    expect((await hub.explainMembership(audience?.id ?? "", asked)).ok).toBe(true);
  });

  it("are erased wherever they stand as they were typed, and kept out", async () => {
    const scene = await open();
    await fill(scene);
    await typed(scene);
    const { hub, store } = scene;
    expect((await hub.accessPerson([asked], { expandIds: false })).quarantined).toHaveLength(1);
    expect(await hub.erasePerson([asked], { expandIds: false })).toMatchObject({
      ok: true,
      value: { identities: 1, events: 1, redacted: 1, quarantined: 1 },
    });
    expect(await dump(store)).not.toMatch(/ada@shop/i);
    expect(hub.erasedAt(asked)).toBe(START);
    await typed(scene);
    expect(await dump(store)).not.toMatch(/ada@shop/i);
    expect((await hub.profile(bob))?.eventCount).toBeGreaterThan(0);
  });
});

describe("access", () => {
  it("gives everything that is kept about a person, and nothing of others", async () => {
    const scene = await open();
    await fill(scene);
    const access = await scene.hub.accessPerson([ada]);
    expect(access.identities).toEqual([ada]);
    expect(access.persons.map(({ fragments }) => fragments.map(({ body }) => body))).toEqual([
      [{ person: { name: { firstName: "ada" } } }],
    ]);
    expect(access.events.map(({ id }) => id)).toEqual(["e1"]);
    expect(access.records.map(({ owner }) => owner)).toEqual(["CRMID:ada"]);
    expect(access.quarantined.map(({ code }) => code)).toEqual(["event.timestamp"]);
    expect(access.persons[0]?.membershipLog).toHaveLength(1);
    expect(JSON.stringify(access)).not.toContain("bob");
  });
});

describe("erasing a person", () => {
  it("leaves no trace of their identity, and the others as if they had never been linked", async () => {
    const scene = await open();
    await fill(scene);
    const erased = await scene.hub.erasePerson([ada]);
    expect(erased).toMatchObject({ ok: true, value: { persons: 1, events: 1, records: 1, quarantined: 1 } });
    expect(await scene.hub.profile(ada)).toBeUndefined();
    expect(await dump(scene.store)).not.toContain("ada");
    const other = await scene.hub.profile(bob);
    expect(other).toMatchObject({ eventCount: 2, attributes: { person: { name: { firstName: "bob" } } } });
    expect(other?.identities).toEqual([bob, device]);
    expect((await scene.hub.audiences())[0]?.count).toBe(1);
    const before = await scene.hub.profile(bob);
    await scene.hub.rebuild();
    expect({ ...(await scene.hub.profile(bob)), version: 0 }).toEqual({ ...before, version: 0 });
    expect(await scene.hub.profile(ada)).toBeUndefined();
  });

  it("keeps late events, replays and waiting batches out; later data may come, unless told otherwise", async () => {
    const scene = await open();
    await fill(scene);
    await scene.hub.erasePerson([ada]);
    const late = event("late", START - DAY, { CRMID: [{ id: "ada" }] });
    const report = await scene.hub.ingestEvents("web", [
      late,
      event("e1", START - 3 * DAY, { CRMID: [{ id: "ada" }] }),
    ]);
    expect(report.rejected.map(({ code }) => code)).toEqual(["privacy.suppressed", "privacy.suppressed"]);
    const broken = { _id: "broken", timestamp: "?", identityMap: { CRMID: [{ id: "ada" }] } };
    expect((await scene.hub.ingestEvents("web", [broken])).rejected).toHaveLength(1);
    expect(await dump(scene.store)).not.toContain("ada");
    scene.at(START + DAY);
    expect(
      await scene.hub.ingestEvents("web", [event("new", START + DAY, { CRMID: [{ id: "ada" }] })]),
    ).toMatchObject({
      accepted: 1,
    });
    await scene.hub.erasePerson([ada], { keepOut: true });
    scene.at(START + 2 * DAY);
    const refused = await scene.hub.ingestRecords("crm", [record("ada")]);
    expect(refused.rejected.map(({ code }) => code)).toEqual(["privacy.suppressed"]);
    const reopened = await open(scene.store);
    reopened.at(START + 3 * DAY);
    expect((await reopened.hub.ingestRecords("crm", [record("ada")])).accepted).toBe(0);
  });

  it("an erasure and a batch that waits at the same time end without the person", async () => {
    const scene = await open();
    await fill(scene);
    const batches = [1, 2, 3].map((number) =>
      scene.hub.ingestEvents("web", [event(`w${number}`, START - DAY, { CRMID: [{ id: "ada" }] })]),
    );
    const [erased] = await Promise.all([scene.hub.erasePerson([ada]), ...batches]);
    expect(erased.ok).toBe(true);
    await scene.hub.erasePerson([ada]);
    expect(await dump(scene.store)).not.toContain('"CRMID:ada"');
  });

  it("takes what a shared device told of them out of others' events", async () => {
    const scene = await open();
    await scene.hub.ingestEvents("web", [
      event("s1", START, { SESSION: [{ id: "x", primary: true }, { id: "y" }] }),
    ]);
    const erased = await scene.hub.erasePerson([{ namespace: "SESSION", id: "y" }], { expandIds: false });
    expect(erased).toMatchObject({ ok: true, value: { redacted: 1, events: 0 } });
    expect(await dump(scene.store)).not.toContain("SESSION:y");
    expect((await scene.hub.profile({ namespace: "SESSION", id: "x" }))?.eventCount).toBe(1);
    expect((await scene.store.events(["SESSION:x"]))[0]?.body).toMatchObject({
      identityMap: { SESSION: [{ id: "x" }] },
    });
  });

  it("takes rows and texts of files that could not be read along, and leaves those of others", async () => {
    const { hub } = await open();
    const mapping = {
      fields: [
        { identity: "CRMID", from: "id", primary: true },
        { to: "points", from: "points", as: "integer" as const },
      ],
    };
    const syntax = (text: string): UnreadableRow => new UnreadableRow("json.syntax", "not JSON", text);
    const rows = [
      { id: "ada", points: "many" },
      { id: "adam", points: "many" },
      syntax('{"id":"ada","points":'),
      syntax('{"id":"adam","points":'),
    ];
    await hub.importRows({ importId: "f", datasetId: "crm", kind: "profile", mapping, rows });
    await hub.ingestRecords("crm", [record("ada")]);
    expect(await hub.erasePerson([ada])).toMatchObject({ ok: true, value: { quarantined: 2 } });
    expect(JSON.stringify(await hub.quarantined(9))).not.toMatch(/ada\b/);
    expect(await hub.quarantined(9)).toHaveLength(2);
  });

  it("finds identities in any form of their namespace, in bodies and in quarantine as well", async () => {
    const scene = await open();
    const { hub, store } = scene;
    const address = { namespace: "Email", id: " Ada@Shop.Example" };
    await hub.saveDataset({
      id: "club",
      kind: "profile",
      primaryIdentity: { path: "email", namespace: "Email" },
    });
    const together = { Email: [{ id: "ADA@shop.example" }], CRMID: [{ id: "bob" }] };
    await hub.ingestEvents("web", [event("e1", START - DAY, together)]);
    const sent = [{ email: "Ada@shop.example", homeAddress: "x".repeat(200_000) }];
    await hub.ingestRecords("club", [...sent, { email: "ADA@Shop.example", tier: "gold" }]);
    expect((await hub.quarantined(9)).length).toBe(1);
    expect((await hub.accessPerson([address], { expandIds: false })).records).toHaveLength(1);
    expect(await hub.erasePerson([address], { expandIds: false })).toMatchObject({
      ok: true,
      value: { records: 1, quarantined: 1 },
    });
    expect((await dump(store)).toLowerCase()).not.toContain("ada@");
    await hub.ingestRecords("club", sent);
    expect(await hub.quarantined(9)).toEqual([]);
    expect(await hub.profile(bob)).toMatchObject({ eventCount: 1, identities: [bob] });
  });

  it("is refused without a salt", async () => {
    const hub = await createHub({ store: createMemoryStore(), clock: () => START, newId: () => "id" });
    expect(await hub.erasePerson([ada])).toMatchObject({ ok: false, error: [{ code: "privacy.salt" }] });
  });
});

describe("those who follow commits", () => {
  it("are told of every person, whatever wrote them", async () => {
    const scene = await open();
    await fill(scene);
    const latest = new Map<string, number>();
    const tally = (): ReadonlyMap<string, number> => {
      for (const { persons, removed } of scene.told) {
        for (const person of persons) latest.set(person.personId, person.version);
        for (const { personId } of removed) latest.delete(personId);
      }
      return latest;
    };
    const stored = async (): Promise<ReadonlyMap<string, number>> =>
      new Map((await scene.store.scan("", 99)).map(({ personId, version }) => [personId, version]));
    expect(tally()).toEqual(await stored());
    await scene.hub.erasePerson([bob]);
    await scene.hub.unlinkIdentities(ada, device);
    expect(tally()).toEqual(await stored());
  });
});
