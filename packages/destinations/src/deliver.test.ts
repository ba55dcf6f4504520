import { describe, expect, it } from "vitest";
import { outboxItem } from "./conformance/index.ts";
import {
  catalogEntry,
  type ConfiguredDestination,
  createDeliveryEngine,
  createMemoryOutbox,
  type DeliveryOptions,
  type DeliveryPorts,
  type HttpRequest,
  httpProfileExport,
  type RawResponse,
  type TransportFailure,
} from "./index.ts";

type Answer = (request: HttpRequest, call: number) => RawResponse | TransportFailure | Promise<RawResponse>;

const answered = (status: number, headers: Record<string, string> = {}, body = ""): RawResponse => ({
  kind: "http",
  status,
  headers,
  body,
  receivedAt: "2026-01-31T12:00:00.000Z",
});

function setting(
  answer: Answer,
  change: Partial<ConfiguredDestination> = {},
  options: Partial<DeliveryOptions> & { ports?: Partial<DeliveryPorts> } = {},
) {
  const configured = catalogEntry(httpProfileExport).configure(
    { id: "d1", name: "hook" },
    { url: "https://receiver.test/", batchSize: 4 },
  );
  if (!configured.ok) throw new Error("refused");
  const { maxAttempts: _, ...capabilities } = configured.value.capabilities;
  const destination = { ...configured.value, capabilities, ...change };
  const store = createMemoryOutbox();
  const clock = { now: Date.parse("2026-01-31T12:00:00.000Z") };
  const sent: HttpRequest[] = [];
  const { ports, ...rest } = options;
  const engine = createDeliveryEngine(
    {
      outbox: store,
      destination: (id) => (id === "d1" ? destination : undefined),
      dataflow: (id) => (id === "f1" ? { audiences: [], mapping: [] } : undefined),
      send: async (request) => {
        if (request.kind !== "http") throw new Error("no files");
        sent.push(request);
        return answer(request, sent.length);
      },
      sleep: (ms, signal) =>
        ms >= 1000
          ? new Promise((resolve) => signal?.addEventListener("abort", () => resolve()))
          : Promise.resolve(),
      now: () => clock.now,
      random: () => 1,
      ...ports,
    },
    { worker: "w1", orgId: "org", sandbox: "prod", ...rest },
  );
  return { engine, store, clock, sent };
}

const retry = { maxAttempts: 3, baseMs: 1000, maxMs: 60_000 };

