import { defaultLinkingRules } from "@tessera/identity-graph";
import { createMemoryStore } from "@tessera/profile-store";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventOf, type Happening, happening, openHub, personsOf } from "./happenings.ts";

const CUSTOMERS = ["a", "b", "c"];

const country = (crm: string, value: string): object => ({
  identityMap: { CRMID: [{ id: crm, primary: true }] },
  homeAddress: { country: value },
});

describe("undo", () => {
  it("blocking a bad identity restores what a history without it would have given", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 1, maxLength: 12 }), async (happenings) => {
        const [store, cleanStore] = [createMemoryStore(), createMemoryStore()];
        const [hub, clean] = [await openHub(store), await openHub(cleanStore)];
        const known = happenings.map((one): Happening => ({ ...one, crm: one.crm ?? "a" }));
        const without = known.map((one): Happening => ({
          ...one,
          cookies: one.cookies.filter((id) => id !== "s1"),
        }));
        await hub.ingestRecords(
          "crm",
          CUSTOMERS.map((crm) => country(crm, crm === "a" ? "DE" : "FR")),
        );
        await clean.ingestRecords(
          "crm",
          CUSTOMERS.map((crm) => country(crm, crm === "a" ? "DE" : "FR")),
        );
        for (const [index, one] of known.entries()) await hub.ingestEvents("web", [eventOf(one, index)]);
        for (const [index, one] of without.entries()) await clean.ingestEvents("web", [eventOf(one, index)]);
        expect((await hub.blockIdentity({ namespace: "SESSION", id: "s1" })).ok).toBe(true);
        for (const id of CUSTOMERS) {
          const [undone, expected] = [
            await hub.profile({ namespace: "CRMID", id }),
            await clean.profile({ namespace: "CRMID", id }),
          ];
          const told = {
            identities: undone?.identities,
            attributes: undone?.attributes,
            eventCount: undone?.eventCount,
          };
          expect(told).toEqual({
            identities: expected?.identities,
            attributes: expected?.attributes,
            eventCount: expected?.eventCount,
          });
          expect(undone?.segmentMembership).toEqual(expected?.segmentMembership);
        }
        expect(await store.counters()).toEqual(await cleanStore.counters());
      }),
      { numRuns: 100 },
    );
  });

  it("restores it after 1,000 later events as well: identities, attributes, events, memberships and counters", async () => {
    const later = fc.array(happening, { minLength: 1_000, maxLength: 1_000 });
    await fc.assert(
      fc.asyncProperty(later, async (happenings) => {
        const [store, cleanStore] = [createMemoryStore(), createMemoryStore()];
        const [hub, clean] = [await openHub(store), await openHub(cleanStore)];
        const poison = { namespace: "Phone", id: "+49 30 555" };
        const bad = CUSTOMERS.map((crm, index) => ({
          _id: `bad${index}`,
          timestamp: new Date(Date.parse("2026-01-01T00:00:00Z") + index).toISOString(),
          eventType: "view",
          identityMap: { CRMID: [{ id: crm }], Phone: [{ id: poison.id }] },
        }));
        const good = bad.map((event) => ({ ...event, identityMap: { CRMID: event.identityMap.CRMID } }));
        const rules = {
          ...defaultLinkingRules,
          namespaces: defaultLinkingRules.namespaces.map((rule) => ({ ...rule, unique: false })),
        };
        for (const [one, first] of [
          [hub, bad],
          [clean, good],
        ] as const) {
          expect((await one.setLinkingRules(rules)).ok).toBe(true);
          const countries = CUSTOMERS.map((crm) => country(crm, crm === "a" ? "DE" : "FR"));
          await one.ingestRecords("crm", countries);
          await one.ingestEvents("web", [...first, ...happenings.map(eventOf)]);
        }
        const merged = await hub.explainLink(
          { namespace: "CRMID", id: "a" },
          { namespace: "CRMID", id: "b" },
        );
        expect(merged.linked, "one person before").toBe(true);
        expect((await hub.blockIdentity(poison)).ok).toBe(true);
        for (const id of CUSTOMERS) {
          const [undone, expected] = [
            await hub.profile({ namespace: "CRMID", id }),
            await clean.profile({ namespace: "CRMID", id }),
          ];
          expect({ ...undone, version: 0 }).toEqual({ ...expected, version: 0 });
        }
        expect(await store.counters()).toEqual(await cleanStore.counters());
      }),
      { numRuns: 5 },
    );
  });

  it("unlinked identities become two persons, and stay so", async () => {
    const store = createMemoryStore();
    const hub = await openHub(store);
    const at = Date.parse("2026-01-31T12:00:00Z");
    await hub.ingestEvents("web", [eventOf({ at, type: "view", crm: undefined, cookies: ["s1", "s2"] }, 1)]);
    const [one, two] = [
      { namespace: "SESSION", id: "s1" },
      { namespace: "SESSION", id: "s2" },
    ];
    expect((await hub.profile(one))?.identities).toEqual([one, two]);
    await hub.unlinkIdentities(one, two);
    await hub.ingestEvents("web", [
      eventOf({ at: at + 1, type: "view", crm: undefined, cookies: ["s1", "s2"] }, 2),
    ]);
    expect((await hub.profile(one))?.identities).toEqual([one]);
    expect((await hub.profile(two))?.identities).toEqual([two]);
    expect(await hub.explainLink(one, two)).toMatchObject({ linked: false, apart: [{ relink: "never" }] });
  });
});

