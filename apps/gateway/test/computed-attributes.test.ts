import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const filesFolder = mkdtempSync(join(tmpdir(), "tessera-computed-"));
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ filesFolder });
});
afterAll(async () => {
  await harness.close();
  rmSync(filesFolder, { recursive: true, force: true });
});
const run = async <T>(document: string, variables: object = {}): Promise<T> =>
  dataOf<T>(await harness.graphql(document, variables));

it("attributes computed from events decide an audience, and are sent to a destination", async () => {
  const buy = (id: string, who: string): object => ({
    _id: id,
    timestamp: new Date(NOW - 60_000).toISOString(),
    eventType: "buy",
    identityMap: { CRMID: [{ id: who, primary: true }] },
  });
  const events = [buy("1", "ada"), buy("2", "ada"), buy("3", "bob")];
  const sent = { method: "POST", body: JSON.stringify(events) };
  await harness.request("/collect/events?datasetId=web", sent);
  const definition = { name: "buys", function: "count", filter: 'eventType = "buy"', lookBackHours: 720 };
  const { saveComputedAttribute: job } = await run<{ saveComputedAttribute: { id: string } }>(
    `mutation($d:JSONObject!){saveComputedAttribute(definition:$d){id}}`,
    { d: definition },
  );
  const status = (): Promise<unknown> => run(`query($id:ID!){job(id:$id){status}}`, { id: job.id });
  await expect.poll(status, { timeout: 10_000 }).toEqual({ job: { status: "done" } });
  const { createAudience, createDestination } = await run<{
    createAudience: { id: string };
    createDestination: { id: string };
  }>(
    `mutation($a:CreateAudienceInput!,$d:CreateDestinationInput!){createAudience(input:$a){id} createDestination(input:$d){id}}`,
    {
      a: { name: "Twice", expression: { value: "SystemComputedAttribute.buys.value >= 2" } },
      d: { name: "Files", type: "csv-local", settings: { target: { folder: "out" } } },
    },
  );
  await run(`mutation($ids:[ID!]){evaluateAudiences(ids:$ids){count}}`, { ids: [createAudience.id] });
  const { activateAudiences } = await run<{ activateAudiences: { files: { location: string }[] } }>(
    `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){files{location}}}`,
    {
      i: {
        destinationId: createDestination.id,
        audienceIds: [createAudience.id],
        mapping: [
          { source: { kind: "identity", namespace: "CRMID" }, target: "id" },
          { source: { kind: "attribute", path: "SystemComputedAttribute.buys.value" }, target: "buys" },
          { source: { kind: "pql", expression: "SystemComputedAttribute.buys.value + 1" }, target: "next" },
        ],
      },
    },
  );
  const csv = readFileSync(activateAudiences.files[0]?.location ?? "", "utf8");
  expect(csv.trim().split("\n").slice(1)).toEqual(["ada,2,3"]);
});

it("refuses a definition that cannot be worked out at once, without a job", async () => {
  const document = `mutation($d:JSONObject!){saveComputedAttribute(definition:$d){id}}`;
  const answer = await harness.graphql(document, { d: { name: "bad", function: "median" } });
  expect(answer).toMatchObject({ errors: [{ extensions: { code: "BAD_USER_INPUT" } }] });
  expect(JSON.stringify(answer)).toContain("computedAttribute.invalid");
});
