import { describe, expect, it } from "vitest";
import { outboxCases, outboxItem } from "./conformance/index.ts";
import { createMemoryOutbox, createRelayedOutbox, type OutboxItem, type OutboxSource } from "./index.ts";

/** A durable queue as a list that remembers every id. */
function listSource(): OutboxSource & { readonly left: () => readonly string[]; failing: boolean } {
  const items: OutboxItem[] = [];
  const known = new Set<string>();
  const acknowledged = new Set<string>();
  const source = {
    failing: false,
    left: () => items.map(({ id }) => id).filter((id) => !acknowledged.has(id)),
    read: async (destinationId: string, after: number, limit: number) =>
      items
        .map((item, index) => ({ sequence: index + 1, item }))
        .filter(
          ({ sequence, item }) =>
            item.destinationId === destinationId && sequence > after && !acknowledged.has(item.id),
        )
        .slice(0, limit),
    append: async (more: readonly OutboxItem[]) => {
      for (const item of more) {
        if (!known.has(item.id)) items.push(item);
        known.add(item.id);
      }
    },
    acknowledge: async (ids: readonly string[]) => {
      if (source.failing) throw new Error("disk full");
      for (const id of ids) acknowledged.add(id);
    },
  };
  return source;
}

const t = (second: number): string => new Date(Date.UTC(2026, 0, 31, 12, 0, second)).toISOString();

describe("the delivery store over a durable queue", () => {
  const cases = outboxCases(async () =>
    createRelayedOutbox({ source: listSource(), journal: createMemoryOutbox() }),
  );
  for (const { name, run } of cases) it(name, run);

  it("tells again what was not acknowledged when a process ended", async () => {
    const source = listSource();
    const journal = createMemoryOutbox();
    const first = createRelayedOutbox({ source, journal });
    await first.append(["a", "b"].map((id) => outboxItem(id, [id])));
    await first.lease({ destinationId: "d1", worker: "w", max: 9, now: t(1), leasedUntil: t(9) });
    await first.settle("d1", "w", [{ kind: "delivered", id: "a", at: t(2) }]);
    const second = createRelayedOutbox({ source, journal });
    const leased = await second.lease({
      destinationId: "d1",
      worker: "w2",
      max: 9,
      now: t(3),
      leasedUntil: t(9),
    });
    expect(leased.map(({ id }) => id)).toEqual(["b"]);
  });

  it("writes an end later that could not be written at once", async () => {
    const source = listSource();
    const store = createRelayedOutbox({ source, journal: createMemoryOutbox() });
    await store.append([outboxItem("a", ["a"])]);
    await store.lease({ destinationId: "d1", worker: "w", max: 9, now: t(1), leasedUntil: t(9) });
    source.failing = true;
    await expect(store.settle("d1", "w", [{ kind: "delivered", id: "a", at: t(2) }])).rejects.toThrow(
      "disk full",
    );
    expect(source.left()).toEqual(["a"]);
    source.failing = false;
    expect(
      await store.lease({ destinationId: "d1", worker: "w", max: 9, now: t(20), leasedUntil: t(29) }),
    ).toEqual([]);
    expect(source.left()).toEqual([]);
  });

  it("holds no more in memory than its window", async () => {
    const source = listSource();
    const store = createRelayedOutbox({ source, journal: createMemoryOutbox(), window: 1000 });
    await store.append(Array.from({ length: 5000 }, (_, i) => outboxItem(`i${i}`, [`p${i}`])));
    expect((await store.backlog("d1", t(1))).waiting).toBe(1000);
  });
});
