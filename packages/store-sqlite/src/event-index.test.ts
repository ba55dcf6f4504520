import * as fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HubCommit, StoredEvent } from "@tessera/profile-store";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore, type SqliteStore } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-index-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const IDS = Array.from({ length: 60 }, (_, index) =>
  index % 3 === 0 ? `${index}`.padStart(32, "a1") : `event ${index}`,
);
const OWNERS = ["A:1", "A:2", "A:3"];
let files = 0;

function eventOf(index: number): StoredEvent {
  const owner = OWNERS[(index * 7) % OWNERS.length] ?? "";
  return {
    id: IDS[index] ?? "",
    datasetId: "web",
    owner,
    identities: [owner],
    at: (index * 37) % 11,
    ingestedAt: index,
  };
}

function commitOf(indexes: readonly number[], more: Partial<HubCommit> = {}): HubCommit {
  return {
    persons: [],
    events: indexes.map(eventOf),
    records: [],
    memberships: [],
    outbox: [],
    quarantine: [],
    documents: [],
    counters: {},
    ...more,
  };
}

const circle: Record<string, never> = {};
Object.assign(circle, { self: circle });

const batch = fc.array(fc.nat({ max: IDS.length - 1 }), { maxLength: 12 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("commit" as const), handle: fc.nat({ max: 1 }), batch }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("together" as const),
      handle: fc.nat({ max: 1 }),
      batches: fc.array(batch, { maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("fail" as const), handle: fc.nat({ max: 1 }), batch }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const), handle: fc.nat({ max: 1 }) }) },
);

test("whatever is stored, refused, undone, merged or opened anew: each event is found once, in its order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.constantFrom(1, 3, 10, 1000),
      async (steps, recentEvents) => {
        const path = join(folder, `${(files += 1)}.db`);
        const open = (): SqliteStore => openSqliteStore({ path, recentEvents, synchronous: "normal" });
        const handles = [open(), open()] as [SqliteStore, SqliteStore];
        const stored = new Set<number>();
        const accept = (indexes: readonly number[], ok: boolean): void => {
          const fresh =
            new Set(indexes).size === indexes.length && indexes.every((index) => !stored.has(index));
          expect(ok).toBe(fresh);
          if (ok) for (const index of indexes) stored.add(index);
        };
        for (const one of steps) {
          const handle = handles[one.handle] as SqliteStore;
          if (one.kind === "commit") accept(one.batch, (await handle.commit(commitOf(one.batch))).ok);
          if (one.kind === "together") {
            const results = await Promise.all(one.batches.map((indexes) => handle.commit(commitOf(indexes))));
            results.forEach((result, index) => accept(one.batches[index] ?? [], result.ok));
          }
          if (one.kind === "fail") {
            const broken = {
              id: "q",
              datasetId: "d",
              kind: "event",
              code: "c",
              message: "m",
              at: 0,
              body: circle,
            } as const;
            const failing = handle.commit(commitOf([...new Set(one.batch)], { quarantine: [broken] }));
            const outcome = await failing.then(
              ({ ok }) => ok,
              () => "failed",
            );
            expect(outcome).toBe(one.batch.some((index) => stored.has(index)) ? false : "failed");
          }
          if (one.kind === "reopen") {
            await handle.close();
            handles[one.handle as 0 | 1] = open();
          }
        }
        for (const handle of handles) {
          const { knownEvents } = await handle.load([], IDS);
          expect([...knownEvents].sort()).toEqual([...stored].map((index) => IDS[index]).sort());
          const expected = [...stored].map(eventOf).sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
          expect(await handle.events(OWNERS)).toEqual(expected);
          expect(await handle.events(OWNERS, 5)).toEqual(expected.filter((event) => event.at >= 5));
          expect(await handle.owners("", 9)).toEqual(
            [...new Set(expected.map((event) => event.owner))].sort(),
          );
          expect((await handle.totals()).events).toBe(stored.size);
          await handle.close();
        }
      },
    ),
    { numRuns: 60 },
  );
});
