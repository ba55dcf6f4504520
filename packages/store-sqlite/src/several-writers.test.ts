import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { emptyCommit, type HubCommit, type HubStore, type PersonState } from "@tessera/profile-store";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore } from "./index.ts";
import { migrate, MIGRATIONS } from "./schema.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-writers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function personOf(version: number, more: Partial<PersonState> = {}): PersonState {
  return {
    personId: "p",
    version,
    identities: ["A:1"],
    graph: {},
    fragments: [],
    memberships: [{ namespace: "ups", audienceId: "vip", status: "realized", at: version, version: 1 }],
    eventCount: version,
    evaluatedAt: 0,
    ...more,
  };
}

const put = (person: PersonState): HubCommit => ({
  ...emptyCommit,
  persons: [{ kind: "put", person, fragmentsChanged: true }],
});

test("two openings of one file see each other's commits and lose no update", async () => {
  const path = join(folder, "shared.db");
  const stores = [openSqliteStore({ path }), openSqliteStore({ path })];
  const add = async (store: HubStore): Promise<void> => {
    for (let done = 0; done < 50;) {
      const person = (await store.load(["A:1"], [])).persons.get("p");
      if ((await store.commit(put(personOf((person?.version ?? 0) + 1)))).ok) done += 1;
    }
  };
  await Promise.all(stores.map(add));
  for (const store of stores) {
    expect(await store.persons(["p"])).toEqual([personOf(100)]);
    await store.close();
  }
});

test("an event in the place of one that another opening erased is found", async () => {
  const path = join(folder, "erased.db");
  const [one, other] = [openSqliteStore({ path }), openSqliteStore({ path })];
  const events = (id: string, owner: string): HubCommit => ({
    ...emptyCommit,
    events: [{ id, datasetId: "web", owner, identities: [owner], at: 1, ingestedAt: 0 }],
  });
  const idsOf = async (store: HubStore, owner: string): Promise<readonly string[]> =>
    (await store.events([owner])).map(({ id }) => id);
  expect(await one.commit(events("first", "A:1"))).toEqual({ ok: true });
  expect(await one.commit(events("second", "A:2"))).toEqual({ ok: true });
  expect(await idsOf(other, "A:2")).toEqual(["second"]);
  expect(await one.commit({ ...emptyCommit, erase: { owners: ["A:2"] } })).toEqual({ ok: true });
  // Takes the number of the row that was erased last.
  expect(await one.commit(events("third", "A:3"))).toEqual({ ok: true });
  expect(await idsOf(other, "A:3")).toEqual(["third"]);
  expect(await idsOf(other, "A:2")).toEqual([]);
  expect((await other.load([], ["first", "second", "third"])).knownEvents).toEqual(
    new Set(["first", "third"]),
  );
  expect((await other.commit(events("third", "A:3"))).ok).toBe(false);
  expect(await other.commit(events("fourth", "A:1"))).toEqual({ ok: true });
  expect(await idsOf(one, "A:1")).toEqual(["first", "fourth"]);
  for (const store of [one, other]) await store.close();
});

test("events stored by one opening are found by the other, while both merge theirs", async () => {
  const path = join(folder, "events.db");
  const stores = [openSqliteStore({ path, recentEvents: 20 }), openSqliteStore({ path, recentEvents: 7 })];
  const eventsOf = (round: number): HubCommit["events"] =>
    Array.from({ length: 5 }, (_, index) => ({
      id: `${round} ${index}`,
      datasetId: "web",
      owner: `A:${index % 3}`,
      identities: [`A:${index % 3}`],
      at: round,
      ingestedAt: 0,
    }));
  const rounds = 60;
  for (let round = 0; round < rounds; round += 1) {
    const [writer, reader] = round % 3 === 0 ? stores : [...stores].reverse();
    const events = eventsOf(round);
    expect(await writer?.commit({ ...emptyCommit, events })).toEqual({ ok: true });
    const again = await reader?.commit({
      ...emptyCommit,
      events: [...eventsOf(-1 - round), ...eventsOf(round)],
    });
    expect(again).toMatchObject({ ok: false, error: { events: events.map(({ id }) => id) } });
    const seen = await reader?.load([], [...events.map(({ id }) => id), `${-1 - round} 0`]);
    expect(seen?.knownEvents.size).toBe(5);
    const found = (await reader?.events(["A:0", "A:1", "A:2"], round - 2)) ?? [];
    expect(found.length).toBe(5 * Math.min(3, round + 1));
  }
  for (const store of [...stores, openSqliteStore({ path })]) {
    const found = await store.events(["A:2", "A:0", "A:1"]);
    expect(new Set(found.map(({ id }) => id)).size).toBe(rounds * 5);
    expect(found).toHaveLength(rounds * 5);
    expect(await store.owners("", 9)).toEqual(["A:0", "A:1", "A:2"]);
    await store.close();
  }
});

