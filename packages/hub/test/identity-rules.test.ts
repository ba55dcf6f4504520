import { defaultLinkingRules } from "@tessera/identity-graph";
import { createMemoryStore, type HubStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const NOW = Date.parse("2026-02-01T12:00:00Z");
const openOn = async (store: HubStore): Promise<Hub> => {
  let ids = 0;
  return createHub({ store, clock: () => NOW, newId: () => `id-${(ids += 1)}` });
};
const open = (): Promise<Hub> => openOn(createMemoryStore());
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

  it("hold from the first record on for identities that were never seen before", async () => {
    const store = createMemoryStore();
    const hub = await openOn(store);
    const session = { namespace: "SESSION", id: "s" };
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", SESSION: "t" })]);
    expect((await hub.blockIdentity({ namespace: "Phone", id: "+49 555" })).ok).toBe(true);
    expect((await hub.unlinkIdentities(mail, session)).ok).toBe(true);
    expect((await hub.unlinkIdentities(crm, { namespace: "loyaltyId", id: "L" })).ok).toBe(true);
    const batch = [
      seen(2, { Phone: "+49 555" }),
      seen(3, { Phone: "+49 555", SESSION: "s" }),
      seen(4, { Phone: "+49 555", Email: "jane@shop.example" }),
      seen(5, { SESSION: "s", Email: "jane@shop.example" }),
      seen(6, { SESSION: "t", loyaltyId: "L" }),
    ];
    // One by one, and the last one too late for its place in time.
    for (const event of [batch[0], batch[1], batch[3], batch[4], batch[2]]) {
      expect((await hub.ingestEvents("web", [event])).accepted).toBe(1);
    }
    const persons = async (): Promise<readonly string[]> =>
      (await store.scan("", 100)).map(({ identities }) => identities.join(" ")).sort();
    expect(await persons()).toEqual([
      "CRMID:jane",
      "Email:jane@shop.example",
      "Phone:+49 555",
      "SESSION:s",
      "SESSION:t loyaltyId:L",
    ]);
    expect((await hub.identityGraph({ namespace: "Phone", id: "+49 555" }))?.identities).toMatchObject([
      { blocked: NOW },
    ]);
    expect(await hub.explainLink(crm, { namespace: "SESSION", id: "t" })).toMatchObject({
      linked: false,
      dropped: [{ reason: { rule: "apart" } }],
    });
    const before = await persons();
    await hub.rebuild();
    expect(await persons()).toEqual(before);
  });

  it("do not undo one another when they are taken at the same time", async () => {
    const hub = await open();
    const session = (id: string) => ({ namespace: "SESSION", id });
    await hub.ingestEvents(
      "web",
      ["1", "2", "3", "4"].map((id, index) => seen(index, { CRMID: "jane", SESSION: id })),
    );
    const taken = await Promise.all([
      hub.unlinkIdentities(crm, session("1")),
      hub.blockIdentity(session("2")),
      hub.unlinkIdentities(session("3"), crm),
    ]);
    expect(taken.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect((await hub.identityGraph(crm))?.identities.map(({ key }) => key)).toEqual([
      "CRMID:jane",
      "SESSION:4",
    ]);
    expect(hub.identityDecisions().map(({ t }) => t)).toEqual([NOW, NOW + 1, NOW + 2]);
  });

  it("read persons again that another process changes meanwhile", async () => {
    const memory = createMemoryStore();
    const other = await openOn(memory);
    let reads = 0;
    let isDeciding = false;
    const hub = await openOn({
      ...memory,
      load: async (...asked) => {
        if (isDeciding) reads += 1;
        // The truth about the session was read by now.
        if (reads === 2) await other.ingestEvents("web", [seen(2, { SESSION: "s", ECID: "2".repeat(38) })]);
        return memory.load(...asked);
      },
    });
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", SESSION: "s" })]);
    isDeciding = true;
    const [session, newcomer] = [
      { namespace: "SESSION", id: "s" },
      { namespace: "ECID", id: "1".repeat(38) },
    ];
    expect((await hub.unlinkIdentities(session, newcomer)).ok).toBe(true);
    expect(reads).toBeGreaterThan(2);
    expect((await hub.identityGraph(session))?.identities.map(({ key }) => key)).toEqual([
      "CRMID:jane",
      `ECID:${"2".repeat(38)}`,
      "SESSION:s",
    ]);
    expect((await hub.identityGraph(session))?.apart).toMatchObject([{ a: `ECID:${newcomer.id}` }]);
  });

  it("hold while everyone is derived anew under new rules", async () => {
    const memory = createMemoryStore();
    let decided = (): void => undefined;
    const written = new Promise<void>((resolve) => (decided = resolve));
    let deciding: Promise<{ readonly ok: boolean }> | undefined;
    let isChanging = false;
    const hub = await openOn({
      ...memory,
      load: async (...asked) => {
        if (isChanging && deciding === undefined) {
          deciding = hub.blockIdentity(mail);
          await written;
        }
        return memory.load(...asked);
      },
      commit: async (commit) => {
        const done = await memory.commit(commit);
        if (commit.documents.some(({ kind }) => kind === "graphDecision")) decided();
        return done;
      },
      // The decision is known to the hub a little later than to the store.
      documents: async (kind) => {
        if (deciding !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
        return memory.documents(kind);
      },
    });
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", Email: "jane@shop.example" })]);
    isChanging = true;
    expect((await hub.setLinkingRules(defaultLinkingRules)).ok).toBe(true);
    expect((await deciding)?.ok).toBe(true);
    expect((await hub.identityGraph(crm))?.identities.map(({ key }) => key)).toEqual(["CRMID:jane"]);
  });

  it("and new rules count for what was coming in meanwhile", async () => {
    const memory = createMemoryStore();
    let [reached, release] = [(): void => undefined, (): void => undefined];
    let held: Promise<void> | undefined;
    const hub = await openOn({
      ...memory,
      commit: async (commit) => {
        if (commit.events.length > 0) {
          reached();
          await held;
        }
        return memory.commit(commit);
      },
    });
    const meanwhile = async (
      event: object,
      change: () => Promise<{ readonly ok: boolean }>,
    ): Promise<void> => {
      held = new Promise((resolve) => (release = resolve));
      const decided = new Promise<void>((resolve) => (reached = resolve));
      const coming = hub.ingestEvents("web", [event]);
      await decided;
      const changing = change();
      // Time enough to overlook the batch.
      await new Promise((resolve) => setTimeout(resolve, 20));
      release();
      expect((await coming).accepted).toBe(1);
      expect((await changing).ok).toBe(true);
    };
    const session = { namespace: "SESSION", id: "s" };
    const ofSession = async (): Promise<readonly string[] | undefined> =>
      (await hub.identityGraph(session))?.identities.map(({ key }) => key);
    await meanwhile(seen(1, { Email: "jane@shop.example", SESSION: "s" }), () => hub.blockIdentity(mail));
    expect(await ofSession()).toEqual(["SESSION:s"]);
    await hub.ingestEvents("web", [seen(2, { CRMID: "jane", SESSION: "s" })]);
    const namespaces = defaultLinkingRules.namespaces.map((rule) => ({ ...rule, unique: false }));
    await meanwhile(seen(3, { CRMID: "john", SESSION: "s" }), () => hub.setLinkingRules({ namespaces }));
    expect(await ofSession()).toEqual(["CRMID:jane", "CRMID:john", "SESSION:s"]);
  });

  it.each([
    [{ namespace: "", id: "x" }, "the namespace an empty string"],
    [{ namespace: "a:b", id: "x" }, "the namespace a string of 3 characters"],
    [{ namespace: "CRMID", id: "" }, "the value an empty string"],
    [{ namespace: "CRMID", id: "  " }, "the value a string of 2 characters"],
    [{ namespace: "CRMID", id: "y".repeat(1_025) }, "the value a string of 1025 characters"],
  ])("are not taken about %j", async (identity, came) => {
    const hub = await open();
    const expected = "a namespace code without a colon, and a value of 1 to 1024 characters";
    const refused = (...paths: readonly string[]) => ({
      ok: false,
      error: paths.map((path) => ({
        code: "identity.shape",
        path: [path],
        message: `${path}: expected ${expected}, got ${came}. Nothing was changed.`,
      })),
    });
    expect(await hub.blockIdentity(identity)).toMatchObject(refused("identity"));
    expect(await hub.unblockIdentity(identity)).toMatchObject(refused("identity"));
    expect(await hub.unlinkIdentities(crm, identity)).toMatchObject(refused("b"));
    expect(await hub.unlinkIdentities(identity, identity)).toMatchObject(refused("a", "b"));
    expect(hub.identityDecisions()).toEqual([]);
  });

  it("cannot be taken back where there are none", async () => {
    const hub = await open();
    const nothing = { ok: false, error: [{ code: "notFound" }] };
    await hub.unlinkIdentities(crm, { namespace: "SESSION", id: "s" });
    expect(await hub.relinkIdentities(crm, mail)).toMatchObject(nothing);
    expect(await hub.unblockIdentity(crm)).toMatchObject(nothing);
    expect((await hub.relinkIdentities({ namespace: "SESSION", id: "s" }, crm)).ok).toBe(true);
    expect(await hub.relinkIdentities(crm, { namespace: "SESSION", id: "s" })).toMatchObject(nothing);
    expect(hub.identityDecisions().map(({ kind }) => kind)).toEqual(["unlink", "relink"]);
  });

  it("concern what is on the block list in any form of it", async () => {
    const hub = await open();
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", Email: "jane@shop.example" })]);
    await hub.setIdentityNamespaces({ blocked: [{ namespace: "Email", values: ["jane@shop.example"] }] });
    expect((await hub.blockIdentity(mail)).ok).toBe(true);
    expect((await hub.identityGraph(crm))?.size).toBe(1);
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

  it("are explained for whom nobody has seen, and for one with themselves", async () => {
    const hub = await open();
    await hub.ingestEvents("web", [seen(1, { CRMID: "jane", SESSION: "s" }), seen(2, { CRMID: "john" })]);
    const [john, nobody] = [
      { namespace: "CRMID", id: "john" },
      { namespace: "CRMID", id: "nobody" },
    ];
    const nothing = { path: [], dropped: [], apart: [] };
    expect(await hub.explainLink(crm, crm)).toEqual({ linked: true, unknown: [], ...nothing });
    expect(await hub.explainLink(crm, john)).toEqual({ linked: false, unknown: [], ...nothing });
    expect(await hub.explainLink(crm, nobody)).toEqual({ linked: false, unknown: [nobody], ...nothing });
    expect(await hub.explainLink(nobody, mail)).toEqual({
      linked: false,
      unknown: [nobody, { namespace: "Email", id: "jane@shop.example" }],
      ...nothing,
    });
    expect(await hub.explainLink(nobody, nobody)).toEqual({ linked: false, unknown: [nobody], ...nothing });
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

describe("linking rules that leave namespaces out", () => {
  const named = [
    { namespace: "CRMID", type: "CROSS_DEVICE", unique: true, priority: 1 },
    { namespace: "ECID", type: "COOKIE", priority: 2 },
  ];
  const ecid = (digit: string): string => digit.repeat(38);

  it("rank a person above devices and cookies all the same", async () => {
    const store = createMemoryStore();
    const hub = await openOn(store);
    expect((await hub.setLinkingRules({ namespaces: named })).ok).toBe(true);
    await hub.ingestEvents("web", [
      seen(1, { ECID: ecid("1"), Email: "jane@shop.example" }),
      seen(2, { ECID: ecid("1"), IDFA: "6D92078A-8246-4BA4-AE5B-76104861E7DC", SESSION: "s" }),
      seen(3, { SESSION: "s", WAID: "w" }),
    ]);
    const owners = ["Email:jane@shop.example", `ECID:${ecid("1")}`, "WAID:w"];
    expect((await store.events(owners)).map(({ id, owner }) => [id, owner]).sort()).toEqual([
      ["e1", owners[0]],
      ["e2", owners[1]],
      ["e3", owners[2]],
    ]);
    expect(hub.configuration().ruleSettings.namespaces.map(({ namespace }) => namespace)).toEqual([
      "CRMID",
      "ECID",
    ]);
  });

  it("let cookies leave a full graph before persons' addresses, in a rehearsal as in fact", async () => {
    const hub = await open();
    await hub.ingestEvents("web", [
      seen(1, { CRMID: "jane", Email: "jane@shop.example" }),
      seen(2, { CRMID: "jane", ECID: ecid("1") }),
      seen(3, { CRMID: "jane", ECID: ecid("2") }),
    ]);
    const rules = { namespaces: named, cap: 3 };
    expect(await hub.rehearseLinkingRules(rules)).toMatchObject({
      ok: true,
      value: { split: 1, lostIdentities: 1, worst: [{ lost: [{ namespace: "ECID", id: ecid("1") }] }] },
    });
    expect((await hub.setLinkingRules(rules)).ok).toBe(true);
    expect((await hub.identityGraph(crm))?.identities.map(({ key }) => key)).toEqual([
      "CRMID:jane",
      `ECID:${ecid("2")}`,
      "Email:jane@shop.example",
    ]);
    expect(await hub.rehearseLinkingRules(rules)).toMatchObject({ ok: true, value: { changedClusters: 0 } });
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
