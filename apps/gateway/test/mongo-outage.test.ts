import { setTimeout as wait } from "node:timers/promises";
import type { HubStore, StoredEvent } from "@tessera/profile-store";
import { expect, test } from "vitest";
import { openStore } from "../src/store.ts";
import { type Harness, startHarness, viewEvent } from "./harness.ts";
import { inDatabase, wayTo, withMongo } from "./mongo-gateways.ts";

const SENDERS = 4;
const REQUESTS = 10;
const EVENTS = 5;
const CUSTOMERS = 6;
const ALL = SENDERS * REQUESTS * EVENTS;

/** What became of everything that was sent. */
interface Told {
  readonly acknowledged: Set<string>;
  readonly refused: { readonly status: number; readonly pause: number; readonly code: unknown }[];
}

/** Sends its share, each request until it is taken in. */
async function sendShare(
  gateway: Harness,
  sender: number,
  { told, onTaken }: { readonly told: Told; readonly onTaken: () => void },
): Promise<void> {
  for (let number = 0; number < REQUESTS; number += 1) {
    const events = Array.from({ length: EVENTS }, (_, index) =>
      viewEvent(`e${sender}-${number}-${index}`, `C${(sender + number + index) % CUSTOMERS}`),
    );
    for (let taken = false; !taken;) {
      const response = await gateway.request("/collect/events?datasetId=web", {
        method: "POST",
        body: JSON.stringify(events),
      });
      const answer = (await response.json()) as { readonly code?: string };
      taken = response.ok;
      if (taken) {
        for (const event of events) told.acknowledged.add((event as { _id: string })._id);
        onTaken();
      } else {
        const pause = Number(response.headers.get("retry-after") ?? "0");
        told.refused.push({ status: response.status, pause, code: answer.code });
        await wait(pause * 250);
      }
    }
  }
}

withMongo("a deployment that stops and starts under a gateway", (uri) => {
  test(
    "requests are told to come again, nothing acknowledged is lost, and work goes on by itself",
    { timeout: 90_000 },
    async () => {
      await inDatabase(uri, async (store, own) => {
        const way = await wayTo(own, "serverSelectionTimeoutMS=300");
        const address = { kind: "mongodb", uri: way.uri } as const;
        const gateway = await startHarness(
          { leaseMs: 1_000 },
          await openStore(address, { name: "prod", isDefault: true }),
        );
        try {
          const told: Told = { acknowledged: new Set(), refused: [] };
          let closing: Promise<void> | undefined;
          const onTaken = (): void => {
            if (told.acknowledged.size >= ALL / 4) closing ??= way.close();
          };
          const sending = Array.from({ length: SENDERS }, (_, sender) =>
            sendShare(gateway, sender, { told, onTaken }),
          );
          await expect.poll(() => told.refused.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(SENDERS);
          const asked = await gateway.graphql("{ totals { events } }");
          expect(asked.errors?.[0]?.extensions.code).toBe("UNAVAILABLE");
          expect(told.acknowledged.size).toBeLessThan(ALL);
          for (const one of told.refused) {
            expect(one).toMatchObject({ status: 503, code: "UNAVAILABLE" });
            expect(one.pause).toBeGreaterThan(0);
          }
          const stored = new Set((await eventsOf(store)).map(({ id }) => id));
          expect([...told.acknowledged].filter((id) => !stored.has(id))).toEqual([]);

          await closing;
          await way.open();
          await Promise.all(sending);
          const events = await eventsOf(store);
          expect(events.map(({ id }) => id).sort()).toEqual([...told.acknowledged].sort());
          expect(told.acknowledged.size).toBe(ALL);
          const persons = await store.scan("", 1_000);
          expect(persons).toHaveLength(CUSTOMERS);
          expect(persons.reduce((sum, { eventCount }) => sum + eventCount, 0)).toBe(events.length);
          // The work under leases is taken up again, too.
          await expect
            .poll(async () => (await store.leases.held("timers/")).length, { timeout: 20_000 })
            .toBe(8);
        } finally {
          await gateway.close();
          await way.close();
        }
      });
    },
  );
});

async function eventsOf(store: HubStore): Promise<readonly StoredEvent[]> {
  const persons = await store.scan("", 1_000);
  return store.events(persons.flatMap(({ identities }) => identities));
}
