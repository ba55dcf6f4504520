import { createMemoryStore } from "@tessera/profile-store";
import { expect, it } from "vitest";
import { createHub } from "./hub.ts";

it("measures every published audience over the persons that are there, and breathes in between", async () => {
  const clock = (): number => Date.parse("2026-03-01T00:00:00Z");
  let serial = 0;
  const newId = (): string => `a${(serial += 1)}`;
  const hub = await createHub({ store: createMemoryStore(), clock, newId });
  let ticks = 0;
  let breaths = 0;
  const how = {
    seconds: () => (ticks += 1),
    breathe: async () => {
      breaths += 1;
    },
    sample: 4,
  };
  expect(await hub.audienceCosts(how)).toEqual([]);
  const records = ["C1", "C2"].map((id) => ({ identityMap: { CRMID: [{ id, primary: true }] }, active: id }));
  await hub.ingestRecords("crm", records);
  const make = async (name: string, status: "draft" | "published"): Promise<string> => {
    const expression = { type: "PQL", format: "pql/text", value: `active = "${name}"` } as const;
    const made = await hub.createAudience({ name, expression, status });
    return made.ok ? made.value.id : "";
  };
  const [first, second] = [await make("C1", "published"), await make("C2", "published")];
  await make("C3", "draft");
  // the clock goes one second between beginning and end of each audience: half a second a person
  expect(await hub.audienceCosts(how)).toEqual(
    [first, second].map((audienceId) => ({ audienceId, secondsPerPerson: 0.5, persons: 2 })),
  );
  expect(breaths).toBe(2);
});
