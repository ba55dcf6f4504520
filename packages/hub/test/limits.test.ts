import { catalogEntry, csvFileDestination } from "@tessera/destinations";
import { createMemoryStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub } from "../src/hub.ts";

const DAY = 86_400_000;
const START = Date.parse("2026-02-01T00:00:00Z");

async function openScene() {
  let now = START;
  let ids = 0;
  const hub = await createHub({
    store: createMemoryStore(),
    clock: () => now,
    newId: () => `id-${(ids += 1)}`,
    catalog: [catalogEntry(csvFileDestination("local"))],
  });
  return { hub, pass: (ms: number) => void (now += ms) };
}

const audience = (name: string) =>
  ({
    name,
    expression: { type: "PQL", format: "pql/text", value: `person.name.firstName = "${name}"` },
    evaluation: "edge",
  }) as const;

describe("limits of a sandbox", () => {
  it("reports use, trend and the date of reaching a limit", async () => {
    const { hub, pass } = await openScene();
    for (let day = 0; day < 5; day += 1) {
      for (const one of ["a", "b"])
        expect((await hub.createAudience(audience(`${one}${day}`))).ok).toBe(true);
      await hub.noteUsage();
      pass(DAY);
    }
    await hub.ingestEvents("web", [
      {
        _id: "1",
        timestamp: "2026-02-01T00:00:00Z",
        identityMap: { CRMID: [{ id: "ada" }], Email: [{ id: "ada@shop.example" }] },
      },
    ]);
    const rows = await hub.limitsReport();
    const row = (id: string) => rows.find(({ limit }) => limit.id === id);
    expect(row("segmentation.edge-audiences")).toMatchObject({ kind: "ok", value: 10 });
    // 2 a day and 10 of 150: the 140 that are left last some 70 days and more.
    expect(row("segmentation.edge-audiences")?.reachesAt?.slice(0, 7)).toMatch(/^2026-0[4-5]$/);
    expect(row("identity.graph-identities")).toMatchObject({ value: 2, scope: "largest of a sample" });
    expect(rows.filter(({ kind }) => kind === "unmeasured").length).toBeGreaterThan(50);
  });

  it("asks the limits that were set, at the door too, and keeps the old ones when the new are wrong", async () => {
    const { hub } = await openScene();
    expect(
      await hub.setLimits("adobe", { "profile.event-size": 100, "identity.record-identities": "much" }),
    ).toMatchObject({
      ok: false,
    });
    const two = (id: string) => ({
      _id: id,
      timestamp: "2026-02-01T00:00:00Z",
      identityMap: { CRMID: [{ id: "ada" }], Email: [{ id: "ada@shop.example" }] },
    });
    expect((await hub.ingestEvents("web", [two("1")])).accepted).toBe(1);
    expect((await hub.setLimits("adobe", { "profile.event-size": 100 })).ok).toBe(true);
    const report = await hub.ingestEvents("web", [two("2")]);
    expect([report.accepted, report.rejected.map(({ code }) => code)]).toEqual([0, ["profile.event-size"]]);
    expect((await hub.quarantined(10)).map(({ code }) => code)).toEqual(["profile.event-size"]);
  });

  it("says before an audience is made what it would touch", async () => {
    const { hub } = await openScene();
    await hub.setLimits("adobe", { "segmentation.edge-audiences": 1 });
    await hub.createAudience(audience("a"));
    const found = hub
      .preflightAudience("edge")
      .find(({ limit }) => limit.id === "segmentation.edge-audiences");
    expect(found?.kind).toMatch(/violation/);
    expect((await hub.createAudience(audience("b"))).ok).toBe(found?.kind === "soft-violation");
  });
});
