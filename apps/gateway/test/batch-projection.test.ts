import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createHub, type Hub } from "@tessera/hub";
import { createMemoryStore, type HubStore, type PersonProjection } from "@tessera/profile-store";
import { openSqliteStore } from "@tessera/store-sqlite";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "tessera-projection-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NOW = Date.parse("2026-02-01T00:00:00Z");
const HOUR = 3_600_000;

/** Audiences of every kind; the last cannot be decided from columns. */
const EXPRESSIONS: readonly string[] = [
  'xEvent.exists(eventType = "buy")',
  'not(xEvent.exists(eventType = "buy"))',
  'xEvent[eventType = "view" and timestamp occurs <= 6 hours before now].count() >= 2',
  'xEvent[eventType = "buy"].sum(price) > 30',
  'CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view"), B: WHAT(eventType = "buy") WHEN(<= 5 hours after A)])',
  'homeAddress.country = "DE"',
  'homeAddress.country != "DE" and points >= 5',
  'inSegment("id-1") and not inSegment("id-6")',
  'xEvent.topN(timestamp, 1).head().eventType = "buy"',
];
/** Audiences that come later: with another attribute, and with another field of events. */
const LATER: readonly string[] = ['tier.startsWith("g")', 'xEvent.exists(shop.city = "Kiel")'];

interface Side {
  readonly hub: Hub;
  readonly store: HubStore;
  readonly setNow: (ms: number) => void;
}

async function open(store: HubStore, projection?: PersonProjection): Promise<Side> {
  let now = NOW;
  let ids = 0;
  const hub = await createHub({
    store,
    projection,
    clock: () => now,
    newId: () => `id-${(ids += 1)}`,
    suppressionSalt: "a salt of enough characters",
  });
  return { hub, store, setNow: (ms) => (now = ms) };
}

async function addAudiences(hub: Hub, expressions: readonly string[]): Promise<void> {
  for (const value of expressions) {
    const expression = { type: "PQL", format: "pql/text", value } as const;
    const made = await hub.createAudience({ name: value, expression, evaluation: "batch" });
    if (!made.ok) throw new Error(made.error.map(({ message }) => message).join(" "));
  }
}

/** Everyone with the audiences they are in. */
async function membersOf(store: HubStore): Promise<ReadonlyMap<string, readonly string[]>> {
  const persons = await store.scan("", 10_000);
  return new Map(
    persons.map(({ personId, memberships }) => [
      personId,
      memberships.map(({ audienceId, status, at }) => `${audienceId} ${status} ${at - NOW}`),
    ]),
  );
}

async function expectSame(a: Side, b: Side): Promise<void> {
  expect(await membersOf(a.store)).toEqual(await membersOf(b.store));
  expect(await a.store.counters()).toEqual(await b.store.counters());
}

type Step =
  | {
      readonly kind: "event";
      readonly who: number;
      readonly with: number;
      readonly type: string;
      readonly ago: number;
      readonly price: number;
    }
  | {
      readonly kind: "record";
      readonly who: number;
      readonly country: string;
      readonly points: number;
      readonly tier: string;
    }
  | { readonly kind: "erase"; readonly who: number }
  | { readonly kind: "pass"; readonly hours: number }
  | { readonly kind: "evaluate" };

const who = fc.nat(11);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("event" as const),
      who,
      with: fc.nat(14),
      type: fc.constantFrom("view", "buy"),
      ago: fc.nat(40),
      price: fc.nat(25),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("record" as const),
      who,
      country: fc.constantFrom("DE", "FR"),
      points: fc.nat(9),
      tier: fc.constantFrom("gold", "none"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("erase" as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), hours: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("evaluate" as const) }) },
);

/** Does one thing to a hub. Cookies are shared now and then, so that persons merge. */
async function take(
  side: Side,
  one: Step,
  { number, now }: { readonly number: number; readonly now: number },
): Promise<void> {
  const { hub } = side;
  switch (one.kind) {
    case "event": {
      const identityMap = { CRMID: [{ id: `c${one.who}` }], SESSION: [{ id: `s${one.with}` }] };
      const timestamp = new Date(now - one.ago * HOUR).toISOString();
      const shop = { city: one.price > 12 ? "Kiel" : "Ulm" };
      await hub.ingestEvents("web", [
        { _id: `e${number}`, timestamp, eventType: one.type, price: one.price, shop, identityMap },
      ]);
      return;
    }
    case "record": {
      const { who: customer, country, points, tier } = one;
      const record = {
        homeAddress: { country },
        points,
        tier,
        identityMap: { CRMID: [{ id: `c${customer}` }] },
      };
      await hub.ingestRecords("crm", [record]);
      return;
    }
    case "erase":
      await hub.erasePerson([{ namespace: "CRMID", id: `c${one.who}` }], { expandIds: true });
      return;
    case "pass":
      side.setNow(now);
      return;
    case "evaluate": {
      const evaluated = await hub.evaluateAudiences();
      if (!evaluated.ok) throw new Error("Expected an evaluation.");
    }
  }
}

