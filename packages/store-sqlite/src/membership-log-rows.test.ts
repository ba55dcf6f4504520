import { emptyCommit } from "@tessera/profile-store";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { MembershipChange } from "@tessera/xdm";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore } from "./index.ts";
import { migrate, MIGRATIONS } from "./schema.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const status = fc.constantFrom("realized" as const, "existing" as const, "exited" as const);
const change: fc.Arbitrary<MembershipChange> = fc.record({
  personId: fc.constantFrom("p1", "p2", "p3"),
  namespace: fc.constantFrom("ups", "other"),
  audienceId: fc.constantFrom("a", "b", "c", "\ud800"),
  from: fc.oneof(fc.constant("none" as const), status),
  to: status,
  at: fc.oneof(
    fc.constantFrom("2026-02-01T00:00:00.000Z", "2026-02-01T00:00:00Z", "never", ""),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  ),
  version: fc.integer({ min: 0, max: 1_000_000 }),
});

test("each person's changes are read in the order they came, whatever commits and times they came with", async () => {
  const store = openSqliteStore({ path: join(folder, "log.db"), synchronous: "normal" });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 4 }), async (drawn) => {
      run += 1;
      const idOf = (personId: string): string => `${run} ${personId}`;
      const commits = drawn.map((list) => list.map((one) => ({ ...one, personId: idOf(one.personId) })));
      for (const memberships of commits)
        expect(await store.commit({ ...emptyCommit, memberships })).toEqual({ ok: true });
      for (const personId of ["p1", "p2", "p3"].map(idOf)) {
        const own = commits.flat().filter((one) => one.personId === personId);
        expect(await store.membershipLog(personId)).toEqual(own);
      }
    }),
    { numRuns: 200 },
  );
  await store.close();
});

test("what one commit changes for a person is one row, and rows of an earlier version are read", async () => {
  const path = join(folder, "earlier.db");
  const database = new DatabaseSync(path);
  migrate(database, MIGRATIONS.slice(0, 5));
  database.exec(`
    INSERT INTO name(id, name) VALUES (1, '["ups","a"]');
    INSERT INTO person(id, pid, version, has_data) VALUES (1, 'p1', 0, 0);
    INSERT INTO membership_log(person, audience, change, version, at) VALUES (1, 1, 1, 7, 0);`);
  database.close();
  const store = openSqliteStore({ path });
  const base = { personId: "p1", namespace: "ups", from: "none", to: "realized" } as const;
  const memberships = ["a", "b", "c"].map((audienceId, version) => ({
    ...base,
    audienceId,
    at: new Date(version).toISOString(),
    version,
  }));
  await store.commit({ ...emptyCommit, memberships });
  const first = { ...base, audienceId: "a", at: new Date(0).toISOString(), version: 7 };
  expect(await store.membershipLog("p1")).toEqual([first, ...memberships]);
  await store.close();
  const closed = new DatabaseSync(path);
  expect(closed.prepare("SELECT count(*) AS n FROM membership_log").get()).toEqual({ n: 2 });
  closed.close();
});