describe("the delivery engine", () => {
  it("backs off, honours Retry-After for the whole destination, and gives up after the last try", async () => {
    const { engine, store, clock, sent } = setting(
      (_, call) => answered(429, call === 1 ? { "retry-after": "30" } : {}),
      {},
      { retry },
    );
    await store.append([outboxItem("i1", ["p1"])]);
    expect(await engine.deliverOnce("d1")).toEqual({ kind: "worked", items: 1 });
    await store.append([outboxItem("i2", ["p2"])]);
    expect(await engine.deliverOnce("d1")).toEqual({
      kind: "held",
      until: clock.now + 30_000,
      because: "retry-after",
    });
    clock.now += 31_000;
    expect((await engine.deliverOnce("d1")).kind).toBe("worked");
    clock.now += 2_000;
    expect((await engine.deliverOnce("d1")).kind).toBe("worked");
    expect(
      (await store.deadLetters({ destinationId: "d1", limit: 5 })).map((l) => [l.item.id, l.code, l.detail]),
    ).toEqual([["i1", "attempts.exhausted", "http.429"]]);
    expect(sent.length).toBe(3);
  });

  it("opens the circuit after failures in a row, probes once, and closes on success", async () => {
    let down = true;
    const { engine, store, clock, sent } = setting(
      () => (down ? answered(500) : answered(200)),
      {},
      {
        breaker: { failures: 2, openMs: 10_000, maxOpenMs: 40_000 },
        batch: { maxItems: 1 },
        concurrency: 1,
        retry: { maxAttempts: 20, baseMs: 1, maxMs: 1 },
      },
    );
    await store.append(["p1", "p2", "p3", "p4"].map((p) => outboxItem(p, [p])));
    for (let round = 0; round < 2; round += 1) await engine.deliverOnce("d1");
    expect(sent.length).toBe(2);
    expect(await engine.deliverOnce("d1")).toMatchObject({ kind: "held", because: "circuit" });
    expect(engine.metrics()[0]).toMatchObject({
      circuit: "open",
      requests: 2,
      failedRequests: 2,
      retried: 2,
    });
    clock.now += 10_000;
    await engine.deliverOnce("d1");
    expect(sent.length).toBe(3);
    expect(await engine.deliverOnce("d1")).toMatchObject({ kind: "held", until: clock.now + 20_000 });
    down = false;
    clock.now += 20_000;
    for (let round = 0; round < 6; round += 1) await engine.deliverOnce("d1");
    expect(engine.metrics()[0]).toMatchObject({ circuit: "closed", delivered: 4, deadLettered: 0 });
  });

  it("sets aside only the bad record of a request that was refused as a whole", async () => {
    const { engine, store } = setting((request) => answered(request.items.includes("bad") ? 400 : 200));
    await store.append(["a", "b", "bad", "c"].map((id) => outboxItem(id, [id])));
    await engine.deliverOnce("d1");
    expect(
      (await store.deadLetters({ destinationId: "d1", limit: 9 })).map(({ item, code }) => [item.id, code]),
    ).toEqual([["bad", "http.400"]]);
    expect(engine.metrics()[0]?.delivered).toBe(3);
  });

  it("sets aside the record whose plan throws, and the one a plan forgets, not their neighbours", async () => {
    const { engine, store } = setting(() => answered(200), {
      plan: (batch) => {
        const ids = [...batch.items].map(({ id }) => id);
        if (ids.includes("poison")) throw new Error("bug");
        const items = ids.filter((id) => id !== "forgotten");
        return [{ kind: "http", id: items.join(), items, method: "POST", url: "https://x/", headers: {} }];
      },
    });
    await store.append(["a", "poison", "forgotten", "c"].map((id) => outboxItem(id, [id])));
    await engine.deliverOnce("d1");
    const letters = await store.deadLetters({ destinationId: "d1", limit: 9 });
    expect(letters.map(({ item, code }) => [item.id, code]).sort()).toEqual([
      ["forgotten", "plan.dropped"],
      ["poison", "plan.threw"],
    ]);
    expect(engine.metrics()[0]?.delivered).toBe(2);
  });

  it("sets aside items of a dataflow that is gone", async () => {
    const { engine, store } = setting(() => answered(200));
    await store.append([{ ...outboxItem("i1", ["p1"]), dataflowId: "gone" }]);
    await engine.deliverOnce("d1");
    expect((await store.deadLetters({ destinationId: "d1", limit: 9 }))[0]?.code).toBe("dataflow.removed");
  });

  it("gives up on a record that kills its workers", async () => {
    const { engine, store, clock } = setting(() => answered(200), {}, { retry });
    await store.append([outboxItem("i1", ["p1"])]);
    for (let killed = 0; killed < 3; killed += 1) {
      const now = new Date(clock.now).toISOString();
      await store.lease({
        destinationId: "d1",
        worker: "dying",
        max: 1,
        now,
        leasedUntil: new Date(clock.now + 1000).toISOString(),
      });
      clock.now += 1000;
    }
    await engine.deliverOnce("d1");
    expect((await store.deadLetters({ destinationId: "d1", limit: 9 }))[0]?.code).toBe("attempts.exhausted");
  });

  it("waits for a batch to fill, but no longer than its age allows", async () => {
    const { engine, store, clock, sent } = setting(
      () => answered(200),
      {},
      { batch: { maxItems: 3, maxAgeMs: 5000 } },
    );
    await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p2"])]);
    expect(await engine.deliverOnce("d1")).toEqual({
      kind: "held",
      until: clock.now + 5000,
      because: "filling",
    });
    await store.append([outboxItem("i3", ["p3"])]);
    await engine.deliverOnce("d1");
    await store.append([outboxItem("i4", ["p4"])]);
    clock.now += 5000;
    await engine.deliverOnce("d1");
    expect(sent.map(({ items }) => items.length)).toEqual([3, 1]);
  });

  it("sends a batch that is full by size before its time, as the destination asks", async () => {
    const limits = { batchMax: 100, batchMaxBytes: 1000, batchMaxAgeMs: 5000 };
    const { engine, store, clock, sent } = setting(() => answered(200), {
      capabilities: { ...httpProfileExport.capabilities, ...limits },
    });
    await store.append([outboxItem("i1", ["p1"])]);
    expect(await engine.deliverOnce("d1")).toMatchObject({ kind: "held", until: clock.now + 5000 });
    await store.append([outboxItem("i2", ["p2"]), outboxItem("i3", ["p3"])]);
    expect(await engine.deliverOnce("d1")).toEqual({ kind: "worked", items: 3 });
    expect(sent.map(({ items }) => items)).toEqual([["i1", "i2"], ["i3"]]);
  });

  it("splits batches by size", async () => {
    const { engine, store, sent } = setting(
      () => answered(200),
      {},
      { batch: { maxItems: 4, maxBytes: 1000 } },
    );
    await store.append(["a", "b", "c"].map((id) => outboxItem(id, [id])));
    await engine.deliverOnce("d1");
    expect(sent.map(({ items }) => items.length)).toEqual([2, 1]);
  });

  it("keeps to the destination's rate", async () => {
    const waits: number[] = [];
    const { engine, store, clock } = setting(
      () => answered(200),
      {
        capabilities: {
          ...httpProfileExport.capabilities,
          batchMax: 1,
          requestsPerSecond: 2,
          concurrency: 1,
        },
      },
      {
        ports: {
          sleep: async (ms, signal) => {
            if (ms >= 1000)
              return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
            waits.push(ms);
            clock.now += ms;
          },
        },
      },
    );
    await store.append(Array.from({ length: 6 }, (_, i) => outboxItem(`i${i}`, [`p${i}`])));
    const from = clock.now;
    for (let round = 0; round < 8; round += 1) await engine.deliverOnce("d1");
    expect(engine.metrics()[0]?.delivered).toBe(6);
    expect(waits).toEqual([500, 500, 500, 500]);
    expect(clock.now - from).toBe(2000);
  });

  it("asks after an accepted job until it is finished, through failed questions", async () => {
    const states = ["pending", "broken", "finished"];
    const { engine, store, clock, sent } = setting(
      ({ method }) => {
        if (method === "POST") return answered(202);
        const state = states.shift();
        return state === "broken"
          ? { kind: "failure", reason: "network", detail: "x" }
          : answered(200, {}, state);
      },
      {
        interpret: (request) =>
          request.kind === "http" ? request.items.map((item) => ({ kind: "accepted", item, job: "j1" })) : [],
        poll: {
          plan: ({ job, items }) => ({
            kind: "http",
            id: job,
            items,
            method: "GET",
            url: "https://x/j1",
            headers: {},
          }),
          interpret: ({ items }, response) =>
            response.kind === "http" && response.body === "pending"
              ? { kind: "pending", checkAfterMs: 5000 }
              : {
                  kind: "finished",
                  outcomes: items.map((item) =>
                    item === "i2"
                      ? { kind: "rejected", item, code: "job.refused" }
                      : { kind: "delivered", item },
                  ),
                },
        },
      },
    );
    await store.append([outboxItem("i1", ["p1"]), outboxItem("i2", ["p2"])]);
    await engine.deliverOnce("d1");
    expect((await store.backlog("d1", new Date(clock.now).toISOString())).waiting).toBe(2);
    for (let step = 0; step < 3; step += 1) {
      clock.now += 10_000;
      await engine.deliverOnce("d1");
    }
    expect(sent.map(({ method }) => method)).toEqual(["POST", "GET", "GET", "GET"]);
    expect((await store.backlog("d1", new Date(clock.now).toISOString())).waiting).toBe(0);
    expect(
      (await store.deadLetters({ destinationId: "d1", limit: 9 })).map(({ item, code }) => [item.id, code]),
    ).toEqual([["i2", "job.refused"]]);
  });

  it("gives records back untried when it is stopped", async () => {
    const stop = new AbortController();
    const { engine, store, clock } = setting(() => {
      stop.abort();
      return { kind: "failure", reason: "network", detail: "stopped" };
    });
    await store.append([outboxItem("i1", ["p1"])]);
    await engine.deliverOnce("d1", stop.signal);
    const now = new Date(clock.now + 1).toISOString();
    const again = await store.lease({ destinationId: "d1", worker: "w2", max: 1, now, leasedUntil: now });
    expect(again.map(({ id, attempts }) => [id, attempts])).toEqual([["i1", 0]]);
  });

  it("reports a broken store and goes on", async () => {
    const stop = new AbortController();
    const reports: string[] = [];
    const { engine } = setting(
      () => answered(200),
      {},
      {
        idleMs: 1,
        ports: {
          outbox: { ...createMemoryOutbox(), lease: () => Promise.reject(new Error("disk")) },
          report: (id, error) => {
            reports.push(`${id}: ${String(error)}`);
            if (reports.length === 2) stop.abort();
          },
          sleep: () => new Promise((resolve) => setTimeout(resolve, 1)),
        },
      },
    );
    await engine.run(() => ["d1"], stop.signal);
    expect(reports).toEqual(["d1: Error: disk", "d1: Error: disk"]);
  });
});
