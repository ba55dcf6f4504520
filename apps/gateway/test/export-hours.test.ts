import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataOf, type Harness, startHarness } from "./harness.ts";

const filesFolder = mkdtempSync(join(tmpdir(), "tessera-hours-"));
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ filesFolder });
});
afterAll(async () => {
  await harness.close();
  rmSync(filesFolder, { recursive: true, force: true });
});

const run = async <T>(document: string, variables: object): Promise<T> =>
  dataOf<T>(await harness.graphql(document, variables));
const at = (time: string): object => ({ mode: "full", when: "at", time });
const AFTER = { mode: "full", when: "after-evaluation" };

it("counts the audiences that are exported in the same hour, over all dataflows", async () => {
  const ids: string[] = [];
  for (const name of ["one", "two", "three"]) {
    const { createAudience } = await run<{ createAudience: { id: string } }>(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      { i: { name, evaluation: "batch", expression: { value: `loyalty.tier = "${name}"` } } },
    );
    ids.push(createAudience.id);
  }
  const [one = "", two = "", three = ""] = ids;
  const connect = async (folder: string): Promise<string> => {
    const { createDestination } = await run<{ createDestination: { id: string } }>(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: folder, type: "csv-local", settings: { target: { folder } } } },
    );
    const { activateAudiences } = await run<{ activateAudiences: { dataflowId: string } }>(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId}}`,
      {
        i: {
          destinationId: createDestination.id,
          audienceIds: ids,
          mapping: [{ source: { kind: "identity", namespace: "CRMID" }, target: "crm" }],
        },
      },
    );
    return activateAudiences.dataflowId;
  };
  const [a, b] = [await connect("a"), await connect("b")];
  const update = (id: string, audiences: readonly object[], more: object = {}): Promise<unknown> =>
    run(`mutation($i:UpdateDataflowInput!){updateDataflow(input:$i){id}}`, { i: { id, audiences, ...more } });
  /** What the check says when the first dataflow exports one audience at 03:10 and one at 15:10. */
  const counted = async (): Promise<number | undefined> => {
    const audiences = [
      { id: one, schedule: at("03:10") },
      { id: two, schedule: at("15:10") },
    ];
    const { checkDataflow } = await run<{ checkDataflow: { limits: { limit: string; value: number }[] } }>(
      `query($i:UpdateDataflowInput!){checkDataflow(input:$i){limits{limit value}}}`,
      { i: { id: a, audiences } },
    );
    return checkDataflow.limits.find(({ limit }) => limit === "destinations.audiences-per-hour")?.value;
  };
  // Nothing of the other one has a schedule: its files are written when they are asked for.
  expect(await counted()).toBe(1);
  await update(b, [
    { id: one, schedule: at("03:50") },
    { id: two, schedule: { mode: "incremental", everyHours: 12, time: "03:00" } },
    { id: three, schedule: AFTER },
  ]);
  expect(await counted()).toBe(3);
  await run(`mutation($i:ID!){scheduleAudience(id:$i,cron:"*/5 4 * * *",timezone:"Europe/Berlin"){cron}}`, {
    i: three,
  });
  expect(await counted()).toBe(4);
  // One whose time is over exports nothing, and neither does a dataflow that is off.
  await update(b, [
    { id: one, schedule: at("03:50"), endsAt: "2026-03-01T12:00:00Z", startsAt: "2026-02-01T12:00:00Z" },
    { id: two, schedule: at("03:00") },
  ]);
  expect(await counted()).toBe(2);
  await update(b, [{ id: two, schedule: at("03:00") }], { enabled: false });
  expect(await counted()).toBe(1);
});