describe("rebuild", () => {
  it("gives the same persons and counters from the truth alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 1, maxLength: 12 }), async (happenings) => {
        const store = createMemoryStore();
        const hub = await openHub(store);
        await hub.ingestRecords("crm", [country("a", "DE"), country("b", "DE")]);
        await hub.ingestRecords("crm", [country("a", "FR")]);
        for (const [index, one] of happenings.entries()) await hub.ingestEvents("web", [eventOf(one, index)]);
        const before = { persons: await personsOf(store), counters: await store.counters() };
        await hub.rebuild();
        expect({ persons: await personsOf(store), counters: await store.counters() }).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });
});

describe("batch audiences", () => {
  it("have their members after a rebuild, if they had any before", async () => {
    const store = createMemoryStore();
    const hub = await openHub(store);
    await hub.ingestRecords("crm", [country("a", "DE"), country("b", "FR")]);
    const made = await Promise.all(
      ["DE", "FR"].map((value) =>
        hub.createAudience({
          name: value,
          expression: { type: "PQL", format: "pql/text", value: `homeAddress.country = "${value}"` },
          evaluation: "batch",
        }),
      ),
    );
    const [first = "", second = ""] = made.map((one) => (one.ok ? one.value.id : ""));
    await hub.evaluateAudiences([first]);
    await hub.rebuild();
    expect(await hub.audience(first)).toMatchObject({ count: 1 });
    expect((await hub.audience(second))?.evaluatedAt).toBeUndefined();
    expect((await hub.profile({ namespace: "CRMID", id: "a" }))?.segmentMembership).toMatchObject({
      ups: { [first]: { status: "realized" } },
    });
  });
});

describe("linking rules", () => {
  it("changed rules derive the stored persons anew", async () => {
    const store = createMemoryStore();
    const hub = await openHub(store);
    const at = Date.parse("2026-01-31T12:00:00Z");
    await hub.ingestEvents("web", [
      {
        _id: "1",
        timestamp: new Date(at).toISOString(),
        identityMap: { Email: [{ id: "x@shop.example" }], SESSION: [{ id: "s1" }] },
      },
      {
        _id: "2",
        timestamp: new Date(at + 1).toISOString(),
        identityMap: { Email: [{ id: "y@shop.example" }], SESSION: [{ id: "s1" }] },
      },
    ]);
    expect((await hub.totals()).persons).toBe(1);
    const rules = [
      { namespace: "Email", type: "EMAIL", unique: true, priority: 1 },
      { namespace: "SESSION", type: "COOKIE", unique: false, priority: 2 },
    ];
    expect((await hub.setLinkingRules({ namespaces: rules })).ok).toBe(true);
    expect((await hub.totals()).persons).toBe(2);
    expect((await hub.profile({ namespace: "SESSION", id: "s1" }))?.identities).toContainEqual({
      namespace: "Email",
      id: "y@shop.example",
    });
  });
});
