import { createMemoryStore } from "@tessera/profile-store";
import { expect, it } from "vitest";
import { createHub } from "../src/hub.ts";

const pql = (value: string) => ({ type: "PQL", format: "pql/text", value }) as const;

it("estimates an audience before it is saved: exact for few persons, with an interval for many", async () => {
  let ids = 0;
  const hub = await createHub({
    store: createMemoryStore(),
    clock: () => Date.parse("2026-02-01T00:00:00Z"),
    newId: () => `id-${(ids += 1)}`,
  });
  const records = Array.from({ length: 3_000 }, (_, index) => ({
    identityMap: { CRMID: [{ id: `c${index}` }] },
    points: index % 10,
  }));
  for (let from = 0; from < records.length; from += 500)
    await hub.ingestRecords("crm", records.slice(from, from + 500));
  expect(await hub.estimateAudience(pql("points = 3"), 5_000)).toEqual({
    ok: true,
    value: { count: 300, confidence: 0.95, least: 300, most: 300, exact: true },
  });
  const sampled = await hub.estimateAudience(pql("points = 3"), 800);
  if (!sampled.ok) throw new Error("not estimated");
  expect(sampled.value.exact).toBe(false);
  expect(sampled.value.least).toBeLessThanOrEqual(300);
  expect(sampled.value.most).toBeGreaterThanOrEqual(300);
  expect(sampled.value.most - sampled.value.least).toBeLessThan(150);
  expect(await hub.estimateAudience(pql("points ="))).toMatchObject({ ok: false });
  expect(await hub.audiences()).toEqual([]);
});
