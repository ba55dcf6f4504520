import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, ecidOf, type Harness, startHarness, viewEvent } from "./harness.ts";

describe("operating a sandbox over GraphQL", () => {
  const filesFolder = mkdtempSync(join(tmpdir(), "tessera-files-"));
  let harness: Harness;
  let audienceId = "";
  beforeAll(async () => {
    harness = await startHarness({ filesFolder });
    const events = ["C1", "C2", "C3"].map((id) => viewEvent(`e-${id}`, id));
    await harness.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify(events) });
    const input = {
      name: "All viewers",
      expression: { value: 'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.productViews")])' },
    };
    const made = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: input,
    });
    audienceId = dataOf<{ createAudience: { id: string } }>(made).createAudience.id;
  });
  afterAll(async () => {
    await harness.close();
    rmSync(filesFolder, { recursive: true, force: true });
  });

  it("evaluates in a job that tells its progress and result", async () => {
    const started = await harness.graphql(`mutation($ids:[ID!]){startEvaluation(ids:$ids){id status}}`, {
      ids: [audienceId],
    });
    const { id } = dataOf<{ startEvaluation: { id: string } }>(started).startEvaluation;
    await expect
      .poll(
        async () =>
          (await harness.graphql(`query($id:ID!){job(id:$id){status done total result}}`, { id })).data,
      )
      .toEqual({
        job: {
          status: "done",
          done: 3,
          total: 3,
          result: [{ id: audienceId, name: "All viewers", count: 3 }],
        },
      });
    expect((await harness.graphql(`mutation{cancelJob(id:"none"){id}}`)).errors?.[0]?.extensions.code).toBe(
      "NOT_FOUND",
    );
  });

  it("activates an audience to a file that has every member", async () => {
    const made = await harness.graphql(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id kind status}}`,
      {
        i: { name: "Files", type: "csv-local", settings: { target: { folder: "out" } } },
      },
    );
    const { createDestination } = dataOf<{ createDestination: { id: string } }>(made);
    expect(createDestination).toMatchObject({ kind: "batch-file", status: "enabled" });
    const activated = await harness.graphql(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId audienceIds files{name location rows failure}}}`,
      {
        i: {
          destinationId: createDestination.id,
          audienceIds: [audienceId],
          mapping: [{ source: { kind: "identity", namespace: "CRMID" }, target: "crmId" }],
        },
      },
    );
    const { files } = dataOf<{
      activateAudiences: { files: { location: string; rows: number; failure: null }[] };
    }>(activated).activateAudiences;
    expect(files).toMatchObject([{ rows: 3, failure: null }]);
    const csv = readFileSync(files[0]?.location ?? "", "utf8");
    expect(
      csv
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.trim())
        .toSorted(),
    ).toEqual(["C1", "C2", "C3"]);
    const outside = await harness.graphql(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: "Outside", type: "csv-local", settings: { target: { folder: "../../etc" } } } },
    );
    const id =
      outside.data?.["createDestination"] === undefined
        ? undefined
        : dataOf<{ createDestination: { id: string } }>(outside).createDestination.id;
    if (id !== undefined) {
      const refused = await harness.graphql(
        `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){files{location failure}}}`,
        { i: { destinationId: id, audienceIds: [audienceId], mapping: [] } },
      );
      expect(JSON.stringify(refused)).toContain("outside");
    } else expect(outside.errors).toBeDefined();
  }, 20_000);

  it("refuses destinations and activations that are wrong, with every issue", async () => {
    const cases: readonly (readonly [string, object])[] = [
      [`mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`, { name: "x", type: "fax" }],
      [
        `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
        { name: "x", type: "csv-local", settings: {} },
      ],
      [
        `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`,
        { destinationId: "none", audienceIds: [audienceId] },
      ],
      [
        `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`,
        { destinationId: "none", audienceIds: [], mapping: [{ source: 1 }] },
      ],
    ];
    for (const [query, i] of cases) {
      const { errors } = await harness.graphql(query, { i });
      expect(["BAD_USER_INPUT", "NOT_FOUND"]).toContain(errors?.[0]?.extensions.code);
      expect(errors?.[0]?.extensions.issues?.length).toBeGreaterThan(0);
    }
  });

  it("undoes a merge: both persons get back what is theirs", async () => {
    const shared = {
      timestamp: "2026-03-01T11:00:00Z",
      _id: "merge",
      identityMap: { ECID: [{ id: ecidOf("C1") }, { id: ecidOf("Z1") }] },
    };
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([shared]),
    });
    const ask = `{a:profile(identity:{namespace:"CRMID",id:"C1"}){personId} b:profile(identity:{namespace:"ECID",id:"${ecidOf("Z1")}"}){personId}}`;
    const merged = dataOf<{ a: { personId: string }; b: { personId: string } }>(await harness.graphql(ask));
    expect(merged.a.personId).toBe(merged.b.personId);
    const undone = await harness.graphql(
      `mutation{unlinkIdentities(a:{namespace:"ECID",id:"${ecidOf("C1")}"},b:{namespace:"ECID",id:"${ecidOf("Z1")}"})}`,
    );
    expect(undone.data).toEqual({ unlinkIdentities: true });
    const apart = dataOf<typeof merged>(await harness.graphql(ask));
    expect(apart.a.personId).not.toBe(apart.b.personId);
    const why = await harness.graphql(
      `{explainLink(a:{namespace:"ECID",id:"${ecidOf("C1")}"},b:{namespace:"ECID",id:"${ecidOf("Z1")}"}){linked apart{relink}}}`,
    );
    expect(why.data).toEqual({ explainLink: { linked: false, apart: [{ relink: "never" }] } });
  });

  it("keeps what it could not take, and takes it once that is mended", async () => {
    const body = JSON.stringify([{ timestamp: "2026-01-01T00:00:00Z", customer: "Q1" }]);
    await harness.request("/collect/events?datasetId=shop", { method: "POST", body });
    const { quarantine } = dataOf<{ quarantine: { id: string; code: string }[] }>(
      await harness.graphql(`{quarantine{id datasetId kind code at body}}`),
    );
    expect(quarantine).toMatchObject([{ datasetId: "shop", kind: "event", code: "identity.missing" }]);
    const definition = {
      id: "shop",
      kind: "event",
      primaryIdentity: { path: "customer", namespace: "CRMID" },
    };
    dataOf(
      await harness.graphql(`mutation($d:JSONObject!){saveDataset(definition:$d){id}}`, { d: definition }),
    );
    const replayed = await harness.graphql(
      `mutation($ids:[ID!]!){replayQuarantine(ids:$ids){accepted rejected{code}}}`,
      {
        ids: quarantine.map(({ id }) => id),
      },
    );
    expect(replayed.data).toEqual({ replayQuarantine: { accepted: 1, rejected: [] } });
    expect((await harness.graphql(`{quarantine{id}}`)).data).toEqual({ quarantine: [] });
  });

  it("saves merge policies, datastreams and activities", async () => {
    const definition = {
      name: "CRM first",
      attributeMerge: { type: "dataSetPrecedence", order: ["crm"] },
      identityGraph: { type: "pdg" },
    };
    const saved = await harness.graphql(`mutation($d:JSONObject!){saveMergePolicy(definition:$d)}`, {
      d: definition,
    });
    expect(saved.data).toMatchObject({ saveMergePolicy: { name: "CRM first" } });
    dataOf(
      await harness.graphql(`mutation($d:JSONObject!){saveDatastream(definition:$d)}`, {
        d: { id: "shop", name: "Shop" },
      }),
    );
    expect((await harness.graphql(`{datastreams}`)).data).toEqual({
      datastreams: [{ id: "shop", name: "Shop" }],
    });
    expect(await (await harness.request("/edge/snapshot")).json()).toMatchObject({
      datastreams: [{ id: "shop" }],
    });
  });
});
