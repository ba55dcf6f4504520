import { createMemoryStore } from "@tessera/profile-store";
import { describe, expect, it } from "vitest";
import { createHub } from "./hub.ts";

const now = Date.parse("2026-02-01T00:00:00Z");

function makeHub(): ReturnType<typeof createHub> {
  let ids = 0;
  return createHub({ store: createMemoryStore(), clock: () => now, newId: () => `id-${(ids += 1)}` });
}

const event = (id: string, at: string, identityMap: object, eventType = "view"): object => ({
  _id: id,
  timestamp: at,
  eventType,
  identityMap,
});
const crm = (id: string): object => ({ CRMID: [{ id }] });

describe("the flow", () => {
  it("makes persons of events, each event once", async () => {
    const hub = await makeHub();
    const events = [
      event("e1", "2026-01-31T10:00:00Z", { ...crm("jane"), SESSION: [{ id: "s1" }] }),
      event("e2", "2026-01-31T11:00:00Z", { SESSION: [{ id: "s1" }] }),
      event("e3", "2026-01-31T12:00:00Z", { ...crm("john"), SESSION: [{ id: "s1" }] }),
    ];
    expect(await hub.ingestEvents("web", events)).toMatchObject({ accepted: 3, duplicates: 0, rejected: [] });
    expect(await hub.ingestEvents("web", events)).toMatchObject({ accepted: 0, duplicates: 3 });
    expect(await hub.totals()).toMatchObject({ events: 3, persons: 2 });
    const john = await hub.profile({ namespace: "CRMID", id: "john" });
    expect(john?.identities).toContainEqual({ namespace: "SESSION", id: "s1" });
    expect((await hub.identityGraph({ namespace: "CRMID", id: "jane" }))?.removedLinks).toHaveLength(1);
  });
});
