import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { HubCommit, HubStore, PersonState } from "@tessera/profile-store";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-writers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NOTHING: HubCommit = {
  persons: [],
  events: [],
  records: [],
  memberships: [],
  outbox: [],
  quarantine: [],
  documents: [],
  counters: {},
};

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
  ...NOTHING,
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
      ...NOTHING,
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
