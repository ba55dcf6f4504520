import { catalogEntry, httpProfileExport } from "@tessera/destinations";
import { createMemoryStore } from "@tessera/profile-store";
import { expect, it } from "vitest";
import { createHub } from "../src/hub.ts";

it("sends the value of a mapped expression, not whether there is one", async () => {
  const store = createMemoryStore();
  let ids = 0;
  let now = Date.parse("2026-02-01T00:00:00Z");
  const hub = await createHub({
    store,
    clock: () => (now += 1),
    newId: () => `id-${(ids += 1)}`,
    catalog: [catalogEntry(httpProfileExport)],
  });
  const audience = await hub.createAudience({
    name: "Buyers",
    expression: { type: "PQL", format: "pql/text", value: "orders.count() > 0" },
  });
  const destination = await hub.createDestination({
    name: "Partner",
    type: "http-profile-export",
    settings: { url: "https://partner.example/in" },
  });
  if (!audience.ok || !destination.ok) throw new Error("not made");
  const { id } = destination.value.stored;
  const flow = await hub.activateAudiences({
    destinationId: id,
    audienceIds: [audience.value.id],
    mapping: [
      { source: { kind: "pql", expression: "orders.map(total).sum()" }, target: "spent" },
      { source: { kind: "pql", expression: 'if(orders.count() > 1, "often", "once")' }, target: "buys" },
      { source: { kind: "pql", expression: "missing" }, target: "nothing" },
    ],
  });
  expect(flow.ok).toBe(true);
  await hub.ingestRecords("crm", [
    { identityMap: { CRMID: [{ id: "ada" }] }, orders: [{ total: 5 }, { total: 7.5 }] },
  ]);
  const [entry] = await store.outbox(id, 0, 10);
  expect(entry?.body["payload"]).toMatchObject({ item: { attributes: { spent: 12.5, buys: "often" } } });
  expect(JSON.stringify(entry)).not.toContain("nothing");
});
