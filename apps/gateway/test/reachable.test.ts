import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, ecidOf, type Harness, startHarness, viewEvent } from "./harness.ts";

describe("what the packages can do, over GraphQL", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-reachable-"));
  const auditLog = join(folder, "audit.ndjson");
  const start = (): Promise<Harness> =>
    startHarness(
      { backupsFolder: join(folder, "backups"), auditLog },
      openSqliteStore({ path: join(folder, "t.db") }),
    );
  let harness: Harness;
  beforeAll(async () => {
    harness = await start();
    await send("/collect/events?datasetId=web", [viewEvent("v1", "C1"), viewEvent("v2", "C2")]);
    await send("/collect/records?datasetId=crm", [
      {
        identityMap: { CRMID: [{ id: "C1", primary: true }] },
        person: { birthDate: "1990-01-01", gender: "f" },
      },
    ]);
  });
  afterAll(async () => {
    await harness.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const send = (path: string, items: readonly unknown[]): Promise<Response> =>
    harness.request(path, { method: "POST", body: JSON.stringify(items) });
  const ask = (query: string, variables: object = {}): Promise<Answer> => harness.graphql(query, variables);
  const identity = `{namespace:"CRMID",id:"C1"}`;

  it("estimates a query before it is saved", async () => {
    const query = `query($x:ExpressionInput!,$n:Int!){estimateAudience(expression:$x,sample:$n){count least most confidence exact}}`;
    const x = { value: 'person.gender = "f"' };
    expect(await ask(query, { x, n: 10 })).toEqual({
      data: { estimateAudience: { count: 1, least: 1, most: 1, confidence: 0.95, exact: true } },
    });
    for (const variables of [
      { x: { value: "person.(" }, n: 10 },
      { x, n: 0 },
    ])
      expect((await ask(query, variables)).errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  });

  it("sends quarantined items again with a fix, and keeps what is refused again", async () => {
    await send("/collect/events?datasetId=shop", [
      { _id: "q1", timestamp: "2026-01-01T00:00:00Z", basket: { total: 3, note: "x" } },
      { _id: "q2", timestamp: "never", basket: { total: 4 } },
    ]);
    const list = (): Promise<{ quarantine: { id: string; code: string; body: { _id: string } }[] }> =>
      ask(`{quarantine{id code body}}`).then(dataOf) as never;
    const before = (await list()).quarantine;
    expect(before.map(({ code }) => code).toSorted()).toEqual(["event.timestamp", "identity.missing"]);
    const replay = `mutation($f:[QuarantineFixInput!]!){replayQuarantine(fixes:$f){accepted duplicates rejected{code}}}`;
    const identityMap = { CRMID: [{ id: "Q1", primary: true }] };
    const f = before.map(({ id, body }) => ({ id, body: { ...body, identityMap, basket: { total: 3 } } }));
    expect(await ask(replay, { f })).toEqual({
      data: {
        replayQuarantine: { accepted: 1, duplicates: 0, rejected: [{ code: "event.timestamp" }] },
      },
    });
    const after = (await list()).quarantine;
    expect(after.map(({ body }) => body["_id"])).toEqual(["q2"]);
    const told = await ask(`{profile(identity:{namespace:"CRMID",id:"Q1"}){events{nodes{body}}}}`);
    expect(JSON.stringify(told)).toContain('"basket":{"total":3}');
  });

  it("takes records that delete what their dataset said", async () => {
    const record = { identityMap: { CRMID: [{ id: "D1", primary: true }] }, loyalty: { tier: "gold" } };
    const query = `mutation($r:[JSON!]!,$o:RecordOperation!){ingestRecords(datasetId:"crm",records:$r,operation:$o){accepted}}`;
    const tier = async (): Promise<unknown> =>
      (await ask(`{profile(identity:{namespace:"CRMID",id:"D1"}){attributes}}`)).data?.["profile"];
    await ask(query, { r: [record], o: "UPSERT" });
    expect(await tier()).toEqual({ attributes: { loyalty: { tier: "gold" } } });
    harness.setNow(Date.parse("2026-03-01T12:00:01Z"));
    await ask(query, { r: [record], o: "DELETE" });
    expect(JSON.stringify(await tier())).not.toContain("gold");
    expect((await ask(query, { r: [record], o: "BURN" })).errors?.[0]?.extensions.code).toBe(
      "BAD_USER_INPUT",
    );
  });

  it("tells what a policy would mean, and saves nothing", async () => {
    const policy = {
      id: "p1",
      name: "No C2",
      status: "ENABLED",
      marketingActionRefs: ["core/exportToThirdParty"],
      deny: { label: "core/C2" },
    };
    const reviewed = await ask(
      `query($p:JSONObject!){reviewDataUsagePolicy(policy:$p){messages reviews{dataflowId}}}`,
      { p: policy },
    );
    expect(reviewed).toEqual({ data: { reviewDataUsagePolicy: { messages: [], reviews: [] } } });
    expect(JSON.stringify(await ask(`{dataUsagePolicies{id}}`))).not.toContain('"p1"');
  });

  it("copies the store in a job", async () => {
    const started = dataOf<{ startBackup: { id: string } }>(
      await ask(`mutation{startBackup(name:"nightly"){id}}`),
    ).startBackup;
    const status = async (): Promise<{ status: string; result: { file: string } }> =>
      dataOf<{ job: never }>(await ask(`query($id:ID!){job(id:$id){status result}}`, { id: started.id })).job;
    await expect.poll(status).toMatchObject({ status: "done" });
    const { file } = (await status()).result;
    expect(existsSync(file)).toBe(true);
    const copy = openSqliteStore({ path: file, mustExist: true });
    expect((await copy.totals()).persons).toBe((await harness.store.totals()).persons);
    await copy.close();
    for (const name of ["../x", "", "a/b"]) {
      const refused = await ask(`mutation($n:String!){startBackup(name:$n){id}}`, { n: name });
      expect(refused.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    }
  });

  it("writes files, and works on privacy requests, in jobs", async () => {
    const ended = async (id: string): Promise<unknown> =>
      (await ask(`query($id:ID!){job(id:$id){status done total message}}`, { id })).data?.["job"];
    const started = dataOf<Record<string, { id: string }>>(
      await ask(
        `mutation($r:JSONObject!){a:startExport(destinationId:"none"){id} b:startPrivacyRequest(request:$r){id}}`,
        {
          r: {
            companyContexts: [{ namespace: "imsOrgID", value: "tessera@TesseraOrg" }],
            users: [
              {
                key: "one",
                action: ["access"],
                userIDs: [{ namespace: "CRMID", value: "C2", type: "standard" }],
              },
            ],
            include: ["ProfileService"],
            regulation: "gdpr",
          },
        },
      ),
    );
    await expect
      .poll(() => ended(started["a"]?.id ?? ""))
      .toMatchObject({ status: "failed", message: expect.stringContaining("destination") as string });
    await expect
      .poll(() => ended(started["b"]?.id ?? ""))
      .toMatchObject({ status: "done", done: 1, total: 1 });
    expect(JSON.stringify(await ask(`{privacyJobs{userKey state}}`))).toContain('"userKey":"one"');
  });

  it("lists audiences whose members come in files", async () => {
    const csv = "crm_id\nC1\nC2\n";
    await harness.request("/collect/audience?name=VIPs&namespace=CRMID&column=crm_id", {
      method: "POST",
      body: csv,
    });
    const told = await ask(`{externalAudiences{audience{name count} datasetId}}`);
    expect(told.data).toMatchObject({ externalAudiences: [{ audience: { name: "VIPs", count: 2 } }] });
  });

  it("shows a person with the graph, and no event later than the time asked about", async () => {
    const late = viewEvent("v9", "C1", { timestamp: "2026-03-01T11:30:00Z" });
    await send("/collect/events?datasetId=web", [late]);
    const query = `query($t:DateTime){profiles(identities:[${identity}],asOf:$t){identityGraph{links{a{id} b{id}}} events{totalCount pageInfo{hasPreviousPage startCursor}}}}`;
    const now = dataOf<{ profiles: { events: { totalCount: number } }[] }>(await ask(query));
    expect(now.profiles[0]).toMatchObject({
      identityGraph: { links: [{ a: { id: "C1" }, b: { id: ecidOf("C1") } }] },
      events: {
        totalCount: 2,
        pageInfo: { hasPreviousPage: false, startCursor: expect.any(String) as string },
      },
    });
    const earlier = dataOf<typeof now>(await ask(query, { t: "2026-03-01T11:00:00Z" }));
    expect(earlier.profiles[0]?.events.totalCount).toBe(1);
  });

  it("answers every mutation as a result or a refusal, also where the result is no object type", async () => {
    const refused = await ask(
      `mutation{tryRetryPrivacyJob(id:"none"){__typename ... on Refusal{code issues{code}}} tryUnlinkIdentities(a:${identity},b:{namespace:"CRMID",id:"nobody"}){__typename ... on Refusal{code} ... on BooleanValue{value}} tryRevokeApiKey(id:"none"){... on BooleanValue{value}} tryScheduleAudience(id:"none",cron:"0 3 * * *"){__typename ... on Refusal{code}}}`,
    );
    expect(refused.errors).toBeUndefined();
    expect(refused.data).toMatchObject({
      tryRetryPrivacyJob: { __typename: "Refusal" },
      tryRevokeApiKey: { value: false },
      tryScheduleAudience: { __typename: "Refusal" },
    });
  });

  it("tells of lags, conflicts and costs", async () => {
    await ask(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: { name: "Costs", expression: { value: 'person.gender = "f"' } },
    });
    await ask(`mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`, {
      i: { name: "R", type: "http-profile-export", settings: { url: "https://example.com/" } },
    });
    const metrics = async (): Promise<string> => (await harness.request("/metrics")).text();
    await expect.poll(metrics).toMatch(/tessera_audience_cost_seconds\{[^}]*audience="[^"]+"\} [\d.e-]+/);
    const text = await metrics();
    for (const line of [
      /tessera_commits_total\{sandbox="prod",outcome="done"\} [1-9]/,
      /tessera_ingest_seconds_count\{sandbox="prod",kind="event"\} [1-9]/,
      /tessera_timer_lag_seconds\{sandbox="prod"\} \d/,
      /tessera_delivery_lag_seconds\{[^}]*destination="[^"]+"\} 0/,
      /tessera_delivery_waiting_items\{[^}]*destination="[^"]+"\} 0/,
    ])
      expect(text).toMatch(line);
  });

  it("keeps who changed what over a restart, with a line for every mutation", async () => {
    await ask(`mutation{evaluateAudiences{id}}`);
    const actions = async (): Promise<readonly string[]> =>
      dataOf<{ auditLog: { action: string }[] }>(await ask(`{auditLog(first:1000){action}}`)).auditLog.map(
        ({ action }) => action,
      );
    const before = await actions();
    for (const action of ["evaluateAudiences", "quarantine.replay", "ingestRecords", "backup.start"])
      expect(before).toContain(action);
    await harness.close();
    expect(readFileSync(auditLog, "utf8").trim().split("\n").length).toBeGreaterThan(5);
    harness = await start();
    expect(await actions()).toEqual(expect.arrayContaining(["backup.start", "evaluateAudiences"]));
  });

  it("lets nobody learn of a labelled field by asking around it", async () => {
    dataOf(await ask(`mutation{labelField(path:"person.birthDate",labels:["S1"]){path}}`));
    const permissions = [
      "manage-segments",
      "view-segments",
      "view-profiles",
      "activate-destinations",
      "manage-profiles",
    ];
    await ask(`mutation($r:RoleInput!){saveRole(input:$r){id}}`, {
      r: { id: "plain", name: "Plain", permissions, sandboxes: ["prod"] },
    });
    const { secret } = dataOf<{ createApiKey: { secret: string } }>(
      await ask(`mutation{createApiKey(name:"k",roleIds:["plain"]){secret}}`),
    ).createApiKey;
    const asPlain = (query: string, variables: object): Promise<Answer> =>
      harness.graphql(query, variables, { authorization: `Bearer ${secret}` });
    const hidden = { value: 'person.birthDate = "1990-01-01" and inSegment("x")' };
    const mapping = [{ source: { kind: "attribute", path: "person.birthDate" }, target: "born" }];
    const pql = [{ source: { kind: "pql", expression: "person.birthDate" }, target: "born" }];
    const create = `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`;
    const activate = `mutation($m:[JSONObject!]){activateAudiences(input:{destinationId:"none",audienceIds:["x"],mapping:$m}){id}}`;
    const refused: readonly [string, object][] = [
      [create, { i: { name: "Born", expression: hidden } }],
      [
        `mutation($i:CreateAudienceInput!){updateAudience(id:"x",input:$i){id}}`,
        { i: { name: "B", expression: hidden } },
      ],
      [`query($x:ExpressionInput!){estimateAudience(expression:$x){count}}`, { x: hidden }],
      [`query($w:String!){searchProfiles(where:$w){examined}}`, { w: 'person.birthDate = "1990-01-01"' }],
      [activate, { m: mapping }],
      [activate, { m: pql }],
      [
        `mutation($d:JSONObject!){saveComputedAttribute(definition:$d){id}}`,
        { d: { name: "born", function: "mostRecent", field: "person.birthDate", lookBackHours: 24 } },
      ],
    ];
    for (const [query, variables] of refused) {
      const { errors } = await asPlain(query, variables);
      expect([query, errors?.[0]?.extensions.code]).toEqual([query, "FORBIDDEN"]);
      expect(errors?.[0]?.message).toContain("labels");
    }
    const open = await asPlain(create, { i: { name: "Open", expression: { value: 'person.gender = "f"' } } });
    expect(open.errors).toBeUndefined();
  });
});
