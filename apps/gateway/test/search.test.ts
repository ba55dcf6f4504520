import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HubStore } from "@tessera/profile-store";
import { openMongoStore } from "@tessera/store-mongodb";
import { openSqliteStore } from "@tessera/store-sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, startHarness } from "./harness.ts";

const folder = mkdtempSync(join(tmpdir(), "tessera-search-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { MONGODB_URI } = process.env;

interface Found {
  readonly nodes: readonly {
    readonly attributes: { readonly person: { readonly name: { readonly lastName: string } } };
  }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly plan: {
    readonly method: string;
    readonly indexes: readonly string[];
    readonly missing: readonly string[];
    readonly examined: number;
    readonly persons: number;
  };
  readonly hint: string | null;
}

const PERSONS = 3_000;
const SEARCH = `query($w:String!,$first:Int!,$after:String){searchProfiles(where:$w,first:$first,after:$after){
  nodes{attributes} pageInfo{hasNextPage endCursor} plan{method indexes missing examined persons} hint}}`;

describe.each([
  [
    "SQLite",
    async (): Promise<HubStore> =>
      openSqliteStore({ path: join(folder, "search.db"), synchronous: "normal" }),
  ],
  [
    "MongoDB",
    async (): Promise<HubStore> => {
      if (MONGODB_URI === undefined) throw new Error("MONGODB_URI is not set: name a replica set.");
      return openMongoStore({ uri: MONGODB_URI, database: `tessera-search-${process.pid}` });
    },
  ],
])("a search by attributes on %s", { timeout: 60_000 }, (name, open) => {
  let harness: Harness;
  const run = async <T>(query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(query, variables));
  const search = async (w: string, first = 100, after: string | null = null): Promise<Found> =>
    (await run<{ searchProfiles: Found }>(SEARCH, { w, first, after })).searchProfiles;
  const namesIn = ({ nodes }: Found): readonly string[] =>
    nodes.map(({ attributes }) => attributes.person.name.lastName).toSorted();
  const jobEnds = async (id: string): Promise<void> => {
    await expect
      .poll(
        async () =>
          (await run<{ job: { status: string } }>(`query($id:ID!){job(id:$id){status message}}`, { id })).job,
        {
          timeout: 20_000,
        },
      )
      .toMatchObject({ status: "done" });
  };
  const index = async (path: string): Promise<void> => {
    const made = await run<{ createSearchIndex: { id: string } }>(
      `mutation($p:String!){createSearchIndex(path:$p){id}}`,
      { p: path },
    );
    await jobEnds(made.createSearchIndex.id);
  };
  const records = (from: number, until: number): object[] =>
    Array.from({ length: until - from }, (_, place) => {
      const number = from + place;
      return {
        identityMap: { CRMID: [{ id: `C${number}`, primary: true }] },
        person: { name: { lastName: `Name ${number % 1_000}` } },
        loyalty: { points: number },
      };
    });
  const collect = async (items: readonly object[]): Promise<void> => {
    const answer = await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(items),
    });
    expect(answer.status).toBe(200);
  };

  it("looks at everyone without an index, and says which one is missing", async () => {
    harness = await startHarness({}, await open());
    await collect(records(0, PERSONS));
    const found = await search('person.name.lastName = "Name 7"');
    expect(namesIn(found)).toEqual(["Name 7", "Name 7", "Name 7"]);
    expect(found.plan).toEqual({
      method: "scan",
      indexes: [],
      missing: ["person.name.lastName"],
      examined: PERSONS,
      persons: PERSONS,
    });
    expect(found.hint).toContain("person.name.lastName");
  });

  it("goes by an index, and looks at those alone who can meet the query", async () => {
    await index("person.name.lastName");
    expect(await run(`{searchIndexes{path isReady} searchIndexConnection{totalCount}}`)).toEqual({
      searchIndexes: [{ path: "person.name.lastName", isReady: true }],
      searchIndexConnection: { totalCount: 1 },
    });
    const found = await search('person.name.lastName = "Name 7"');
    expect(namesIn(found)).toEqual(["Name 7", "Name 7", "Name 7"]);
    expect(found.plan).toMatchObject({
      method: "index",
      indexes: ["person.name.lastName"],
      missing: [],
      examined: 3,
    });
    expect(found.hint).toBeNull();
    // what no index can tell is looked at in those that are left
    const some = await search('person.name.lastName in ["Name 7", "Name 8"] and loyalty.points > 2000');
    expect(namesIn(some)).toEqual(["Name 7", "Name 8"]);
    expect(some.plan).toMatchObject({ method: "index", missing: ["loyalty.points"], examined: 6 });
    const either = await search('person.name.lastName = "Name 7" or loyalty.points = 1');
    expect(either.plan).toMatchObject({ method: "scan", missing: ["loyalty.points"] });
    expect(either.nodes).toHaveLength(4);
    expect((await search('person.name.lastName.startsWith("Name 77")')).plan.method).toBe("scan");
  });

  it("pages by an index as without one", async () => {
    await index("loyalty.points");
    const where = "loyalty.points < 25";
    const seen: number[] = [];
    let after: string | null = null;
    for (;;) {
      const page: Found = await search(where, 10, after);
      expect(page.plan.method).toBe("index");
      for (const { attributes } of page.nodes)
        seen.push((attributes as unknown as { loyalty: { points: number } }).loyalty.points);
      after = page.pageInfo.endCursor;
      if (!page.pageInfo.hasNextPage) break;
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, points) => points));
  });

  it("finds who came and who changed since, at once", async () => {
    harness.setNow(Date.parse("2026-03-01T13:00:00Z"));
    await collect([
      {
        identityMap: { CRMID: [{ id: "C1", primary: true }] },
        person: { name: { lastName: "Name 7" } },
        loyalty: { points: 1 },
      },
      { identityMap: { CRMID: [{ id: "new", primary: true }] }, person: { name: { lastName: "Name 7" } } },
    ]);
    const found = await search('person.name.lastName = "Name 7"');
    expect(found.nodes).toHaveLength(5);
    expect(found.plan).toMatchObject({ method: "index", examined: 5 });
    expect((await search('person.name.lastName = "Name 1"')).nodes).toHaveLength(2);
  });

  it("refuses what is no attribute, more than twenty, and what a caller may not see", async () => {
    const code = ({ errors }: Answer): unknown =>
      errors?.[0]?.extensions.issues?.[0]?.code ?? errors?.[0]?.extensions.code;
    const create = (p: string, headers: Record<string, string> = {}): Promise<Answer> =>
      harness.graphql(`mutation($p:String!){createSearchIndex(path:$p){id}}`, { p }, headers);
    for (const path of [
      "",
      "a b",
      'x = "1" or y',
      "a.$where",
      "segmentMembership.ups",
      "xEvent.a",
      "__proto__.x y",
    ])
      expect([path, code(await create(path))]).toEqual([path, "search.path"]);
    await run(`mutation{labelField(path:"person.name",labels:["core/C2"]){path}
      saveRole(input:{id:"ops",name:"Ops",permissions:["manage-profiles"],sandboxes:["prod"]}){id}}`);
    const { createApiKey } = await run<{ createApiKey: { secret: string } }>(
      `mutation{createApiKey(name:"k",roleIds:["ops"]){secret}}`,
    );
    const authorization = `Bearer ${createApiKey.secret}`;
    expect(code(await create("person.name.firstName", { authorization }))).toBe("FORBIDDEN");
    expect(await run(`mutation{deleteSearchIndex(path:"loyalty.points")}`)).toEqual({
      deleteSearchIndex: true,
    });
    expect((await search("loyalty.points < 25")).plan).toMatchObject({
      method: "scan",
      missing: ["loyalty.points"],
    });
    expect(code(await harness.graphql(`mutation{deleteSearchIndex(path:"loyalty.points")}`))).toBe(
      "NOT_FOUND",
    );
    if (name === "MongoDB") await drop();
    await harness.close();
  });
});

async function drop(): Promise<void> {
  const { MongoClient } = await import("mongodb");
  const client = await new MongoClient(MONGODB_URI ?? "").connect();
  await client.db(`tessera-search-${process.pid}`).dropDatabase();
  await client.close();
}
