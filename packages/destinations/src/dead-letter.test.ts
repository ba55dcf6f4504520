import { describe, expect, it } from "vitest";
import { outboxItem } from "./conformance/index.ts";
import { createMemoryOutbox, type DeliveryStore, replayDeadLetters } from "./index.ts";

const t = (second: number): string => new Date(Date.UTC(2026, 0, 31, 12, 0, second)).toISOString();

async function settled(
  store: DeliveryStore,
  ids: readonly string[],
  dead: readonly string[],
  second: number,
): Promise<void> {
  await store.lease({
    destinationId: "d1",
    worker: "w",
    max: 99,
    now: t(second),
    leasedUntil: t(second + 5),
  });
  await store.settle(
    "d1",
    "w",
    ids.map((id) =>
      dead.includes(id)
        ? { kind: "dead", id, at: t(second), code: "http.422" }
        : { kind: "delivered", id, at: t(second) },
    ),
  );
}

describe("replayDeadLetters", () => {
  it("mends and sends again to that destination only, and leaves what the fix leaves", async () => {
    const store = createMemoryOutbox();
    await store.append(["a", "b", "c"].map((id) => outboxItem(id, [id])));
    await settled(store, ["a", "b", "c"], ["a", "b"], 1);
    const report = await replayDeadLetters(store, {
      query: { destinationId: "d1", codes: ["http.422"], limit: 10 },
      fix: (item) => (item.personId === "b" ? undefined : { ...item, attributes: { tier: "silver" } }),
      now: t(2),
    });
    expect(report).toEqual({ replayed: ["a"], superseded: [], left: ["b"] });
    const [again] = await store.lease({
      destinationId: "d1",
      worker: "w",
      max: 9,
      now: t(3),
      leasedUntil: t(4),
    });
    expect(again?.payload.kind === "profile" && again.payload.item.attributes).toEqual({ tier: "silver" });
    expect(again?.id).not.toBe("a");
    expect(again?.id).toBe(again?.payload.item.id);
    expect((await store.deadLetters({ destinationId: "d1", limit: 9 })).map(({ item }) => item.id)).toEqual([
      "b",
    ]);
  });

  it("does not turn back what the destination was told since", async () => {
    const store = createMemoryOutbox();
    await store.append([outboxItem("old", ["p"]), outboxItem("new", ["p"])]);
    await settled(store, ["old"], ["old"], 1);
    await settled(store, ["new"], [], 2);
    const report = await replayDeadLetters(store, { query: { destinationId: "d1", limit: 10 }, now: t(3) });
    expect(report).toEqual({ replayed: [], superseded: ["old"], left: [] });
    expect((await store.backlog("d1", t(4))).waiting).toBe(0);
  });

  it("gives the same new id when it is run twice", async () => {
    const ids: (string | undefined)[] = [];
    for (let run = 0; run < 2; run += 1) {
      const store = createMemoryOutbox();
      await store.append([outboxItem("a", ["a"])]);
      await settled(store, ["a"], ["a"], 1);
      await replayDeadLetters(store, { query: { destinationId: "d1", limit: 10 }, now: t(2) });
      ids.push(
        (await store.lease({ destinationId: "d1", worker: "w", max: 9, now: t(3), leasedUntil: t(4) }))[0]
          ?.id,
      );
    }
    expect(ids[0]).toBe(ids[1]);
  });
});
