import { createMemoryStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const NOW = Date.parse("2026-02-01T00:00:00Z");

async function open(): Promise<Hub> {
  let ids = 0;
  const hub = await createHub({
    store: createMemoryStore(),
    clock: () => NOW,
    newId: () => `id-${(ids += 1)}`,
    tenant: "acme",
  });
  const pets = {
    id: "pets",
    class: "profile",
    schema: {
      type: "object",
      properties: { _acme: { type: "object", properties: { dogs: { type: "integer" } } } },
    },
  };
  expect(await hub.saveFieldGroup(pets)).toMatchObject({ ok: true });
  const person = { id: "person", class: "profile", fieldGroups: ["profile-person-details", "pets"] };
  expect(await hub.saveSchema(person)).toMatchObject({ ok: true });
  const visit = { id: "visit", class: "event", fieldGroups: ["event-web-details", "event-commerce"] };
  expect(await hub.saveSchema(visit)).toMatchObject({ ok: true });
  await hub.saveDataset({ id: "crm", kind: "profile", schemaId: "person" });
  await hub.saveDataset({ id: "web", kind: "event", schemaId: "visit" });
  return hub;
}

const identityMap = { CRMID: [{ id: "ada", primary: true }] };
const audience = (value: string) => ({
  name: value,
  expression: { type: "PQL" as const, format: "pql/text" as const, value },
});

describe("schemas", () => {
  it("check records and events at the door; what does not fit lies in quarantine with its reason", async () => {
    const hub = await open();
    const records = await hub.ingestRecords("crm", [
      { identityMap, _acme: { dogs: 2 }, person: { name: { firstName: "Ada" } } },
      { identityMap, _acme: { dogs: "two" } },
    ]);
    expect(records).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: "schema.violation" }] });
    const timestamp = "2026-01-01T00:00:00Z";
    const events = await hub.ingestEvents("web", [
      { _id: "1", timestamp, identityMap, commerce: { order: { priceTotal: 7 } } },
      { _id: "2", timestamp, identityMap, commerce: { order: { priceTotal: "7" } } },
    ]);
    expect(events).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: "schema.violation" }] });
    const [first, second] = await hub.quarantined(9);
    expect([first?.message, second?.message].join()).toContain(
      "commerce.order.priceTotal: expected a number",
    );
    expect((await hub.ingestRecords("crm", [{ identityMap, _acme: { dogs: null } }], "merge")).accepted).toBe(
      1,
    );
  });

  it("audiences are checked against the union of all of them", async () => {
    const hub = await open();
    expect(await hub.createAudience(audience("_acme.dogs >= 2"))).toMatchObject({ ok: true });
    expect(await hub.createAudience(audience("_acme.cats >= 2"))).toMatchObject({ ok: false });
    expect(await hub.createAudience(audience('_acme.dogs.startsWith("x")'))).toMatchObject({ ok: false });
    const bought = 'xEvent.exists(eventType = "buy" and commerce.order.priceTotal > 5)';
    expect(await hub.createAudience(audience(bought))).toMatchObject({ ok: true });
    expect(await hub.createAudience(audience("xEvent.exists(commerce.order.nowhere = 1)"))).toMatchObject({
      ok: false,
    });
    await hub.saveDataset({ id: "anything", kind: "profile" });
    expect(await hub.createAudience(audience("shoes.size > 40"))).toMatchObject({ ok: true });
    expect(hub.unionSchema("event")?.properties?.["commerce"]).toBeDefined();
  });

  it("in use they grow and never shrink", async () => {
    const hub = await open();
    const group = (properties: object) => ({
      id: "pets",
      class: "profile",
      schema: { type: "object", properties: { _acme: { type: "object", properties } } },
    });
    expect(await hub.saveFieldGroup(group({ cats: { type: "integer" } }))).toMatchObject({
      ok: false,
      error: [{ code: "schema.shrinks", path: ["_acme", "dogs"] }],
    });
    expect(
      await hub.saveFieldGroup(group({ dogs: { type: "integer" }, cats: { type: "integer" } })),
    ).toMatchObject({
      ok: true,
    });
    expect(await hub.createAudience(audience("_acme.cats >= 2"))).toMatchObject({ ok: true });
    const less = { id: "person", class: "profile", fieldGroups: ["profile-person-details"] };
    expect(await hub.saveSchema(less)).toMatchObject({ ok: false, error: [{ code: "schema.shrinks" }] });
    expect(await hub.saveFieldGroup({ ...group({}), id: "profile-consents" })).toMatchObject({ ok: false });
  });

  it("a partial update says only what changes, also where the schema requires more", async () => {
    const hub = await open();
    const properties = { name: { type: "string" }, tier: { type: "string" } };
    const schema = { type: "object", required: ["tier"], properties };
    expect(await hub.saveDataset({ id: "club", kind: "profile", schema })).toMatchObject({ ok: true });
    const send = async (record: object, does?: "merge") =>
      hub.ingestRecords("club", [{ identityMap, ...record }], does);
    expect(await send({ name: "Ada" })).toMatchObject({
      accepted: 0,
      rejected: [{ code: "schema.violation" }],
    });
    expect(await send({ tier: "gold" })).toMatchObject({ accepted: 1 });
    expect(await send({ name: "Ada" }, "merge")).toMatchObject({ accepted: 1 });
    expect(await send({ tier: null }, "merge")).toMatchObject({ rejected: [{ code: "schema.violation" }] });
    expect((await hub.profile({ namespace: "CRMID", id: "ada" }))?.attributes).toEqual({
      name: "Ada",
      tier: "gold",
    });
  });

  const refused: readonly [string, object, string][] = [
    ["a schema that there is not", { id: "new", kind: "profile", schemaId: "nowhere" }, "dataset.invalid"],
    ["a schema of the other class", { id: "new", kind: "event", schemaId: "person" }, "dataset.invalid"],
    [
      "a schema nothing can be checked against",
      { id: "new", kind: "profile", schema: { pattern: "(" } },
      "schema.invalid",
    ],
    ["no schema where there was one", { id: "crm", kind: "profile" }, "schema.shrinks"],
    ["a schema with less", { id: "crm", kind: "profile", schema: { type: "object" } }, "schema.shrinks"],
    [
      "an expiration of events for records",
      { id: "new", kind: "profile", eventExpirationDays: 3 },
      "dataset.invalid",
    ],
  ];
  it.each(refused)("a dataset is refused %s, and all goes on", async (_name, dataset, code) => {
    const hub = await open();
    const saved = await hub.saveDataset(dataset);
    expect(saved.ok ? [] : [...new Set(saved.error.map((issue) => issue.code))]).toEqual([code]);
    await hub.reload();
    expect(await hub.saveDataset({ id: "crm", kind: "profile", schemaId: "person" })).toMatchObject({
      ok: true,
    });
  });
});
