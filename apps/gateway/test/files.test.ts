import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeDocuments } from "../src/documents.ts";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const DAY = 86_400_000;

describe("files", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  const post = async (path: string, csv: string | Uint8Array, headers = {}): Promise<[number, object]> => {
    const response = await harness.request(path, { method: "POST", body: csv as BodyInit, headers });
    return [response.status, (await response.json()) as object];
  };
  const count = async (id: string): Promise<number> =>
    dataOf<{ audience: { count: number } }>(
      await harness.graphql(`query($id:ID!){audience(id:$id){count}}`, { id }),
    ).audience.count;

  it("are taken in by the mapping of their columns, and each row once", async () => {
    expect(await post("/collect/rows?datasetId=crm", "a,b\n")).toMatchObject([
      400,
      { code: "MAPPING_MISSING" },
    ]);
    const mapping = {
      fields: [
        { identity: "CRMID", from: "customer", primary: true },
        { to: "person.name.firstName", from: "first" },
        { to: "loyalty.points", from: "points", as: "integer" },
      ],
    };
    dataOf(
      await harness.graphql(`mutation($m:JSONObject!){saveRowMapping(datasetId:"crm",mapping:$m)}`, {
        m: mapping,
      }),
    );
    const csv =
      'customer,first,points,ignored\r\nC1,"Ada ""the first""",12,x\r\nC2,Bea,many,y\r\nC3,Cleo,7,z\r\n';
    const [status, told] = await post("/collect/rows?datasetId=crm&importId=one", gzipSync(csv), {
      "content-encoding": "gzip",
    });
    expect([status, told]).toMatchObject([
      200,
      { importId: "one", rows: 3, accepted: 2, rejected: 1, done: true },
    ]);
    const again = await post("/collect/rows?datasetId=crm&importId=two", csv);
    expect(again).toMatchObject([200, { accepted: 0, duplicates: 2 }]);
    const { profile, importProgress } = dataOf<{ profile: object; importProgress: object }>(
      await harness.graphql(
        `{profile(identity:{namespace:"CRMID",id:"C1"}){attributes} importProgress(importId:"one"){rows accepted done}}`,
      ),
    );
    expect(profile).toMatchObject({
      attributes: { person: { name: { firstName: 'Ada "the first"' } }, loyalty: { points: 12 } },
    });
    expect(importProgress).toEqual({ rows: 3, accepted: 2, done: true });
  });

  it("bring the members of an external audience, who stay for 30 days after the last file", async () => {
    const path = "/collect/audience?name=Partners&namespace=CRMID&column=crm";
    const [status, told] = await post(path, "crm,salary\nC1,1000\nC9,2000\n");
    expect([status, told]).toMatchObject([200, { accepted: 2 }]);
    const { audienceId } = told as { audienceId: string };
    expect(await count(audienceId)).toBe(2);
    const shown = await harness.graphql(`{profile(identity:{namespace:"CRMID",id:"C9"}){attributes}}`);
    expect(JSON.stringify(shown)).not.toContain("2000");
    harness.setNow(NOW + 20 * DAY);
    expect(await post(path, "crm\nC9\n")).toMatchObject([200, { audienceId }]);
    harness.setNow(NOW + 31 * DAY);
    await expect.poll(() => count(audienceId), { timeout: 10_000 }).toBe(1);
    harness.setNow(NOW);
  });

  it("do not take the name of an audience that was made here, nor come without saying what they are", async () => {
    dataOf(
      await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
        i: { name: "Ours", expression: { value: 'person.name.firstName = "Ada"' } },
      }),
    );
    expect(await post("/collect/audience?name=Ours&namespace=CRMID&column=c", "c\nC1\n")).toMatchObject([
      400,
      { code: "AUDIENCE_INVALID" },
    ]);
    expect(await post("/collect/audience?name=X", "c\nC1\n")).toMatchObject([400, { code: "BAD_REQUEST" }]);
    expect(await post("/collect/rows?datasetId=../x", "c\n")).toMatchObject([
      400,
      { code: "DATASET_INVALID" },
    ]);
    expect(await post("/collect/rows?datasetId=crm&importId=a/b", "c\n")).toMatchObject([
      400,
      { code: "BAD_REQUEST" },
    ]);
  });
});