describe("batch evaluation by the projection", () => {
  it("finds what evaluation person by person finds, while persons come, change, merge and go", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
        const sqlite = openSqliteStore({ path: join(folder, `run-${(run += 1)}.db`), synchronous: "normal" });
        const projection = sqlite.openProjection({ threads: 1 });
        const fast = await open(sqlite, projection);
        const plain = await open(createMemoryStore());
        for (const { hub } of [fast, plain]) await addAudiences(hub, EXPRESSIONS);
        let now = NOW;
        let number = 0;
        for (const one of [...steps, { kind: "evaluate" } as const]) {
          if (one.kind === "pass") now += one.hours * HOUR;
          number += 1;
          for (const side of [fast, plain]) await take(side, one, { number, now });
          if (one.kind === "evaluate") await expectSame(fast, plain);
        }
        for (const side of [fast, plain]) {
          await addAudiences(side.hub, LATER);
          await side.hub.evaluateAudiences();
        }
        await expectSame(fast, plain);
        await projection.close();
        await sqlite.close();
      }),
      { numRuns: 5, endOnFailure: true },
    );
  }, 120_000);

  it("is kept on disk: opened again it reads nobody whom it knows", async () => {
    const path = join(folder, "kept.db");
    const first = openSqliteStore({ path, synchronous: "normal" });
    const before = first.openProjection({ threads: 2 });
    const { hub } = await open(first, before);
    await addAudiences(hub, EXPRESSIONS.slice(0, 8));
    await hub.ingestEvents(
      "web",
      Array.from({ length: 300 }, (_, index) => eventOf(index)),
    );
    await hub.evaluateAudiences();
    // Whoever moved was written, so their versions are followed once more.
    expect((await hub.evaluateAudiences()).ok).toBe(true);
    await before.close();
    await first.close();
    // Every third event is taken from the truth behind the store's back: whoever were read anew would be found without it.
    const truth = new DatabaseSync(path);
    truth.exec("UPDATE event SET body = NULL WHERE id % 3 = 0");
    truth.close();
    const second = openSqliteStore({ path, synchronous: "normal" });
    const after = second.openProjection({ threads: 2 });
    const again = await open(second, after);
    const evaluated = await again.hub.evaluateAudiences(["id-1"]);
    expect(evaluated.ok && evaluated.value[0]?.count).toBe(150);
    const asked = await again.hub.estimateAudience({
      type: "PQL",
      format: "pql/text",
      value: 'inSegment("id-1") and xEvent[eventType = "buy"].count() > 0',
    });
    expect(asked).toMatchObject({ ok: true, value: { count: 150, exact: true } });
    await after.close();
    await second.close();
  });

  it("goes on where a run was broken off", async () => {
    const sqlite = openSqliteStore({ path: join(folder, "broken.db"), synchronous: "normal" });
    const projection = sqlite.openProjection({ threads: 1 });
    const { hub, store } = await open(sqlite, projection);
    await addAudiences(hub, EXPRESSIONS.slice(0, 2));
    // More than two chunks of persons.
    for (let from = 0; from < 18_000; from += 2_000)
      await hub.ingestEvents(
        "web",
        Array.from({ length: 2_000 }, (_, index) => eventOf(from + index)),
      );
    let told = 0;
    const stop = async (): Promise<unknown> =>
      hub.evaluateAudiences(undefined, () => {
        told += 1;
        throw new Error("cancelled");
      });
    await expect(stop()).rejects.toThrow("cancelled");
    expect(told).toBe(1);
    expect(Object.values(await store.counters())).not.toContain(9_000);
    const progress: (readonly [number, number])[] = [];
    const evaluated = await hub.evaluateAudiences(undefined, (done, total) => progress.push([done, total]));
    expect(evaluated.ok && evaluated.value.map(({ count }) => count)).toEqual([9_000, 9_000]);
    expect(progress.at(-1)).toEqual([18_000, 18_000]);
    await projection.close();
    await sqlite.close();
  }, 120_000);

  it("what is forgotten leaves no file, and comes back with the next evaluation", async () => {
    const path = join(folder, "forgotten.db");
    const sqlite = openSqliteStore({ path, synchronous: "normal" });
    const projection = sqlite.openProjection({ threads: 1 });
    const { hub } = await open(sqlite, projection);
    await addAudiences(hub, EXPRESSIONS.slice(0, 1));
    await hub.ingestEvents("web", [eventOf(0), eventOf(1)]);
    await hub.evaluateAudiences();
    await projection.forget();
    expect(() => statSync(`${path}.columns-0`)).toThrow("ENOENT");
    await hub.ingestEvents("web", [eventOf(2)]);
    const evaluated = await hub.evaluateAudiences();
    expect(evaluated.ok && evaluated.value[0]?.count).toBe(2);
    await hub.rebuild();
    const rebuilt = await hub.evaluateAudiences();
    expect(rebuilt.ok && rebuilt.value[0]?.count).toBe(2);
    await projection.close();
    await sqlite.close();
  });
});

/** Every second person buys. */
function eventOf(index: number): object {
  return {
    _id: `e${index}`,
    timestamp: new Date(NOW - HOUR).toISOString(),
    eventType: index % 2 === 0 ? "buy" : "view",
    identityMap: { CRMID: [{ id: `c${index}`, primary: true }] },
  };
}
