import { defaultLinkingRules } from "@tessera/identity-graph";
import { createMemoryStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/hub.ts";

const NOW = Date.parse("2026-02-01T12:00:00Z");
const event = (id: string, minute: number, identities: object, eventType = "view") => ({
  _id: id,
  timestamp: new Date(NOW - 3_600_000 + minute * 60_000).toISOString(),
  eventType,
  identityMap: identities,
});

/** Jane and John on one tablet: each bought once, so together they bought twice. */
async function openScene(): Promise<{ hub: Hub; audienceId: string; dump: () => Promise<string> }> {
  const store = createMemoryStore();
  let ids = 0;
  const hub = await createHub({ store, clock: () => NOW, newId: () => `id-${(ids += 1)}` });
  const audience = await hub.createAudience({
    name: "Bought twice",
    expression: { type: "PQL", format: "pql/text", value: 'xEvent[eventType = "buy"].count() >= 2' },
  });
  if (!audience.ok) throw new Error(JSON.stringify(audience.error));
  const report = await hub.ingestEvents("web", [
    event("1", 1, { CRMID: [{ id: "Jane" }], ECID: [{ id: "1".repeat(38) }] }, "buy"),
    event("2", 2, { CRMID: [{ id: "John" }], ECID: [{ id: "1".repeat(38) }] }, "buy"),
    event("3", 3, { CRMID: [{ id: "Someone" }], ECID: [{ id: "2".repeat(38) }] }, "buy"),
  ]);
  expect(report.accepted).toBe(3);
  const dump = async (): Promise<string> => JSON.stringify(await store.scan("", 100));
  return { hub, audienceId: audience.value.id, dump };
}

const rules = (unique: boolean) => ({
  ...defaultLinkingRules,
  namespaces: defaultLinkingRules.namespaces.map((rule) =>
    rule.namespace === "CRMID" ? { ...rule, unique } : rule,
  ),
});

describe("rehearsing linking rules", () => {
  it("tells who would become one, and which memberships would follow, and touches nothing", async () => {
    const { hub, audienceId, dump } = await openScene();
    const before = await dump();
    const told: number[][] = [];
    const rehearsed = await hub.rehearseLinkingRules(rules(false), {
      onProgress: (done, total) => void told.push([done, total]),
    });
    expect(rehearsed).toMatchObject({
      ok: true,
      value: {
        clusters: 2,
        total: 2,
        changedClusters: 1,
        joined: 2,
        split: 0,
        lostIdentities: 0,
        memberships: { [audienceId]: { entries: 1, exits: 0 } },
      },
    });
    expect(told.at(-1)).toEqual([2, 2]);
    expect(await dump()).toBe(before);
    expect((await hub.audience(audienceId))?.count).toBe(0);
  });

  it("foretells what putting the rules in force does, there and back", async () => {
    const { hub, audienceId } = await openScene();
    expect((await hub.setLinkingRules(rules(false))).ok).toBe(true);
    expect((await hub.audience(audienceId))?.count).toBe(1);
    expect(await hub.rehearseLinkingRules(rules(false))).toMatchObject({
      ok: true,
      value: { changedClusters: 0 },
    });
    expect(await hub.rehearseLinkingRules(rules(true))).toMatchObject({
      ok: true,
      value: { joined: 0, split: 1, memberships: { [audienceId]: { entries: 0, exits: 1 } } },
    });
    expect((await hub.setLinkingRules(rules(true))).ok).toBe(true);
    expect((await hub.audience(audienceId))?.count).toBe(0);
  });

  it("ends where it is told to, and refuses rules that are none", async () => {
    const { hub, dump } = await openScene();
    const before = await dump();
    const stop = new AbortController();
    let done = 0;
    const onProgress = (): void => {
      done += 1;
      stop.abort(new Error("enough"));
    };
    const ended = hub.rehearseLinkingRules(rules(false), { onProgress, signal: stop.signal });
    await expect(ended).rejects.toThrow("enough");
    expect(done).toBe(1);
    expect(await dump()).toBe(before);
    expect(await hub.rehearseLinkingRules({ namespaces: 5 })).toMatchObject({ ok: false });
  });
});
