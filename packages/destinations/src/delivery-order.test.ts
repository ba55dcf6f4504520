import * as fc from "fast-check";
import { expect, it } from "vitest";
import { outboxItem } from "./conformance/index.ts";
import {
  catalogEntry,
  createDeliveryEngine,
  createMemoryOutbox,
  createRelayedOutbox,
  type DeliveryStore,
  httpProfileExport,
  type OutboxItem,
} from "./index.ts";

const START = Date.parse("2026-01-31T12:00:00.000Z");

/** Persons p0 to p3; an item of two persons is what a merge or a split causes. */
const lanes = fc.uniqueArray(fc.constantFrom("p0", "p1", "p2", "p3"), { minLength: 1, maxLength: 2 });
const script = fc.array(fc.constantFrom("ok", "ok", "500", "429", "lost", "400", "some"), {
  minLength: 1,
  maxLength: 40,
});

const stores: readonly (readonly [string, (items: readonly OutboxItem[]) => Promise<DeliveryStore>])[] = [
  [
    "memory",
    async (items) => {
      const store = createMemoryOutbox();
      await store.append(items);
      return store;
    },
  ],
  [
    "relayed",
    async (items) => {
      const gone = new Set<string>();
      const source = {
        read: async (_: string, after: number, limit: number) =>
          items
            .map((item, index) => ({ sequence: index + 1, item }))
            .filter(({ sequence, item }) => sequence > after && !gone.has(item.id))
            .slice(0, limit),
        append: async () => undefined,
        acknowledge: async (ids: readonly string[]) => {
          for (const id of ids) gone.add(id);
        },
      };
      return createRelayedOutbox({ source, journal: createMemoryOutbox(), window: 10 });
    },
  ],
];

for (const [name, create] of stores) {
  it(`law (${name} store): two workers, any failures, merges included: one end a record, and lanes keep their order`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(lanes, { minLength: 1, maxLength: 30 }), script, async (all, answers) => {
        const items = all.map((own, index) => outboxItem(`i${index}`, own));
        const store = await create(items);
        const configured = catalogEntry(httpProfileExport).configure(
          { id: "d1", name: "x" },
          { url: "https://x.test/", batchSize: 3 },
        );
        if (!configured.ok) throw new Error("refused");
        const destination = {
          ...configured.value,
          capabilities: { ...configured.value.capabilities, maxAttempts: 4 },
        };
        let now = START;
        let call = 0;
        const arrived: string[] = [];
        const engines = ["w1", "w2"].map((worker) =>
          createDeliveryEngine(
            {
              outbox: store,
              destination: () => destination,
              dataflow: () => ({ audiences: [], mapping: [] }),
              send: async (request) => {
                const answer = answers[call++ % answers.length];
                const take = (ids: readonly string[]): void =>
                  void arrived.push(...ids.filter((id) => !arrived.includes(id)));
                const reply = (status: number, body = "") =>
                  ({ kind: "http", status, headers: {}, body, receivedAt: "" }) as const;
                if (answer === "ok" || answer === "lost") take(request.items);
                if (answer === "lost") return { kind: "failure", reason: "network", detail: "" };
                if (answer !== "some") return reply(answer === "ok" ? 200 : Number(answer));
                const [first = "", ...others] = request.items;
                take([first]);
                const results = [{ id: first, status: 200 }, ...others.map((id) => ({ id, status: 503 }))];
                return reply(200, JSON.stringify({ results }));
              },
              sleep: (ms, signal) =>
                ms >= 1000
                  ? new Promise((resolve) => signal?.addEventListener("abort", () => resolve()))
                  : Promise.resolve(),
              now: () => now,
              random: () => 0.5,
            },
            {
              worker,
              orgId: "o",
              sandbox: "s",
              retry: { maxAttempts: 4, baseMs: 100, maxMs: 1000 },
              concurrency: 2,
            },
          ),
        );
        for (let round = 0; round < 2000; round += 1) {
          const { waiting } = await store.backlog("d1", new Date(now).toISOString());
          if (waiting === 0) break;
          await Promise.all(engines.map((engine) => engine.deliverOnce("d1")));
          now += 5000;
        }
        expect((await store.backlog("d1", new Date(now).toISOString())).waiting).toBe(0);
        const log = await store.deliveries({ personIds: ["p0", "p1", "p2", "p3"], limit: 1000 });
        const dead = await store.deadLetters({ destinationId: "d1", limit: 1000 });
        const delivered = log.filter(({ outcome }) => outcome === "delivered").map(({ itemId }) => itemId);
        expect([...delivered, ...dead.map(({ item }) => item.id)].sort()).toEqual(
          items.map(({ id }) => id).sort(),
        );
        for (const id of delivered) expect(arrived).toContain(id);
        for (const lane of ["p0", "p1", "p2", "p3"]) {
          const order = arrived
            .filter((id) => items.find((item) => item.id === id)?.lanes.includes(lane))
            .map((id) => Number(id.slice(1)));
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
      }),
      { numRuns: 60 },
    );
  });
}
