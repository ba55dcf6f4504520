import { createMemoryStore, createScanningFinder } from "@tessera/profile-store";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const START = Date.parse("2026-02-01T00:00:00Z");
const PATHS = ["homeAddress.city", "loyalty.points", "vip"];

/** Two hubs on one store: one finds persons by indexes, the other looks at everyone. */
async function open(): Promise<{ readonly indexed: Hub; readonly plain: Hub; readonly pass: () => void }> {
  let now = START;
  let ids = 0;
  const store = createMemoryStore();
  const made = { store, clock: () => now, newId: () => `id-${(ids += 1)}` };
  return {
    indexed: await createHub({ ...made, finder: createScanningFinder(store) }),
    plain: await createHub(made),
    pass: () => (now += 1_000),
  };
}

async function found(hub: Hub, where: string, limit = 7): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let after = ""; ;) {
    const page = await hub.searchPersons({ where, after, limit });
    if (!page.ok) throw new Error(page.error.map(({ message }) => message).join(" "));
    ids.push(...page.value.views.map(({ personId }) => personId));
    if (!page.value.hasMore) return ids;
    after = page.value.last;
  }
}

const bodies = fc.record(
  {
    homeAddress: fc.record({ city: fc.constantFrom("Bonn", "Ulm", "Köln") }, { requiredKeys: [] }),
    loyalty: fc.record({ points: fc.constantFrom(0, 3, 7, 2.5) }, { requiredKeys: [] }),
    vip: fc.boolean(),
  },
  { requiredKeys: [] },
);
const conditions: fc.Arbitrary<string> = fc.letrec((tie) => ({
  leaf: fc.constantFrom(
    'homeAddress.city = "Bonn"',
    'homeAddress.city in ["Ulm", "Köln"]',
    'homeAddress.city != "Ulm"',
    'homeAddress.city.startsWith("B")',
    "loyalty.points >= 3",
    "2.5 > loyalty.points",
    "vip = true",
    "loyalty.points.isNotNull()",
  ),
  both: fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${String(a)} and ${String(b)})`),
  either: fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${String(a)} or ${String(b)})`),
  neither: tie("any").map((a) => `not (${String(a)})`),
  any: fc.oneof({ maxDepth: 3, depthSize: "small" }, tie("leaf"), tie("both"), tie("either"), tie("neither")),
})).any as fc.Arbitrary<string>;

describe("a search by attributes", () => {
  it.each([
    ["the latest word counts", {}],
    [
      "one dataset counts before another",
      { attributeMerge: { type: "dataSetPrecedence", order: ["shop", "crm"] } },
    ],
    ["each identity stands for itself", { identityGraph: { type: "none" } }],
  ])("finds with indexes whom it finds without, where %s", { timeout: 60_000 }, async (_name, policy) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(9), fc.constantFrom("crm", "shop"), fc.boolean(), bodies), {
          maxLength: 25,
        }),
        fc.array(conditions, { minLength: 3, maxLength: 5 }),
        fc.subarray(PATHS),
        async (records, queries, paths) => {
          const { indexed, plain, pass } = await open();
          const saved = await indexed.saveMergePolicy({
            name: "Ours",
            default: true,
            ...policy,
          });
          expect(saved).toMatchObject({ ok: true });
          await plain.reload();
          for (const path of paths) expect(await indexed.saveSearchIndex(path)).toMatchObject({ ok: true });
          for (const [person, dataset, byMail, body] of records) {
            pass();
            const crmid = { CRMID: [{ id: `c${person}`, primary: !byMail }] };
            const mail = { Email: [{ id: `c${person}@shop.example`, primary: byMail }] };
            await indexed.ingestRecords(dataset, [{ identityMap: { ...crmid, ...mail }, ...body }]);
          }
          for (const where of queries) expect(await found(indexed, where)).toEqual(await found(plain, where));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("says how it was answered, and refuses an index of what is no attribute", async () => {
    const { indexed, plain, pass } = await open();
    for (let n = 0; n < 30; n += 1) {
      pass();
      await indexed.ingestRecords("crm", [
        { identityMap: { CRMID: [{ id: `c${n}`, primary: true }] }, loyalty: { points: n % 10 } },
      ]);
    }
    const ask = async (hub: Hub, where: string): Promise<object> => {
      const page = await hub.searchPersons({ where, after: "", limit: 100 });
      return page.ok ? { ...page.value.plan, examined: page.value.examined } : page.error;
    };
    const missing = { method: "scan", indexes: [], missing: ["loyalty.points"], isBusy: false, examined: 30 };
    expect(await ask(indexed, "loyalty.points = 3")).toEqual(missing);
    expect(await plain.saveSearchIndex("loyalty.points")).toMatchObject({
      ok: false,
      error: [{ code: "search.store" }],
    });
    await indexed.saveSearchIndex("loyalty.points");
    expect(await indexed.searchIndexes()).toMatchObject([{ path: "loyalty.points", isReady: true }]);
    const used = { method: "index", indexes: ["loyalty.points"], missing: [], isBusy: false, examined: 3 };
    expect(await ask(indexed, "loyalty.points = 3")).toEqual(used);
    for (let n = 1; n < 20; n += 1) await indexed.saveSearchIndex(`a.b${n}`);
    expect(await indexed.saveSearchIndex("one.more")).toMatchObject({
      ok: false,
      error: [{ code: "search.indexes" }],
    });
    expect(await indexed.saveSearchIndex("no path")).toMatchObject({ ok: false });
    expect(await indexed.deleteSearchIndex("loyalty.points")).toBe(true);
    expect(await ask(indexed, "loyalty.points = 3")).toEqual(missing);
  });
});
