import { defaultLinkingRules } from "@tessera/identity-graph";
import { createMemoryStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const NOW = Date.parse("2026-02-01T12:00:00Z");
const open = async (): Promise<Hub> => {
  let ids = 0;
  return createHub({ store: createMemoryStore(), clock: () => NOW, newId: () => `id-${(ids += 1)}` });
};
const seen = (minute: number, identities: Readonly<Record<string, string>>): object => ({
  _id: `e${minute}`,
  timestamp: new Date(NOW - 86_400_000 + minute * 60_000).toISOString(),
  eventType: "view",
  identityMap: Object.fromEntries(Object.entries(identities).map(([code, id]) => [code, [{ id }]])),
});
const crm = { namespace: "CRMID", id: "jane" };
const mail = { namespace: "Email", id: "Jane@Shop.example" };

describe("decisions about who is who", () => {
  it("are taken back as easily, with identities in any form in which records have them", async () => {
    const hub = await open();
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", Email: " jane@shop.EXAMPLE" })]);
    const linked = async (): Promise<boolean> => (await hub.explainLink(crm, mail)).linked;
    expect(await linked()).toBe(true);
    expect((await hub.unlinkIdentities(crm, mail)).ok).toBe(true);
    await hub.ingestEvents("web", [seen(2, { CRMID: "jane", Email: "jane@shop.example" })]);
    expect(await linked()).toBe(false);
    expect((await hub.relinkIdentities(mail, crm)).ok).toBe(true);
    expect(await linked()).toBe(true);
    expect((await hub.blockIdentity(mail)).ok).toBe(true);
    expect(await linked()).toBe(false);
    expect((await hub.unblockIdentity(mail)).ok).toBe(true);
    expect(await linked()).toBe(true);
    expect(hub.identityDecisions().map(({ kind }) => kind)).toEqual(["unlink", "relink", "block", "unblock"]);
  });

  it("can concern an identity that is blocked as well", async () => {
    const hub = await open();
    const session = { namespace: "SESSION", id: "s" };
    await hub.ingestEvents("web", [
      seen(1, { CRMID: "jane", SESSION: "s" }),
      seen(2, { CRMID: "john", SESSION: "s" }),
    ]);
    await hub.ingestEvents("web", [seen(3, { CRMID: "jane", Email: "jane@shop.example" })]);
    expect((await hub.unlinkIdentities(mail, session)).ok).toBe(true);
    expect((await hub.blockIdentity(session)).ok).toBe(true);
    expect((await hub.unlinkIdentities(mail, crm)).ok).toBe(true);
    expect(await hub.explainLink(crm, mail)).toMatchObject({ linked: false });
    expect((await hub.identityGraph(session))?.links).toEqual([]);
  });

  it("need two identities to part", async () => {
    const hub = await open();
    const same = { namespace: "Email", id: "JANE@shop.example" };
    expect(await hub.unlinkIdentities(mail, same)).toMatchObject({
      ok: false,
      error: [{ code: "identity.same" }],
    });
    expect(hub.identityDecisions()).toEqual([]);
  });

  it("are explained: the path with the events that made it, and what was dropped by which rule", async () => {
    const hub = await open();
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", SESSION: "s" })]);
    await hub.ingestEvents("shop", [
      seen(2, { SESSION: "s", Email: "jane@shop.example" }),
      seen(3, { CRMID: "john", SESSION: "s" }),
    ]);
    const why = await hub.explainLink(mail, { namespace: "CRMID", id: "john" });
    expect(why).toMatchObject({
      linked: true,
      path: [
        { a: "Email:jane@shop.example", b: "SESSION:s", first: { key: "e2", datasetId: "shop" } },
        { a: "CRMID:john", b: "SESSION:s", first: { key: "e3", datasetId: "shop" } },
      ],
      dropped: [{ a: "CRMID:jane", b: "SESSION:s", last: { key: "e1", datasetId: "web" } }],
    });
    expect(why.dropped[0]?.reason).toMatchObject({ rule: "unique", namespace: "CRMID" });
  });
});

describe("a graph that fills up", () => {
  it("warns who sends, from 43 of 50 on, and says of which kind those are who left", async () => {
    const hub = await open();
    const codes: string[] = [];
    for (let index = 1; index <= 51; index += 1) {
      const report = await hub.ingestEvents("web", [seen(index, { CRMID: "jane", SESSION: `s${index}` })]);
      expect(report.accepted).toBe(1);
      const graph = await hub.identityGraph(crm);
      expect(graph).toMatchObject({ size: Math.min(index + 1, 50), cap: 50, isNearCap: index + 1 >= 43 });
      codes.push(`${index + 1}: ${report.warnings.map(({ code }) => code).join()}`);
      for (const { message } of report.warnings) expect(message).not.toMatch(/jane|s\d/);
    }
    expect(codes.filter((code) => code.includes("identity."))).toEqual([
      ...[43, 44, 45, 46, 47, 48, 49, 50].map((size) => `${size}: identity.nearCap`),
      "51: identity.left",
      "52: identity.left",
    ]);
    const [oldest] = (await hub.identityGraph({ namespace: "SESSION", id: "s1" }))?.removedLinks ?? [];
    expect(oldest?.reason).toMatchObject({ rule: "cap", identity: "SESSION:s1" });
  });
});

describe("the namespaces of a sandbox", () => {
  const settings = {
    namespaces: [{ code: "cardId", type: "CROSS_DEVICE", name: "Card" }],
    blocked: [{ namespace: "cardId", values: ["9999"], patterns: ["test-.*"] }, { values: ["qa"] }],
  };

  it("refuse blocked values and patterns; the rest of the record lives", async () => {
    const hub = await open();
    expect((await hub.setIdentityNamespaces(settings)).ok).toBe(true);
    expect(await hub.namespaceSettings()).toEqual(settings);
    const report = await hub.ingestEvents("web", [
      seen(1, { CRMID: "a", cardId: "9999" }),
      seen(2, { CRMID: "b", cardId: "test-7" }),
      seen(3, { CRMID: "c", SESSION: "QA" }),
      seen(4, { CRMID: "d", cardId: "1234" }),
      seen(5, { cardId: "9999" }),
    ]);
    expect(report.accepted).toBe(4);
    expect(report.rejected).toMatchObject([{ index: 4, code: "identity.blocked" }]);
    expect(report.warnings.map(({ index, code }) => [index, code])).toEqual(
      [0, 1, 2].map((index) => [index, "identity.blocked"]),
    );
    expect((await hub.identityGraph({ namespace: "cardId", id: "1234" }))?.size).toBe(2);
    expect(await hub.identityGraph({ namespace: "cardId", id: "9999" })).toBeUndefined();
  });

  it("build no graph where they are not of people, and refuse what is not registered when so set", async () => {
    const hub = await open();
    const namespaces = [
      { code: "storeId", type: "NON_PEOPLE" },
      { code: "partnerId", type: "PARTNER" },
    ];
    expect((await hub.setIdentityNamespaces({ namespaces, unknown: "refuse" })).ok).toBe(true);
    const report = await hub.ingestEvents("web", [
      seen(1, { CRMID: "a", storeId: "7", partnerId: "p", unheard: "x" }),
      seen(2, { CRMID: "b", storeId: "7", partnerId: "p" }),
    ]);
    expect(report).toMatchObject({ accepted: 2, warnings: [{ index: 0, code: "identity.namespace" }] });
    expect((await hub.identityGraph({ namespace: "CRMID", id: "a" }))?.size).toBe(1);
  });

  it("are never deleted and keep their type, in linking rules as well", async () => {
    const hub = await open();
    await hub.setIdentityNamespaces(settings);
    const changed = { namespaces: [{ code: "cardId", type: "COOKIE" }] };
    for (const wrong of [{}, changed]) {
      expect(await hub.setIdentityNamespaces(wrong)).toMatchObject({
        ok: false,
        error: [{ code: "namespaces.type", path: ["namespaces", "cardId"] }],
      });
    }
    const disguised = defaultLinkingRules.namespaces.map((rule) =>
      rule.namespace === "ECID"
        ? { ...rule, type: "CROSS_DEVICE", priority: 1 }
        : { ...rule, priority: rule.priority + 1 },
    );
    for (const rules of [disguised, [{ namespace: "cardId", type: "COOKIE", priority: 1 }]]) {
      const refused = { ok: false, error: [{ code: "namespaces.type" }] };
      expect(hub.checkLinkingRules({ namespaces: rules })).toMatchObject(refused);
      expect(await hub.setLinkingRules({ namespaces: rules })).toMatchObject(refused);
      expect(await hub.rehearseLinkingRules({ namespaces: rules })).toMatchObject(refused);
    }
    expect(await hub.setIdentityNamespaces({ blocked: 5 })).toMatchObject({ ok: false });
  });
});