describe("schedules, searches, schemas and the like", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
    const record = (id: string, firstName: string): object => ({
      identityMap: { CRMID: [{ id, primary: true }] },
      person: { name: { firstName } },
      salary: { amount: id.length },
    });
    const records = ["C1", "C2", "C3"].map((id) => record(id, id === "C2" ? "Bea" : "Ada"));
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
  });
  afterAll(() => harness.close());
  const run = async <T>(document: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(document, variables));
  const jobEnds = async (id: string): Promise<{ status: string; result: unknown }> => {
    const job = (): Promise<{ job: { status: string; result: unknown } }> =>
      run(`query($id:ID!){job(id:$id){status result message}}`, { id });
    await expect.poll(async () => (await job()).job.status, { timeout: 10_000 }).not.toBe("running");
    return (await job()).job;
  };

  it("finds persons by attribute, page by page, and not by what is hidden", async () => {
    const search = `query($w:String!,$after:String){searchProfiles(where:$w,first:1,after:$after){nodes{identities{id}} pageInfo{hasNextPage endCursor} examined}}`;
    type Found = {
      searchProfiles: {
        nodes: { identities: { id: string }[] }[];
        pageInfo: { hasNextPage: boolean; endCursor: string };
      };
    };
    const found: string[] = [];
    let after: string | undefined;
    for (let page = 0; page < 5; page += 1) {
      const { searchProfiles } = await run<Found>(search, { w: 'person.name.firstName = "Ada"', after });
      found.push(...searchProfiles.nodes.flatMap(({ identities }) => identities.map(({ id }) => id)));
      after = searchProfiles.pageInfo.endCursor;
      if (!searchProfiles.pageInfo.hasNextPage) break;
    }
    expect(found.sort()).toEqual(["C1", "C3"]);
    const events = await harness.graphql(search, { w: "xEvent.count() > 1" });
    expect(events.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    await run(`mutation{labelField(path:"salary",labels:["C2"]){path}}`);
    const role = { id: "clerk", name: "Clerk", permissions: ["view-profiles"], sandboxes: ["all"] };
    await run(`mutation($r:RoleInput!){saveRole(input:$r){id}}`, { r: role });
    const { createApiKey } = await run<{ createApiKey: { secret: string } }>(
      `mutation{createApiKey(name:"clerk",roleIds:["clerk"]){secret}}`,
    );
    const guessed = await harness.graphql(
      search,
      { w: "salary.amount > 1" },
      { authorization: `Bearer ${createApiKey.secret}` },
    );
    expect(guessed.errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  });

  it("gives everything about one person", async () => {
    const { exportPerson } = await run<{ exportPerson: { records: object[]; identities: object[] } }>(
      `mutation{exportPerson(identity:{namespace:"CRMID",id:"C1"})}`,
    );
    expect(exportPerson.records).toHaveLength(1);
    expect(exportPerson.identities).toEqual([{ namespace: "CRMID", id: "C1" }]);
    const unknown = await harness.graphql(`mutation{exportPerson(identity:{namespace:"CRMID",id:"nobody"})}`);
    expect(unknown.errors?.[0]?.extensions.code).toBe("NOT_FOUND");
  });

  it("tries linking rules on events that are written down, and on what is stored", async () => {
    const { simulateIdentityGraph } = await run<{ simulateIdentityGraph: object }>(
      `query($n:[SimulatedNamespaceInput!]!,$e:String!){simulateIdentityGraph(namespaces:$n,events:$e){graphs{namespace id} removedLinks{a{id} b{id} reason}}}`,
      {
        n: [
          { namespace: "CRMID", type: "CROSS_DEVICE", unique: true, priority: 1 },
          { namespace: "ECID", type: "COOKIE", priority: 2 },
        ],
        e: "CRMID: Jane, ECID: 1\nCRMID: John, ECID: 1\n",
      },
    );
    expect(simulateIdentityGraph).toEqual({
      graphs: [
        [
          { namespace: "CRMID", id: "John" },
          { namespace: "ECID", id: "1" },
        ],
      ],
      removedLinks: [{ a: { id: "Jane" }, b: { id: "1" }, reason: "unique" }],
    });
    const wrong = await harness.graphql(
      `{simulateIdentityGraph(namespaces:[],events:"no colon"){graphs{id}}}`,
    );
    expect(wrong.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    const { linkingRules } = await run<{ linkingRules: object }>(`{linkingRules}`);
    const { rehearseLinkingRules } = await run<{ rehearseLinkingRules: { id: string } }>(
      `mutation($r:JSONObject!){rehearseLinkingRules(rules:$r){id}}`,
      { r: linkingRules },
    );
    expect(await jobEnds(rehearseLinkingRules.id)).toMatchObject({ status: "done" });
  });

  it("evaluates audiences by schedule", async () => {
    const { createAudience } = await run<{ createAudience: { id: string } }>(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      { i: { name: "Nightly", expression: { value: 'person.name.firstName = "Ada"' }, evaluation: "batch" } },
    );
    const { id } = createAudience;
    const schedule = (cron: string, timezone = "UTC"): ReturnType<Harness["graphql"]> =>
      harness.graphql(
        `mutation($id:ID!,$c:String,$t:String!){scheduleAudience(id:$id,cron:$c,timezone:$t){cron nextAt}}`,
        {
          id,
          c: cron,
          t: timezone,
        },
      );
    expect(await schedule("0 3 * * *", "Europe/Berlin")).toEqual({
      data: { scheduleAudience: { cron: "0 3 * * *", nextAt: "2026-03-02T02:00:00.000Z" } },
    });
    for (const [cron, timezone] of [
      ["whenever", "UTC"],
      ["0 3 31 2 *", "UTC"],
      ["0 3 * * *", "Mars/Base"],
    ] as const)
      expect((await schedule(cron, timezone)).errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    harness.setNow(NOW + DAY);
    const counted = async (): Promise<number> =>
      (await run<{ audience: { count: number } }>(`query($id:ID!){audience(id:$id){count}}`, { id })).audience
        .count;
    await expect.poll(counted, { timeout: 15_000 }).toBe(2);
    harness.setNow(NOW);
  }, 20_000);

  it("checks what comes in against schemas, and works attributes out of events", async () => {
    const { fieldGroups, schemas } = await run<{ fieldGroups: object[]; schemas: object[] }>(
      `{fieldGroups schemas}`,
    );
    expect([fieldGroups.length > 0, schemas]).toEqual([true, []]);
    const { saveComputedAttribute } = await run<{ saveComputedAttribute: { id: string } }>(
      `mutation($d:JSONObject!){saveComputedAttribute(definition:$d){id}}`,
      { d: { name: "visits", function: "count", lookBackHours: 24 } },
    );
    expect(await jobEnds(saveComputedAttribute.id)).toMatchObject({ status: "done" });
    expect(await run(`{computedAttributes}`)).toMatchObject({ computedAttributes: [{ name: "visits" }] });
  });

  it("derives everything anew, and begins again what an earlier process left", async () => {
    const { startRebuild } = await run<{ startRebuild: { id: string } }>(`mutation{startRebuild{id}}`);
    expect(await jobEnds(startRebuild.id)).toMatchObject({ status: "done", result: { persons: 3 } });
    expect(await harness.store.documents("rebuild")).toEqual([]);
    await harness.store.dropDerived();
    await writeDocuments(harness.store, [{ kind: "rebuild", id: "current", body: { pending: true } }]);
    const next = await startHarness({}, harness.store);
    expect(await next.store.totals()).toMatchObject({ persons: 3 });
    expect(await next.store.documents("rebuild")).toEqual([]);
    await next.close();
  });

  it("takes nothing in where the process has another role", async () => {
    const other = await startHarness({ roles: ["deliver"] });
    const refused = await other.request("/collect/records?datasetId=x", { method: "POST", body: "[]" });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, "ROLE_ABSENT"]);
    const mutation = await other.graphql(`mutation{ingestRecords(datasetId:"x",records:[]){accepted}}`);
    expect(mutation.errors?.[0]?.extensions.code).toBe("UNAVAILABLE");
    await other.close();
  });
});
