import { describe, expect, it } from "vitest";
import { fetchSend, realSleep } from "../test/fetch-send.ts";
import { type Behaviour, BEHAVIOURS, misbehavingServer } from "../test/misbehaving-server.ts";
import { outboxItem } from "./conformance/index.ts";
import {
  catalogEntry,
  createDeliveryEngine,
  createMemoryOutbox,
  type DeliveryStore,
  httpProfileExport,
  type OutboxItem,
} from "./index.ts";

const PERSONS = 12;
const EACH = 6;
const ALL = PERSONS * EACH;

function items(): OutboxItem[] {
  return Array.from({ length: ALL }, (_, index) => {
    const person = `p${index % PERSONS}`;
    const n = Math.floor(index / PERSONS);
    const item = outboxItem(`${person}-${n}`, [person]);
    if (item.payload.kind !== "profile") throw new Error("not a profile");
    const profile = { ...item.payload.item, attributes: { person, n } };
    return { ...item, payload: { kind: "profile", item: profile } };
  });
}

/** A small seeded generator (mulberry32), so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

async function drain(url: string, store: DeliveryStore, workers = 2): Promise<void> {
  const configured = catalogEntry(httpProfileExport).configure(
    { id: "d1", name: "hook" },
    { url, batchSize: 4 },
  );
  if (!configured.ok) throw new Error("settings refused");
  const destination = {
    ...configured.value,
    capabilities: { ...configured.value.capabilities, maxAttempts: 40 },
    plan: (...args: Parameters<typeof configured.value.plan>) =>
      configured.value
        .plan(...args)
        .map((request) => (request.kind === "http" ? { ...request, timeoutMs: 60 } : request)),
  };
  const stop = new AbortController();
  const engines = Array.from({ length: workers }, (_, worker) =>
    createDeliveryEngine(
      {
        outbox: store,
        destination: (id) => (id === "d1" ? destination : undefined),
        dataflow: () => ({ audiences: [], mapping: [] }),
        send: fetchSend,
        sleep: realSleep,
        now: () => Date.now(),
        random: () => 0.5,
      },
      {
        worker: `w${worker}`,
        orgId: "org",
        sandbox: "prod",
        retry: { maxAttempts: 40, baseMs: 2, maxMs: 20 },
        breaker: { failures: 4, openMs: 5, maxOpenMs: 20 },
        concurrency: 3,
        idleMs: 2,
      },
    ),
  );
  const running = engines.map((engine) => engine.run(() => ["d1"], stop.signal));
  const until = Date.now() + 20_000;
  while (Date.now() < until) {
    const { waiting } = await store.backlog("d1", new Date(Date.now()).toISOString());
    if (waiting === 0) break;
    await realSleep(5);
  }
  stop.abort();
  await Promise.all(running);
}

async function everyRecordHasOneEnd(behaviour: () => Behaviour, refused: ReadonlySet<string>): Promise<void> {
  const server = await misbehavingServer(behaviour, refused);
  const store = createMemoryOutbox();
  await store.append(items());
  try {
    await drain(server.url, store);
  } finally {
    await server.close();
  }
  const dead = await store.deadLetters({ destinationId: "d1", limit: ALL });
  expect(dead.map(({ item, code }) => [item.id, code]).sort()).toEqual(
    [...refused].sort().map((id) => [id, "http.422"]),
  );
  const log = await store.deliveries({
    personIds: Array.from({ length: PERSONS }, (_, i) => `p${i}`),
    limit: ALL * 2,
  });
  expect(log.length).toBe(ALL);
  expect(new Set(log.map(({ itemId }) => itemId)).size).toBe(ALL);
  for (let person = 0; person < PERSONS; person += 1) {
    const wanted = Array.from({ length: EACH }, (_, n) => n).filter((n) => !refused.has(`p${person}-${n}`));
    expect(server.taken.get(`p${person}`)).toEqual(wanted);
  }
}

const REFUSED = new Set(["p1-0", "p3-2", "p3-3", "p7-5"]);

describe("failure matrix: every record is delivered or set aside with its reason, in order per person", () => {
  for (const behaviour of BEHAVIOURS.filter((b) => b !== "ok")) {
    it(`a receiver that is ${behaviour} two times in three`, async () => {
      let call = 0;
      await everyRecordHasOneEnd(() => (call++ % 3 === 2 ? "ok" : behaviour), REFUSED);
    });
  }
  for (const seed of [1, 2, 3]) {
    it(`a receiver with all of it in random order, seed ${seed}`, async () => {
      const random = seeded(seed);
      await everyRecordHasOneEnd(() => BEHAVIOURS[Math.floor(random() * BEHAVIOURS.length)] ?? "ok", REFUSED);
    });
  }
});
