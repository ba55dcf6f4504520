import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectionName } from "../src/graphql/lists-as-connections.ts";
import { gatewaySchema } from "../src/graphql/schema.ts";
import { dataOf, type Harness, startHarness, viewEvent } from "./harness.ts";

interface PageOf<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly totalCount?: number;
}

describe("connections", () => {
  let harness: Harness;
  const ask = async <T>(query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(query, variables));
  /** All nodes of a connection, read `first` at a time; `between` runs after every page. */
  const readAll = async <T>(
    select: (args: string) => string,
    first: number,
    between: () => Promise<unknown> = async () => undefined,
  ): Promise<readonly T[]> => {
    const nodes: T[] = [];
    for (let after: string | null = null; ;) {
      const args: string = `first:${first}${after === null ? "" : `,after:${JSON.stringify(after)}`}`;
      const { c } = await ask<{ c: PageOf<T> }>(`{c:${select(args)}}`);
      nodes.push(...c.nodes);
      if (!c.pageInfo.hasNextPage) return nodes;
      after = c.pageInfo.endCursor;
      await between();
    }
  };
  const INFO = "pageInfo{hasNextPage endCursor}";
  const audience = async (name: string): Promise<string> => {
    const made = await ask<{ createAudience: { id: string } }>(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      { i: { name, expression: { value: `person.name.firstName = "${name}"` }, evaluation: "batch" } },
    );
    return made.createAudience.id;
  };

  beforeAll(async () => {
    harness = await startHarness();
    await ask(
      `mutation{saveRole(input:{id:"resets",name:"Resets",permissions:["reset-sandboxes"],sandboxes:["prod"]}){id}}`,
    );
    for (const name of ["ada", "bob", "eve"]) {
      const id = await audience(name);
      await ask(`mutation($id:ID!){scheduleAudience(id:$id,cron:"0 3 * * *"){audienceId}}`, { id });
      await ask(`mutation($d:JSONObject!){saveDataset(definition:$d){id}}`, {
        d: { id: name, name, kind: "profile" },
      });
      await ask(`mutation($d:JSONObject!){saveDatastream(definition:$d)}`, { d: { id: name } });
      await ask(`mutation($n:String!){createApiKey(name:$n,roleIds:["resets"]){id}}`, { n: name });
      await ask(`mutation($p:String!){labelField(path:$p,labels:["core/C2"]){path}}`, { p: `x.${name}` });
      await ask(`mutation($i:IdentityInput!){blockIdentity(identity:$i)}`, {
        i: { namespace: "Email", id: `${name}@example.com` },
      });
    }
  });
  afterAll(() => harness.close());

  it.each([
    ["datasets", "id"],
    ["datastreams", undefined],
    ["apiKeys", "id"],
    ["roles", "id"],
    ["sandboxes", "name"],
    ["labelledFields", "path"],
    ["audienceSchedules", "audienceId"],
    ["identityDecisions", "identity{id}"],
    ["identityNamespaces", "code"],
    ["dataUsagePolicies", "id"],
    ["consentPolicies", "id"],
    ["fieldGroups", undefined],
    ["mergePolicies", undefined],
  ])("tells all of %s page by page", async (list, field) => {
    const fields = field === undefined ? "" : `{${field}}`;
    const plain = await ask<Record<string, readonly object[]>>(`{${list}${fields}}`);
    const name = connectionName(list);
    for (const first of [1, 2, 1_000]) {
      const read = await readAll<object>((args) => `${name}(${args}){nodes${fields} ${INFO}}`, first);
      expect(read.length).toBeGreaterThan(0);
      expect(read).toHaveLength(plain[list]?.length ?? -1);
      expect(read).toEqual(expect.arrayContaining([...(plain[list] ?? [])]));
    }
  });

  it("lets nobody page through what the plain list refuses", async () => {
    const { createApiKey } = await ask<{ createApiKey: { secret: string } }>(
      `mutation{createApiKey(name:"nothing",roleIds:["resets"]){secret}}`,
    );
    const names = Object.values(gatewaySchema().getQueryType()?.getFields() ?? {})
      .filter((field) => field.name.endsWith("Connection"))
      .filter(({ name }) => name !== "audienceVersionConnection" && name !== "sandboxConnection")
      .map((field) => field.name);
    expect(names.length).toBeGreaterThanOrEqual(20);
    for (const name of names) {
      const answer = await harness.graphql(
        `{${name}{pageInfo{hasNextPage}}}`,
        {},
        {
          authorization: `Bearer ${createApiKey.secret}`,
        },
      );
      expect([name, answer.errors?.[0]?.extensions.code]).toEqual([name, "FORBIDDEN"]);
    }
  });

  it("loses and repeats none while others come and go", async () => {
    const before = (await ask<{ audiences: { name: string }[] }>(`{audiences{name}}`)).audiences;
    let made = 0;
    const read = await readAll<{ name: string }>(
      (args) => `audienceConnection(${args}){nodes{name} ${INFO}}`,
      1,
      async () => (made < 3 ? audience(`late ${(made += 1)}`) : undefined),
    );
    const names = read.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(before.map(({ name }) => name)));
  });

  it("goes on behind an item that is gone", async () => {
    const page = (
      await ask<{ c: PageOf<{ id: string }> }>(`{c:apiKeyConnection(first:1){nodes{id} ${INFO}}}`)
    ).c;
    await ask(`mutation($id:ID!){revokeApiKey(id:$id)}`, { id: page.nodes[0]?.id });
    const next = await ask<{ c: PageOf<{ id: string }> }>(
      `query($a:String){c:apiKeyConnection(first:1,after:$a){nodes{id} ${INFO}}}`,
      { a: page.pageInfo.endCursor },
    );
    const { apiKeys } = await ask<{ apiKeys: { id: string }[] }>(`{apiKeys{id}}`);
    expect(next.c.nodes).toHaveLength(1);
    expect(apiKeys.map(({ id }) => id)).toContain(next.c.nodes[0]?.id);
  });

  it("refuses a cursor of another list", async () => {
    const { c } = await ask<{ c: PageOf<object> }>(`{c:datasetConnection(first:1){${INFO}}}`);
    const answer = await harness.graphql(`query($a:String){schemaConnection(after:$a){totalCount}}`, {
      a: c.pageInfo.endCursor,
    });
    expect(answer.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  });

  it("finds by name, in any case", async () => {
    const { c } = await ask<{ c: PageOf<object> }>(
      `{c:datasetConnection(name:"AD"){nodes{id} totalCount ${INFO}}}`,
    );
    expect(c).toMatchObject({ nodes: [{ id: "ada" }], totalCount: 1 });
  });

  it("pages through quarantine, with its filters", async () => {
    const bad = Array.from({ length: 5 }, (_, n) => ({ _id: `bad ${n}` }));
    for (const datasetId of ["web", "app"])
      await harness.request(`/collect/events?datasetId=${datasetId}`, {
        method: "POST",
        body: JSON.stringify(bad),
      });
    const all = await readAll<{ id: string }>(
      (args) => `quarantineConnection(${args}){nodes{id} ${INFO}}`,
      3,
    );
    expect(new Set(all.map(({ id }) => id)).size).toBe(10);
    const web = await readAll<{ datasetId: string }>(
      (args) => `quarantineConnection(${args},datasetId:"web"){nodes{datasetId} ${INFO}}`,
      2,
    );
    expect(web).toEqual(Array.from({ length: 5 }, () => ({ datasetId: "web" })));
  });

  it("pages through the audit log while it is written to", async () => {
    const first = await ask<{ c: PageOf<{ at: string }> }>(
      `{c:auditLogConnection(first:4){nodes{action} ${INFO}}}`,
    );
    await ask(`{profile(identity:{namespace:"CRMID",id:"x"}){personId}}`);
    const read = await readAll<{ action: string; subject: string }>(
      (args) => `auditLogConnection(${args},actions:["apiKey.create"]){nodes{action subject} ${INFO}}`,
      1,
    );
    expect(new Set(read.map(({ subject }) => subject)).size).toBe(read.length);
    expect(read.length).toBeGreaterThanOrEqual(3);
    expect(first.c.pageInfo.hasNextPage).toBe(true);
  });

  it("goes on through a person's events when the last one told is gone", async () => {
    const events = ["e1", "e2", "e3"].map((id, n) =>
      viewEvent(id, "C9", { timestamp: `2026-03-01T0${n + 1}:00:00Z` }),
    );
    await harness.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify(events) });
    const select = `{profile(identity:{namespace:"CRMID",id:"C9"}){events`;
    const one = await ask<{ profile: { events: PageOf<{ id: string }> } }>(
      `${select}(first:1){nodes{id} ${INFO}}}}`,
    );
    expect(one.profile.events.nodes).toEqual([{ id: "e3" }]);
    const gone = Buffer.from(JSON.stringify(["events", Date.parse("2026-03-01T02:30:00Z"), "gone"]));
    const rest = await ask<{ profile: { events: PageOf<{ id: string }> } }>(
      `${select}(after:"${gone.toString("base64url")}"){nodes{id} ${INFO}}}}`,
    );
    expect(rest.profile.events.nodes).toEqual([{ id: "e2" }, { id: "e1" }]);
  });
});
