import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, startHarness, viewEvent } from "./harness.ts";

describe("sandboxes on SQLite files", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-sandboxes-"));
  const path = join(folder, "tessera.db");
  const filesFolder = join(folder, "files");
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ store: { kind: "sqlite", path }, filesFolder }, openSqliteStore({ path }));
  });
  afterAll(async () => {
    await harness.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (sandbox: string, query: string, variables: object = {}, headers = {}): Promise<Answer> =>
    harness.graphql(query, variables, { "x-sandbox-name": sandbox, ...headers });
  const run = async <T>(sandbox: string, query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await ask(sandbox, query, variables));
  const fill = async (sandbox: string): Promise<void> => {
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      headers: { "x-sandbox-name": sandbox },
      body: JSON.stringify([viewEvent("e1", "C1")]),
    });
  };
  const code = ({ errors }: Answer): string | undefined => errors?.[0]?.extensions.code;

  it("copies configuration and no data; what was copied starts switched off", async () => {
    await run(
      "prod",
      `mutation{createSandbox(name:"dev",title:"Development"){name} b:createSandbox(name:"live",type:"production"){type}}`,
    );
    await fill("prod");
    const { createAudience, createDestination } = await run<Record<string, { id: string }>>(
      "prod",
      `mutation($a:CreateAudienceInput!,$d:CreateDestinationInput!){createAudience(input:$a){id} createDestination(input:$d){id}}`,
      {
        a: {
          name: "Viewers",
          expression: { value: 'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.productViews")])' },
        },
        d: { name: "Files", type: "csv-local", settings: { target: { folder: "out" } } },
      },
    );
    const mapping = [{ source: { kind: "identity", namespace: "CRMID" }, target: "crm" }];
    await run("prod", `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
      i: { destinationId: createDestination?.id, audienceIds: [createAudience?.id], mapping },
    });
    await run(
      "prod",
      `mutation{labelField(path:"person.name",labels:["I1"]){path} enableCorePolicies{policies{id}}}`,
    );
    await run("prod", `mutation{evaluateAudiences{count}}`);
    const { copySandbox } = await run<{ copySandbox: { copied: string[]; definitions: number } }>(
      "prod",
      `mutation{copySandbox(from:"prod",to:"dev"){copied definitions}}`,
    );
    expect(copySandbox.copied).toContain("audiences");
    expect(copySandbox.definitions).toBeGreaterThan(5);
    const copied = await run(
      "dev",
      `{audiences{id name count} destinations{name dataflows{enabled}} labelledFields{path} totals{persons events} profile(identity:{namespace:"CRMID",id:"C1"}){personId}}`,
    );
    expect(copied).toEqual({
      audiences: [{ id: createAudience?.id, name: "Viewers", count: 0 }],
      destinations: [{ name: "Files", dataflows: [{ enabled: false }] }],
      labelledFields: [{ path: "person.name" }],
      totals: { persons: 0, events: 0 },
      profile: null,
    });
    await fill("dev");
    expect(await run("dev", `{audiences{count}}`)).toEqual({ audiences: [{ count: 1 }] });
    const refused = await ask("prod", `mutation{copySandbox(from:"prod",to:"dev",only:["events"]){copied}}`);
    expect(code(refused)).toBe("BAD_USER_INPUT");
  });

  it("resets one to nothing, files and all, and leaves the others", async () => {
    await run("dev", `mutation($i:UpdateDataflowInput!){updateDataflow(input:$i){enabled}}`, {
      i: {
        id: (
          await run<{ destinations: { dataflows: { id: string }[] }[] }>(
            "dev",
            `{destinations{dataflows{id}}}`,
          )
        ).destinations[0]?.dataflows[0]?.id,
        enabled: true,
      },
    });
    const { destinations } = await run<{ destinations: { id: string }[] }>("dev", `{destinations{id}}`);
    await run("dev", `mutation($d:ID!){exportAudiences(destinationId:$d){location}}`, {
      d: destinations[0]?.id,
    });
    expect(readdirSync(`${filesFolder}.dev`, { recursive: true }).length).toBeGreaterThan(0);
    expect(readFileSync(join(folder, "tessera.dev.db")).length).toBeGreaterThan(0);
    await run("prod", `mutation{resetSandbox(name:"dev"){name title}}`);
    expect(existsSync(`${filesFolder}.dev`)).toBe(false);
    expect(
      await run("dev", `{audiences{id} destinations{id} totals{persons events records identities}}`),
    ).toEqual({
      audiences: [],
      destinations: [],
      totals: { persons: 0, events: 0, records: 0, identities: 0 },
    });
    expect(await run("prod", `{audiences{count} totals{events}}`)).toEqual({
      audiences: [{ count: 1 }],
      totals: { events: 1 },
    });
    await fill("dev");
    expect(await run("dev", `{totals{events}}`)).toEqual({ totals: { events: 1 } });
  });

  it("deletes one, and refuses what would hurt", async () => {
    for (const mutation of [
      `resetSandbox(name:"prod"){name}`,
      `deleteSandbox(name:"prod")`,
      `deleteSandbox(name:"live")`,
      `copySandbox(from:"dev",to:"dev"){copied}`,
    ])
      expect([mutation, code(await ask("prod", `mutation{${mutation}}`))]).toEqual([
        mutation,
        "BAD_USER_INPUT",
      ]);
    expect(code(await ask("prod", `mutation{deleteSandbox(name:"nowhere")}`))).toBe("NOT_FOUND");
    await run("prod", `mutation{deleteSandbox(name:"dev") b:deleteSandbox(name:"live",confirmed:true)}`);
    expect(readdirSync(folder).filter((name) => name.includes("dev"))).toEqual([]);
    expect(await run("prod", `{sandboxes{name}}`)).toEqual({ sandboxes: [{ name: "prod" }] });
    const gone = await harness.request("/graphql", {
      method: "POST",
      headers: { "x-sandbox-name": "dev" },
      body: "{}",
    });
    expect(gone.status).toBe(403);
  });

  it("links those who are there already by rules that are copied", async () => {
    await run("prod", `mutation{createSandbox(name:"from"){name} b:createSandbox(name:"to"){name}}`);
    const event = (id: string, customer: string): object => ({
      _id: id,
      timestamp: `2026-03-01T10:00:0${id}Z`,
      identityMap: { CRMID: [{ id: customer }], SESSION: [{ id: "shared" }] },
    });
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      headers: { "x-sandbox-name": "to" },
      body: JSON.stringify([event("1", "jane"), event("2", "john")]),
    });
    const persons = async (): Promise<number> =>
      (await run<{ totals: { persons: number } }>("to", `{totals{persons}}`)).totals.persons;
    expect(await persons()).toBe(2);
    const namespaces = [{ namespace: "CRMID", type: "CROSS_DEVICE", unique: false, priority: 1 }];
    await run("from", `mutation($r:JSONObject!){setLinkingRules(rules:$r){id}}`, { r: { namespaces } });
    await expect.poll(() => run("from", `{jobs{status}}`)).toEqual({ jobs: [{ status: "done" }] });
    await run("prod", `mutation{copySandbox(from:"from",to:"to",only:["linking-rules"]){copied}}`);
    await expect.poll(persons).toBe(1);
  });

  it("lets nobody reset or copy a sandbox that is not theirs", async () => {
    await run("prod", `mutation{createSandbox(name:"mine"){name} b:createSandbox(name:"theirs"){name}}`);
    const role = { id: "tenant", name: "Tenant", permissions: ["manage-sandboxes"], sandboxes: ["mine"] };
    await run("prod", `mutation($r:RoleInput!){saveRole(input:$r){id}}`, { r: role });
    const { createApiKey } = await run<{ createApiKey: { secret: string } }>(
      "prod",
      `mutation{createApiKey(name:"tenant",roleIds:["tenant"]){secret}}`,
    );
    const key = { authorization: `Bearer ${createApiKey.secret}` };
    for (const mutation of [
      `resetSandbox(name:"theirs"){name}`,
      `deleteSandbox(name:"theirs")`,
      `copySandbox(from:"theirs",to:"mine"){copied}`,
      `copySandbox(from:"mine",to:"theirs"){copied}`,
    ])
      expect([mutation, code(await ask("mine", `mutation{${mutation}}`, {}, key))]).toEqual([
        mutation,
        "NOT_FOUND",
      ]);
    expect(await ask("mine", `mutation{resetSandbox(name:"mine"){name}}`, {}, key)).toEqual({
      data: { resetSandbox: { name: "mine" } },
    });
  });
});
