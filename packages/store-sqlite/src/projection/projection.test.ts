import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DEFAULT_MERGE_POLICY,
  type PersonProjection,
  type PersonState,
  type PersonWrite,
  type ProjectionRequest,
  emptyCommit,
} from "@tessera/profile-store";
import type { AudienceDefinition, IdentityKey } from "@tessera/xdm";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore, restoreSqliteStore } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-projection-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const audience = (id: string, value: string): AudienceDefinition => ({
  id,
  name: id,
  expression: { type: "PQL", format: "pql/text", value },
  evaluation: "batch",
  version: 1,
});

const GOLD = audience("gold", 'tier = "gold"');
const ANYONE = audience("anyone", 'not(tier = "no such tier")');

function person(number: number, tier: string, more: Partial<PersonState> = {}): PersonState {
  const owner = `A:${number}` as IdentityKey;
  return {
    personId: `p${number}`,
    version: 1,
    identities: [owner],
    graph: {},
    fragments: [{ datasetId: "crm", owner, body: { tier }, at: 1 }],
    memberships: [],
    eventCount: 0,
    evaluatedAt: 0,
    ...more,
  };
}

const put = (one: PersonState): PersonWrite => ({ kind: "put", person: one, fragmentsChanged: true });

async function found(
  projection: PersonProjection,
  more: Partial<ProjectionRequest> = {},
): Promise<readonly number[]> {
  const definitions = [GOLD, ANYONE];
  const audienceIds = definitions.map(({ id }) => id);
  const request = { definitions, audienceIds, policy: DEFAULT_MERGE_POLICY, now: 1_000, ...more };
  return (await projection.count(request)).counts;
}

test("counts who is there, and names those whose memberships differ with the version it holds for", async () => {
  const store = openSqliteStore({ path: join(folder, "moved.db"), synchronous: "normal" });
  const projection = store.openProjection({ threads: 2 });
  const inGold = { namespace: "ups", audienceId: "gold", status: "realized", at: 1, version: 1 } as const;
  await store.commit({
    ...emptyCommit,
    persons: [
      put(person(1, "gold")),
      put(person(2, "none", { memberships: [inGold] })),
      put(person(3, "gold", { memberships: [inGold] })),
      put(person(4, "none")),
    ],
  });
  const moved = [];
  const request = { definitions: [GOLD], audienceIds: ["gold"], policy: DEFAULT_MERGE_POLICY, now: 1_000 };
  for await (const part of projection.parts(request)) moved.push(...part.moved);
  expect(moved).toEqual([
    { personId: "p1", version: 1, enters: ["gold"], leaves: [] },
    { personId: "p2", version: 1, enters: [], leaves: ["gold"] },
  ]);
  await projection.close();
  await expect(found(projection)).rejects.toThrow("closed");
  await store.close();
});

test("follows whoever went and came back under the version that was known", async () => {
  const store = openSqliteStore({ path: join(folder, "back.db"), synchronous: "normal" });
  const projection = store.openProjection({ threads: 1 });
  await store.commit({ ...emptyCommit, persons: [put(person(1, "gold")), put(person(2, "none"))] });
  expect(await found(projection)).toEqual([1, 2]);
  await store.commit({ ...emptyCommit, persons: [{ kind: "remove", personId: "p1", expectedVersion: 1 }] });
  expect(await found(projection)).toEqual([0, 1]);
  await store.commit({ ...emptyCommit, persons: [put(person(1, "gold"))] });
  expect(await found(projection)).toEqual([1, 2]);
  await store.commit({ ...emptyCommit, persons: [{ kind: "remove", personId: "p1", expectedVersion: 1 }] });
  await store.commit({ ...emptyCommit, persons: [put(person(1, "none"))] });
  expect(await found(projection)).toEqual([0, 2]);
  await store.dropDerived();
  await store.commit({ ...emptyCommit, persons: [put(person(3, "gold"))] });
  expect(await found(projection)).toEqual([1, 1]);
  await projection.close();
  await store.close();
});

