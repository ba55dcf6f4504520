import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Harness, startHarness, viewEvent } from "./harness.ts";

interface Report {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly { readonly index: number; readonly line?: number; readonly code: string }[];
  readonly code?: string;
}

describe("/collect", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  const collect = async (
    body: string | Uint8Array<ArrayBuffer>,
    path: string,
    headers = {},
  ): Promise<Report> => {
    const response = await harness.request(path, { method: "POST", body, headers });
    return (await response.json()) as Report;
  };

  it("takes a list and NDJSON alike, and tells each bad item by its place", async () => {
    const events = [viewEvent("a1", "A1"), { timestamp: "never" }, viewEvent("a2", "A2")];
    const list = await collect(JSON.stringify(events), "/collect/events?datasetId=web");
    expect(list).toMatchObject({
      accepted: 2,
      duplicates: 0,
      rejected: [{ index: 1, code: "event.timestamp" }],
    });
    const lines = `${JSON.stringify(events[0])}\n\nnot json\n${JSON.stringify(events[1])}\n${JSON.stringify(viewEvent("a3", "A3"))}`;
    expect(await collect(lines, "/collect/events?datasetId=web")).toMatchObject({
      accepted: 1,
      duplicates: 1,
      rejected: [
        { index: 1, line: 3, code: "json.syntax" },
        { index: 2, line: 4, code: "event.timestamp" },
      ],
    });
  });

  it("keeps places right over many parts, and equal events without an id apart", async () => {
    const bare = {
      timestamp: "2026-02-01T00:00:00Z",
      eventType: "x",
      identityMap: { CRMID: [{ id: "B1" }] },
    };
    const events: object[] = Array.from({ length: 3_500 }, (_, n) => viewEvent(`b${n}`, `B${n % 50}`));
    events[2_345] = { bad: true };
    events[100] = bare;
    events[3_400] = bare;
    const body = events.map((event) => JSON.stringify(event)).join("\n");
    const first = await collect(body, "/collect/events?datasetId=parts");
    expect(first).toMatchObject({
      accepted: 3_499,
      duplicates: 0,
      rejected: [{ index: 2_345, line: 2_346 }],
    });
    expect(await collect(body, "/collect/events?datasetId=parts")).toMatchObject({
      accepted: 0,
      duplicates: 3_499,
    });
  });

  it("takes gzip, and says when a body is not what its encoding says", async () => {
    const body = JSON.stringify([viewEvent("g1", "G1")]);
    const path = "/collect/events?datasetId=web";
    const zipped = await collect(new Uint8Array(gzipSync(body)), path, { "content-encoding": "gzip" });
    expect(zipped).toMatchObject({ accepted: 1 });
    expect(await collect(body, path, { "content-encoding": "gzip" })).toMatchObject({
      code: "BODY_UNREADABLE",
    });
    expect(await collect(body, path, { "content-encoding": "rot13" })).toMatchObject({
      code: "ENCODING_UNKNOWN",
    });
  });

  it("takes records", async () => {
    const record = { identityMap: { CRMID: [{ id: "R1", primary: true }] }, loyalty: { tier: "gold" } };
    const report = await collect(JSON.stringify([record, 7]), "/collect/records?datasetId=crm");
    expect(report).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: "record.shape" }] });
  });

  it("wants a dataset id that is one", async () => {
    for (const path of ["/collect/events", "/collect/events?datasetId=", "/collect/events?datasetId=../x"]) {
      const response = await harness.request(path, { method: "POST", body: "[]" });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "DATASET_INVALID" });
    }
  });

  it("answers 429 with Retry-After when too much waits, and takes none of it", async () => {
    const small = await startHarness({ queueLimit: 10 });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const commit = small.store.commit.bind(small.store);
    small.store.commit = async (changes) => {
      await held;
      return commit(changes);
    };
    const send = (id: string): Promise<Response> =>
      small.request("/collect/events?datasetId=web", {
        method: "POST",
        body: JSON.stringify(Array.from({ length: 20 }, (_, n) => viewEvent(`${id}-${n}`, `${id}${n}`))),
      });
    const first = send("first");
    await expect
      .poll(async () => (await small.request("/metrics")).text())
      .toContain('tessera_ingest_queue_items{sandbox="prod"} 20');
    const second = await send("second");
    expect(second.status).toBe(429);
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
    release();
    expect(await (await first).json()).toMatchObject({ accepted: 20 });
    expect(await small.store.totals()).toMatchObject({ events: 20 });
    await small.close();
  });

  it("holds long bodies back while the queue is full, and takes all of them in the end", async () => {
    const queueLimit = 1_500;
    const small = await startHarness({ queueLimit });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const commit = small.store.commit.bind(small.store);
    small.store.commit = async (changes) => {
      await held;
      return commit(changes);
    };
    const send = (id: string): Promise<Response> =>
      small.request("/collect/events?datasetId=web", {
        method: "POST",
        body: JSON.stringify(
          Array.from({ length: 8_000 }, (_, n) => viewEvent(`${id}-${n}`, `${id}${n % 9}`)),
        ),
      });
    const sent = ["A", "B", "C"].map(send);
    const depth = async (): Promise<number> =>
      Number(
        /tessera_ingest_queue_items\{[^}]*\} (\d+)/.exec(await (await small.request("/metrics")).text())?.[1],
      );
    await expect.poll(depth).toBeGreaterThan(queueLimit);
    const seen: number[] = [];
    for (let n = 0; n < 10; n += 1) seen.push(await depth());
    // a part that found room may go beyond the limit, one for each body
    expect(Math.max(...seen)).toBeLessThanOrEqual(queueLimit + 3 * 1_000);
    release();
    const answered = await Promise.all(sent);
    const taken = answered.filter(({ status }) => status === 200);
    // one that came when the queue was full already was turned away as a whole
    expect(taken.length + answered.filter(({ status }) => status === 429).length).toBe(3);
    for (const response of taken)
      expect(await response.json()).toMatchObject({ accepted: 8_000, rejected: [] });
    expect((await small.store.totals()).events).toBe(8_000 * taken.length);
    expect(taken.length).toBeGreaterThan(0);
    await small.close();
  });

  it("drains at the stop: what is under way is answered and durable, and nothing new is taken", async () => {
    const stopping = await startHarness();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const commit = stopping.store.commit.bind(stopping.store);
    stopping.store.commit = async (changes) => {
      if (changes.events.length > 0) await held;
      return commit(changes);
    };
    const path = "/collect/events?datasetId=web";
    const body = JSON.stringify([viewEvent("d1", "D1")]);
    const underWay = stopping.request(path, { method: "POST", body });
    await expect
      .poll(async () => (await stopping.request("/metrics")).text())
      .toContain('tessera_ingest_queue_items{sandbox="prod"} 1');
    const closed = stopping.close();
    await expect(stopping.request(path, { method: "POST", body })).rejects.toThrow();
    release();
    expect(await (await underWay).json()).toMatchObject({ accepted: 1 });
    await closed;
  });

  it("says 503 when the store fails, with what is durable", async () => {
    const broken = await startHarness();
    broken.store.commit = () => Promise.reject(new Error("the disk is full"));
    const body = JSON.stringify([viewEvent("x", "X")]);
    const response = await broken.request("/collect/events?datasetId=web", { method: "POST", body });
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain("disk");
    await broken.close();
  });
});
