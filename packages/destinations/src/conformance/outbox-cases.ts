import type { DeliveryStore, OutboxItem, Settlement } from "../outbox.ts";
import { expect, expectSame } from "./expect.ts";

/** One case over a fresh store; `run` rejects when the store breaks a law of the port. */
export interface OutboxCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const T = (second: number): string => new Date(Date.UTC(2026, 0, 31, 12, 0, second)).toISOString();

/** A minimal outbox item, for stores' own tests too. */
export function outboxItem(id: string, lanes: readonly string[], destinationId = "d1"): OutboxItem {
  const at = T(0);
  const personId = lanes[0] ?? "p";
  return {
    id,
    destinationId,
    dataflowId: "f1",
    lanes,
    enqueuedAt: at,
    payload: {
      kind: "profile",
      item: {
        id,
        personId,
        trigger: "membership",
        at,
        identities: [{ namespace: "ECID", id: "1".repeat(38), target: "ECID" }],
        attributes: { tier: "gold" },
        changes: [{ audienceId: "a1", namespace: "ups", status: "realized", at }],
        memberships: { ups: { a1: { status: "realized", lastQualificationTime: at } } },
      },
    },
  };
}

/** The laws of `Outbox`, `DeadLetters` and `DeliveryLog`, for every store: `create` gives an empty one. */
export function outboxCases(create: () => Promise<DeliveryStore>): readonly OutboxCase[] {
  const on = (name: string, body: (store: DeliveryStore) => Promise<void>): OutboxCase => ({
    name,
    run: async () => body(await create()),
  });
  const lease = (
    store: DeliveryStore,
    worker: string,
    second: number,
    max = 100,
  ): Promise<readonly string[]> =>
    store
      .lease({ destinationId: "d1", worker, max, now: T(second), leasedUntil: T(second + 10) })
      .then((items) => items.map(({ id }) => id));
  const told = (id: string, second = 1): Settlement => ({ kind: "delivered", id, at: T(second) });

  return [
    on(
      "leases oldest first, one per lane, and the next of a lane only when the first is finished",
      async (store) => {
        await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p1"]), outboxItem("i3", ["p2"])]);
        expectSame(await lease(store, "w1", 1), ["i1", "i3"], "first lease");
        expectSame(await lease(store, "w2", 1), [], "second lease");
        expectSame(await store.settle("d1", "w1", [told("i1")]), ["i1"], "settled");
        expectSame(await lease(store, "w2", 2), ["i2"], "lease after the first was delivered");
      },
    ),
    on("a finished item is never given again, also when its lease would have run out", async (store) => {
      await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p2"])]);
      await lease(store, "w", 1);
      await store.settle("d1", "w", [told("i1"), { kind: "dead", id: "i2", at: T(1), code: "x" }]);
      expectSame(await lease(store, "w", 40), [], "lease after the leases ran out");
      expectSame((await store.backlog("d1", T(41))).waiting, 0, "backlog");
    }),
    on("an item in several lanes waits for all of them, and holds all of them up", async (store) => {
      await store.append([
        outboxItem("i1", ["p1"]),
        outboxItem("i2", ["p2"]),
        outboxItem("merge", ["p1", "p2"]),
        outboxItem("i3", ["p2"]),
        outboxItem("i4", ["p1"]),
      ]);
      expectSame(await lease(store, "w", 1), ["i1", "i2"], "before the merge");
      await store.settle("d1", "w", [told("i1")]);
      expectSame(await lease(store, "w", 2), [], "while one lane is unfinished");
      await store.settle("d1", "w", [told("i2")]);
      expectSame(await lease(store, "w", 3), ["merge"], "the merge");
      await store.settle("d1", "w", [told("merge")]);
      expectSame([...(await lease(store, "w", 4))].sort(), ["i3", "i4"], "after the merge");
    }),
    on("an id is taken once, also after it was delivered", async (store) => {
      await store.append([outboxItem("i1", ["p1"]), outboxItem("i1", ["p1"])]);
      expectSame(await lease(store, "w", 1), ["i1"], "lease");
      await store.settle("d1", "w", [told("i1")]);
      await store.append([outboxItem("i1", ["p1"])]);
      expectSame(await lease(store, "w", 2), [], "lease after appending it again");
    }),
    on("destinations are apart", async (store) => {
      await store.append([outboxItem("i1", ["p1"], "d2"), outboxItem("i2", ["p1"])]);
      expectSame(await lease(store, "w", 1), ["i2"], "lease of d1");
    }),
    on(
      "a lease that ran out is given again, one attempt more, and the late worker's word does not count",
      async (store) => {
        await store.append([outboxItem("i1", ["p1"])]);
        await lease(store, "w1", 1);
        expectSame(await lease(store, "w2", 5), [], "while lent");
        const request = { destinationId: "d1", worker: "w2", max: 10, now: T(12), leasedUntil: T(22) };
        const again = await store.lease(request);
        expectSame(
          again.map(({ id, attempts }) => [id, attempts]),
          [["i1", 1]],
          "after it ran out",
        );
        expectSame(await store.settle("d1", "w1", [told("i1", 13)]), [], "settled by the late worker");
        expectSame(await store.settle("d1", "w2", [told("i1", 14)]), ["i1"], "settled by the holder");
        expectSame((await store.deliveries({ personIds: ["p1"], limit: 9 })).length, 1, "log lines");
      },
    ),
    on("a retry waits for its time, counts, and holds up its lane alone", async (store) => {
      await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p1"]), outboxItem("i3", ["p2"])]);
      await lease(store, "w", 1);
      await store.settle("d1", "w", [
        { kind: "retry", id: "i1", at: T(1), code: "http.500", notBefore: T(5) },
        { kind: "released", id: "i3", at: T(1), notBefore: T(1) },
      ]);
      expectSame(await lease(store, "w", 2), ["i3"], "before its time");
      const request = { destinationId: "d1", worker: "w", max: 10, now: T(5), leasedUntil: T(9) };
      const again = await store.lease(request);
      expectSame(
        again.map(({ id, attempts }) => [id, attempts]),
        [["i1", 1]],
        "at its time",
      );
    }),
    on("a dead item frees its lane and stands in the dead letters with its reason", async (store) => {
      await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p1"])]);
      await lease(store, "w", 1);
      await store.settle("d1", "w", [{ kind: "dead", id: "i1", at: T(1), code: "http.404", detail: "gone" }]);
      expectSame(await lease(store, "w", 2), ["i2"], "the next of the lane");
      const [letter, ...more] = await store.deadLetters({
        destinationId: "d1",
        codes: ["http.404"],
        limit: 5,
      });
      expectSame(
        [letter?.item.id, letter?.code, letter?.detail, letter?.attempts, more.length],
        ["i1", "http.404", "gone", 1, 0],
        "letter",
      );
      expectSame(
        await store.deadLetters({ destinationId: "d1", codes: ["other"], limit: 5 }),
        [],
        "other code",
      );
      expectSame(
        (await store.deadLetters({ destinationId: "d1", personIds: ["p0", "p1"], limit: 5 })).length,
        1,
        "by person",
      );
      expectSame(
        await store.deadLetters({ destinationId: "d1", personIds: ["p2"], limit: 5 }),
        [],
        "by another person",
      );
      await store.append([outboxItem("i1", ["p1"])]);
      await store.replaceDeadLetters("d1", ["i1", "unknown"], [outboxItem("i1-again", ["p1"])]);
      expectSame(await store.deadLetters({ destinationId: "d1", limit: 5 }), [], "letters after the replay");
      await store.settle("d1", "w", [told("i2", 3)]);
      expectSame(await lease(store, "w", 4), ["i1-again"], "the replayed item");
    }),
    on("what a destination calls an audience is kept until it is removed there", async (store) => {
      const audience = { id: "gold", namespace: "ups", name: "Gold" };
      const definition = (id: string, change: "mapped" | "unmapped"): OutboxItem => ({
        ...outboxItem(id, [`audience:${id}`]),
        payload: { kind: "audience", item: { id, change, audience } },
      });
      const referenceOf = async (): Promise<string | undefined> =>
        (await store.references("d1")).get("ups\ngold");
      await store.append([definition("made", "mapped"), definition("gone", "unmapped")]);
      await lease(store, "w", 0);
      await store.settle("d1", "w", [{ ...told("made"), reference: "5" } as Settlement]);
      expectSame(await referenceOf(), "5", "the reference");
      await store.settle("d1", "w", [told("gone", 2)]);
      expectSame(await referenceOf(), undefined, "the reference of what is gone");
    }),
    on("dead letters come in pages", async (store) => {
      const ids = ["i1", "i2", "i3", "i4", "i5"];
      await store.append(ids.map((id) => outboxItem(id, [id])));
      await lease(store, "w", 1);
      await store.settle(
        "d1",
        "w",
        ids.map((id, i) => ({ kind: "dead", id, at: T(i), code: "x" })),
      );
      const first = await store.deadLetters({ destinationId: "d1", limit: 2 });
      const second = await store.deadLetters({
        destinationId: "d1",
        limit: 9,
        after: first[1]?.item.id ?? "",
      });
      expectSame(
        [...first, ...second].map(({ item }) => item.id),
        ids,
        "letters over two pages",
      );
    }),
    on(
      "an accepted job keeps its items, is asked for when due by one worker, and can finish",
      async (store) => {
        await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p2"]), outboxItem("i3", ["p1"])]);
        await lease(store, "w", 1);
        await store.settle("d1", "w", [
          { kind: "accepted", id: "i1", at: T(1), job: "j1", checkAt: T(5) },
          { kind: "accepted", id: "i2", at: T(1), job: "j1", checkAt: T(5) },
        ]);
        expectSame(await lease(store, "w", 2), [], "while in the job");
        const due = (worker: string, second: number): ReturnType<DeliveryStore["dueJobs"]> =>
          store.dueJobs({ destinationId: "d1", worker, now: T(second), leasedUntil: T(second + 10) });
        expectSame(await due("w", 4), [], "before its time");
        const jobs = await due("w", 5);
        expectSame(
          jobs.map(({ job, items }) => [job, [...items].sort()]),
          [["j1", ["i1", "i2"]]],
          "at its time",
        );
        expectSame(await due("w2", 6), [], "while another worker asks");
        await store.settle("d1", "w", [
          { kind: "accepted", id: "i1", at: T(6), job: "j1", checkAt: T(6) },
          { kind: "accepted", id: "i2", at: T(6), job: "j1", checkAt: T(6) },
        ]);
        expectSame((await due("w", 6)).length, 1, "jobs due after a pending answer");
        const accepted = (await store.deliveries({ personIds: ["p1"], limit: 9 })).filter(
          (e) => e.outcome === "accepted",
        );
        expect(accepted.length <= 1, "asking after a job again is no news for the log");
        await store.settle("d1", "w", [
          told("i1", 7),
          { kind: "retry", id: "i2", at: T(7), code: "x", notBefore: T(7) },
        ]);
        expectSame([...(await lease(store, "w", 8))].sort(), ["i2", "i3"], "after the job");
      },
    ),
    on("a paused destination gives nothing until it is resumed", async (store) => {
      await store.append([outboxItem("i1", ["p1"])]);
      await store.setPause("d1", { at: T(0), reason: "maintenance" });
      expectSame(await lease(store, "w", 1), [], "while paused");
      expectSame((await store.pauseOf("d1"))?.reason, "maintenance", "pause");
      await store.setPause("d1", undefined);
      expectSame(await store.pauseOf("d1"), undefined, "pause after resuming");
      expectSame(await lease(store, "w", 2), ["i1"], "after resuming");
    }),
    on("the backlog counts what waits and what is ready", async (store) => {
      await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p1"]), outboxItem("i3", ["p2"])]);
      expectSame(await store.backlog("d1", T(1)), { waiting: 3, ready: 2, oldestReadyAt: T(0) }, "backlog");
      await lease(store, "w", 1);
      expectSame(await store.backlog("d1", T(2)), { waiting: 3, ready: 0 }, "backlog while lent");
      expectSame(
        await store.backlog("other", T(2)),
        { waiting: 0, ready: 0 },
        "another destination's backlog",
      );
    }),
    on("the delivery log says who was told what, newest first, under all ids of a person", async (store) => {
      await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p2"]), outboxItem("i3", ["p3"])]);
      await lease(store, "w", 1);
      await store.settle("d1", "w", [
        told("i1", 1),
        { kind: "dead", id: "i2", at: T(2), code: "x" },
        told("i3", 3),
      ]);
      const log = await store.deliveries({ personIds: ["p1", "p2"], limit: 10 });
      expectSame(
        log.map((e) => [e.itemId, e.outcome, e.at]),
        [
          ["i2", "rejected", T(2)],
          ["i1", "delivered", T(1)],
        ],
        "log",
      );
      expectSame([log[1]?.attributes, log[1]?.namespaces], [["tier"], ["ECID"]], "what was told");
      expectSame(
        log[1]?.changes.map((c) => [c.audienceId, c.status]),
        [["a1", "realized"]],
        "audiences told",
      );
      expectSame((await store.deliveries({ personIds: ["p1", "p2"], limit: 1 })).length, 1, "limit");
      expectSame(
        (await store.deliveries({ personIds: ["p1", "p2"], before: T(2), limit: 9 })).length,
        1,
        "before",
      );
      expectSame(
        await store.deliveries({ personIds: ["p1"], destinationId: "d9", limit: 9 }),
        [],
        "other destination",
      );
    }),
    on("rows of files are logged, and set aside when they were rejected", async (store) => {
      await store.record([
        { item: outboxItem("r1", ["p1"]), at: T(1), outcome: { kind: "delivered" } },
        { item: outboxItem("r2", ["p2"]), at: T(1), outcome: { kind: "rejected", code: "row.x" } },
      ]);
      const log = await store.deliveries({ personIds: ["p1", "p2"], limit: 9 });
      expectSame(log.map((e) => e.outcome).sort(), ["delivered", "rejected"], "log");
      const letters = await store.deadLetters({ destinationId: "d1", limit: 9 });
      expectSame(
        letters.map(({ item, code }) => [item.id, code]),
        [["r2", "row.x"]],
        "letters",
      );
      expectSame(await lease(store, "w", 2), [], "lease");
    }),
    on("of a row that comes with every export, the last word counts", async (store) => {
      const row = (id: string): OutboxItem => {
        const item = outboxItem(id, ["p1"]);
        const changes = [{ audienceId: "a", namespace: "ups", status: "realized", at: T(0) }] as const;
        if (item.payload.kind !== "profile") throw new Error("An item of a person was expected.");
        const told = { ...item.payload.item, trigger: "schedule", changes } as const;
        return { ...item, payload: { kind: "profile", item: told } };
      };
      const letters = async (): Promise<readonly string[]> =>
        (await store.deadLetters({ destinationId: "d1", limit: 9 })).map(({ item }) => item.id);
      const refused = { kind: "rejected", code: "row.x" } as const;
      await store.record([{ item: row("r1"), at: T(1), outcome: refused }]);
      await store.record([{ item: row("r2"), at: T(2), outcome: refused }]);
      expectSame(await letters(), ["r2"], "letters after two exports");
      await store.replaceDeadLetters("d1", ["r1"], []);
      expectSame(await letters(), ["r2"], "letters after the older one was taken away");
      await store.record([{ item: row("r3"), at: T(3), outcome: { kind: "delivered" } }]);
      expectSame(await letters(), [], "letters once the row was written");
      await store.record([{ item: row("r4"), at: T(4), outcome: refused }]);
      await store.replaceDeadLetters("d1", ["r4"], []);
      expectSame(await letters(), [], "letters after the last one was taken away");
    }),
    on("two workers never hold the same item, and everything is delivered once", async (store) => {
      const items = Array.from({ length: 60 }, (_, i) => outboxItem(`i${i}`, [`p${i % 7}`]));
      await store.append(items);
      const order: string[] = [];
      for (let second = 1; order.length < items.length && second < 200; second += 1) {
        const [a, b] = await Promise.all([lease(store, "w1", second, 3), lease(store, "w2", second, 3)]);
        expect(!a.some((id) => b.includes(id)), "both workers hold an item");
        order.push(...a, ...b);
        await Promise.all([
          store.settle(
            "d1",
            "w1",
            a.map((id) => told(id, second)),
          ),
          store.settle(
            "d1",
            "w2",
            b.map((id) => told(id, second)),
          ),
        ]);
      }
      expectSame(new Set(order).size, items.length, "items delivered");
      expectSame(order.length, items.length, "deliveries");
      for (let lane = 0; lane < 7; lane += 1) {
        const ids = order.filter((id) => Number(id.slice(1)) % 7 === lane).map((id) => Number(id.slice(1)));
        expectSame(
          ids,
          [...ids].sort((x, y) => x - y),
          `order of lane p${lane}`,
        );
      }
    }),
  ];
}