test("begins anew under another merge policy, and beside a store that was restored", async () => {
  const path = join(folder, "restored.db");
  const store = openSqliteStore({ path, synchronous: "normal" });
  const projection = store.openProjection({ threads: 1 });
  await store.commit({ ...emptyCommit, persons: [put(person(1, "gold"))] });
  await store.backupTo(join(folder, "backup.db"));
  expect(await found(projection)).toEqual([1, 1]);
  const others = { type: "dataSetPrecedence", order: ["other"] } as const;
  expect(await found(projection, { policy: { ...DEFAULT_MERGE_POLICY, attributeMerge: others } })).toEqual([
    0, 1,
  ]);
  expect(await found(projection)).toEqual([1, 1]);
  await store.commit({ ...emptyCommit, persons: [put(person(1, "none", { version: 2 }))] });
  expect(await found(projection)).toEqual([0, 1]);
  await projection.close();
  await store.close();
  await restoreSqliteStore(join(folder, "backup.db"), path, { replace: true });
  expect(existsSync(`${path}.columns-0`)).toBe(false);
  const restored = openSqliteStore({ path, synchronous: "normal" });
  const again = restored.openProjection({ threads: 1 });
  expect(await found(again)).toEqual([1, 1]);
  await again.close();
  await restored.close();
});

test("begins anew where its file is damaged", async () => {
  const path = join(folder, "damaged.db");
  const store = openSqliteStore({ path, synchronous: "normal" });
  await store.commit({ ...emptyCommit, persons: [put(person(1, "gold"))] });
  writeFileSync(`${path}.columns-0`, "no database at all, only some text that is long enough ".repeat(40));
  const projection = store.openProjection({ threads: 1 });
  expect(await found(projection)).toEqual([1, 1]);
  await projection.close();
  await store.close();
});

test("ends when who is told of its progress says so, and goes on when it is asked again", async () => {
  const store = openSqliteStore({ path: join(folder, "ended.db") });
  const persons = Array.from({ length: 3000 }, (_, number) =>
    put(person(number, number % 3 === 0 ? "gold" : "none")),
  );
  expect(await store.commit({ ...emptyCommit, persons })).toEqual({ ok: true });
  const projection = store.openProjection({ threads: 2 });
  const request = {
    definitions: [GOLD],
    audienceIds: ["gold"],
    policy: DEFAULT_MERGE_POLICY,
    now: 0,
  };
  const end = new Error("ended");
  let told = 0;
  const onRefresh = (): void => {
    told += 1;
    throw end;
  };
  await expect(projection.count({ ...request, onRefresh })).rejects.toBe(end);
  expect(told).toBe(1);
  expect(await projection.count(request)).toEqual({ counts: [1000], persons: 3000 });
  // Nothing is left to read, and it may be ended all the same.
  await expect(projection.count({ ...request, onRefresh })).rejects.toBe(end);
  expect(await projection.count(request)).toEqual({ counts: [1000], persons: 3000 });
  await projection.close();
  await store.close();
});

test("holds no more in memory than it may, and finds the same", async () => {
  const store = openSqliteStore({ path: join(folder, "large.db"), synchronous: "normal" });
  const persons = Array.from({ length: 20_000 }, (_, number) =>
    put(person(number, number % 4 === 0 ? "gold" : "none")),
  );
  for (let from = 0; from < persons.length; from += 5_000)
    await store.commit({ ...emptyCommit, persons: persons.slice(from, from + 5_000) });
  const projection = store.openProjection({ threads: 1, memory: 0 });
  expect(await found(projection)).toEqual([5_000, 20_000]);
  const wider = audience("wider", 'city = "Kiel" or tier = "gold"');
  expect(await found(projection, { definitions: [wider], audienceIds: ["wider"] })).toEqual([5_000]);
  expect(await found(projection)).toEqual([5_000, 20_000]);
  await projection.close();
  await store.close();
});
