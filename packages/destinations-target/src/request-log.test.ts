import { createMemoryOutbox } from "@tessera/destinations";
import { expect, it } from "vitest";
import { requestLogItem } from "./index.ts";

it("what did Target learn about this visitor, and when?", async () => {
  const store = createMemoryOutbox();
  const at = "2026-01-31T12:00:00.000Z";
  const dataflow = { id: "f", destinationId: "target", name: "x", enabled: true, audiences: [], mapping: [] };
  const profile = {
    audiences: [{ id: "gold", namespace: "ups" }],
    attributes: { "loyalty.tier": "platinum" },
  };
  await store.record([requestLogItem({ id: "req-1", at, personId: "p1", dataflow, profile })]);
  const [entry] = await store.deliveries({ personIds: ["p1"], destinationId: "target", limit: 5 });
  expect(entry).toMatchObject({
    at,
    outcome: "delivered",
    attributes: ["loyalty.tier"],
    changes: [{ audienceId: "gold", status: "realized" }],
  });
  expect(JSON.stringify(entry)).not.toContain("platinum");
});
