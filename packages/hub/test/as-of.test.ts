import { createMemoryStore, type HubStore, type RecordOperation } from "@tessera/profile-store";
import { identityOfKey } from "@tessera/xdm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Hub } from "../src/hub.ts";
import { eventOf, happening, NOW, openHub, personsOf } from "./happenings.ts";

const HOUR = 3_600_000;

/** Something that comes in, a while after what came before. */
type Arrival =
  | { readonly kind: "event"; readonly body: object }
  | {
      readonly kind: "record";
      readonly crm: string;
      readonly country: string;
      readonly does: RecordOperation;
    }
  | { readonly kind: "unlink"; readonly crm: string; readonly cookie: string };

const customer = fc.constantFrom("a", "b", "c");
const arrivals: fc.Arbitrary<readonly Arrival[]> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: happening.filter(({ at }) => at <= NOW) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant("record" as const),
          crm: customer,
          country: fc.constantFrom("DE", "FR"),
          does: fc.constantFrom<RecordOperation[]>("upsert", "merge", "delete"),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("unlink" as const),
          crm: customer,
          cookie: fc.constantFrom("s1", "s2", "s3"),
        }),
      },
    ),
    { minLength: 1, maxLength: 14 },
  )
  .map((all) =>
    all.map((one, index): Arrival => ("kind" in one ? one : { kind: "event", body: eventOf(one, index) })),
  );

async function arrive(hub: Hub, arrival: Arrival): Promise<void> {
  if (arrival.kind === "event") await hub.ingestEvents("web", [arrival.body]);
  else if (arrival.kind === "record") {
    const { crm, country, does } = arrival;
    const record = { identityMap: { CRMID: [{ id: crm, primary: true }] }, homeAddress: { country } };
    await hub.ingestRecords("crm", [record], does);
  } else {
    const [a, b] = [
      { namespace: "CRMID", id: arrival.crm },
      { namespace: "SESSION", id: arrival.cookie },
    ];
    // Whom nothing is known of yet has no graph that could keep the decision.
    if ((await hub.person(a)) !== undefined && (await hub.person(b)) !== undefined)
      await hub.unlinkIdentities(a, b);
  }
}

async function live(all: readonly Arrival[]): Promise<{ readonly hub: Hub; readonly store: HubStore }> {
  const store = createMemoryStore();
  let now = NOW;
  const hub = await openHub(store, { clock: () => now });
  for (const arrival of all) {
    await arrive(hub, arrival);
    now += HOUR;
    while ((await hub.runTimers()) > 0);
  }
  return { hub, store };
}

describe("a person derived anew", () => {
  it("is the one who is there: asked for as of now, and after a rebuild", async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, async (all) => {
        const { hub, store } = await live(all);
        const asOf = new Date(NOW + all.length * HOUR).toISOString();
        const before = await personsOf(store);
        for (const key of before.flatMap(({ identities }) => identities)) {
          const identity = identityOfKey(key);
          const [now, then] = [await hub.profile(identity), await hub.profile(identity, { asOf })];
          expect({ ...then, version: 0 }).toEqual({ ...now, version: 0 });
        }
        await hub.rebuild();
        expect(await personsOf(store)).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  it("was a member before a record was deleted, also when that comes out anew", async () => {
    const { hub } = await live([
      { kind: "record", crm: "a", country: "DE", does: "upsert" },
      { kind: "record", crm: "a", country: "DE", does: "delete" },
    ]);
    const identity = { namespace: "CRMID", id: "a" };
    const left = { ups: { germans: { status: "exited" } } };
    expect((await hub.profile(identity))?.segmentMembership).toMatchObject(left);
    await hub.rebuild();
    expect((await hub.profile(identity))?.segmentMembership).toMatchObject(left);
  });

  it("was seen where their events came through", async () => {
    const store = createMemoryStore();
    const hub = await openHub(store);
    const seen = (index: number, region: string, hoursAgo: number): object => ({
      ...eventOf({ at: NOW - hoursAgo * HOUR, type: "view", crm: "a", cookies: ["s1"] }, index),
      _tessera: { region },
    });
    await hub.ingestEvents("web", [seen(1, "va6", 1)]);
    await hub.ingestEvents("web", [seen(2, "irl1", 3), seen(3, "va6", 5)]);
    const regions = { irl1: "2026-01-31T21:00:00.000Z", va6: "2026-01-31T23:00:00.000Z" };
    const identity = { namespace: "CRMID", id: "a" };
    expect((await hub.profile(identity))?.userActivityRegions).toEqual(regions);
    await hub.rebuild();
    expect((await hub.profile(identity))?.userActivityRegions).toEqual(regions);
  });
});