test("a file of schema version 1 keeps its events", async () => {
  const path = join(folder, "version-1.db");
  const database = new DatabaseSync(path);
  migrate(database, MIGRATIONS.slice(0, 1));
  database.exec(`
    INSERT INTO name(id, name) VALUES (1, 'web');
    INSERT INTO identity(id, key) VALUES (1, 'A:1');
    INSERT INTO event(eid, dataset, owner, at, ingested) VALUES ('e1', 1, 1, 10, 20), ('e2', 1, 1, 5, 20);
    UPDATE total SET value = 2 WHERE name = 'events';`);
  database.close();
  const store = openSqliteStore({ path });
  expect((await store.events(["A:1"])).map(({ id }) => id)).toEqual(["e2", "e1"]);
  expect([...(await store.load([], ["e1", "e3"])).knownEvents]).toEqual(["e1"]);
  expect(store.stats().schemaVersion).toBe(MIGRATIONS.length);
  await store.close();
});

test("a refused commit takes no name, number or row of its group with it", async () => {
  const path = join(folder, "group.db");
  const store = openSqliteStore({ path });
  const refusedPerson = personOf(2, {
    memberships: [
      { namespace: "ups", audienceId: "only in the refused", status: "realized", at: 1, version: 1 },
    ],
  });
  const [first, refused, last] = await Promise.all([
    store.commit(put(personOf(1))),
    store.commit({
      ...emptyCommit,
      persons: [
        {
          kind: "put",
          person: { ...refusedPerson, personId: "q", identities: ["Q:1"] },
          fragmentsChanged: true,
        },
      ],
    }),
    store.commit(put({ ...personOf(1), personId: "r", identities: ["R:1", "Q:1"] })),
  ]);
  expect([first?.ok, refused?.ok, last?.ok]).toEqual([true, false, true]);
  // The very object that was refused is written again: nothing remembered of the first try may be wrong now.
  expect(await store.commit(put({ ...refusedPerson, personId: "p" }))).toEqual({ ok: true });
  const other = {
    ...personOf(2, {
      memberships: [{ namespace: "AAM", audienceId: "new", status: "exited", at: 1, version: 1 }],
    }),
    personId: "r",
    identities: ["Q:1", "R:1"],
  };
  expect(await store.commit(put(other))).toEqual({ ok: true });
  await store.close();
  const again = openSqliteStore({ path, warmPersons: 0 });
  expect(await again.persons(["p", "q", "r"])).toEqual([refusedPerson, other]);
  await again.close();
});

test("a commit that cannot be written as JSON fails alone", async () => {
  const store = openSqliteStore({ path: join(folder, "alone.db") });
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  const [bad, good] = await Promise.allSettled([
    store.commit(put(personOf(1, { graph: circle }))),
    store.commit(put({ ...personOf(1), personId: "q", identities: ["Q:1"] })),
  ]);
  expect([bad?.status, good?.status]).toEqual(["rejected", "fulfilled"]);
  expect((await store.scan("", 9)).map((person) => person.personId)).toEqual(["q"]);
  expect((await store.totals()).identities).toBe(1);
  await store.close();
});

test("a file that another process holds is a failure that can be tried again", async () => {
  const path = join(folder, "busy.db");
  const store = openSqliteStore({ path, busyTimeout: 20 });
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  await expect(store.commit(put(personOf(1)))).rejects.toMatchObject({
    code: "sqlite.busy",
    retryable: true,
  });
  other.exec("ROLLBACK");
  other.close();
  expect(await store.commit(put(personOf(1)))).toEqual({ ok: true });
  await store.close();
});
