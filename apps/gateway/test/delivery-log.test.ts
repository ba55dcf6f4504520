import type { FinishedItem } from "@tessera/destinations";
import { outboxItem } from "@tessera/destinations/conformance";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { createJournal, eraseDeliveries } from "../src/delivery/journal.ts";

const opened: HubStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

const at = (n: number): string => new Date(Date.parse("2026-03-01T00:00:00Z") + n * 1000).toISOString();
const told = (n: number, destinationId = "d1"): FinishedItem => ({
  item: { ...outboxItem(`i${n}`, ["p1"]), destinationId },
  at: at(n),
  outcome: { kind: "delivered" },
});

describe.each([
  ["memory", createMemoryStore],
  ["SQLite", () => openSqliteStore({ path: ":memory:" })],
] as const)("the delivery log of one person, in %s", (_, open) => {
  const start = (): { readonly store: HubStore; readonly journal: ReturnType<typeof createJournal> } => {
    const store = open();
    opened.push(store);
    return { store, journal: createJournal(store) };
  };
  const ids = async (
    journal: ReturnType<typeof createJournal>,
    query: { readonly destinationId?: string; readonly before?: string; readonly limit?: number } = {},
  ): Promise<readonly string[]> =>
    (await journal.deliveries({ personIds: ["p1"], limit: 1_000, ...query })).map(({ itemId }) => itemId);
  const newestFirst = (from: number, to: number): readonly string[] =>
    Array.from({ length: from - to + 1 }, (_item, n) => `i${from - n}`);

  it("keeps the last 500 lines at least, newest first, however they come", async () => {
    const { store, journal } = start();
    for (let n = 0; n < 300; n += 1) await journal.record([told(n)]);
    expect(await ids(journal)).toEqual(newestFirst(299, 0));
    await journal.record(Array.from({ length: 400 }, (_item, n) => told(300 + n)));
    const kept = await ids(journal);
    expect(kept.length).toBeGreaterThanOrEqual(500);
    expect(kept.length).toBeLessThanOrEqual(550);
    expect(kept).toEqual(newestFirst(699, 700 - kept.length));
    // No document is large, whatever was told before: that is what each line costs.
    const documents = await store.documents("deliveryLog");
    for (const { body } of documents)
      expect((body["lines"] as readonly unknown[]).length).toBeLessThanOrEqual(25);
    expect(await eraseDeliveries(store, { personIds: ["p1"], destinationIds: [], names: () => false })).toBe(
      kept.length,
    );
    expect(await store.documents("deliveryLog")).toEqual([]);
  });

  it("has one line of an item that is told again, on whichever page it stands", async () => {
    const { journal } = start();
    for (let n = 0; n < 60; n += 1) {
      await journal.record([told(n)]);
      await journal.record([told(n)]);
    }
    expect(await ids(journal)).toEqual(newestFirst(59, 0));
    // The last of a page, once the next one has begun.
    await journal.record([told(49)]);
    expect((await ids(journal)).filter((id) => id === "i49")).toHaveLength(1);
  });

  it("finds lines by destination and time over all pages", async () => {
    const { journal } = start();
    for (let n = 0; n < 120; n += 1) await journal.record([told(n, n % 40 === 0 ? "rare" : "d1")]);
    expect(await ids(journal, { destinationId: "rare" })).toEqual(["i80", "i40", "i0"]);
    expect(await ids(journal, { before: at(2) })).toEqual(["i1", "i0"]);
    expect(await ids(journal, { limit: 3 })).toEqual(newestFirst(119, 117));
  });

  it("goes on with a log that was written as one page", async () => {
    const { store, journal } = start();
    await journal.record([told(0)]);
    const [line] = await journal.deliveries({ personIds: ["p1"], limit: 1 });
    const lines = Array.from({ length: 500 }, (_item, n) => ({ ...line, itemId: `i${n}`, at: at(n) }));
    const [document] = await store.documents("deliveryLog");
    await store.commit({
      persons: [],
      events: [],
      records: [],
      memberships: [],
      outbox: [],
      quarantine: [],
      counters: {},
      documents: [
        { kind: "deliveryLog", id: "p1", expectedVersion: document?.version ?? 0, body: { lines } as never },
      ],
    });
    await journal.record([told(500)]);
    expect(await ids(journal)).toEqual(newestFirst(500, 0));
  });
});
