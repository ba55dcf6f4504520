import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness } from "./harness.ts";

const MAPPING = {
  fields: [
    { identity: "CRMID", from: "customer", primary: true },
    { to: "person.name.firstName", from: "first" },
    { to: "loyalty.points", from: "points", as: "integer" },
    { to: "loyalty.joined", from: "joined", as: "time" },
  ],
};

describe("files of every format", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
    for (const datasetId of ["mapped", "crm"])
      await run(`mutation($d:String!,$m:JSONObject!){saveRowMapping(datasetId:$d,mapping:$m)}`, {
        d: datasetId,
        m: MAPPING,
      });
  });
  afterAll(() => harness.close());
  const run = async <T>(document: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(document, variables));
  const post = async (
    path: string,
    body: string | Uint8Array | ArrayBuffer | ReadableStream,
    headers = {},
  ): Promise<[number, object]> => {
    const more = body instanceof ReadableStream ? { duplex: "half" } : {};
    const request = { method: "POST", body: body as BodyInit, headers, ...more };
    const response = await harness.request(path, request);
    return [response.status, (await response.json()) as object];
  };
  const attributes = async (id: string): Promise<unknown> =>
    (
      await run<{ profile: { attributes: unknown } | null }>(
        `query($id:String!){profile(identity:{namespace:"CRMID",id:$id}){attributes}}`,
        { id },
      )
    ).profile?.attributes;
  const record = (id: string, more: object = {}): object => ({
    identityMap: { CRMID: [{ id, primary: true }] },
    ...more,
  });

  it("NDJSON and JSON hold records as they are, or rows by the mapping", async () => {
    const lines = [record("n1", { a: 1 }), record("n2", { a: 2 })].map((one) => JSON.stringify(one));
    expect(await post("/collect/rows?datasetId=plain&format=ndjson", lines.join("\n"))).toMatchObject([
      200,
      { rows: 2, accepted: 2, done: true },
    ]);
    const list = gzipSync(JSON.stringify([{ customer: "j1", first: "Ada", points: 3 }]));
    const headers = { "content-type": "application/json; charset=utf-8", "content-encoding": "gzip" };
    expect(await post("/collect/rows?datasetId=mapped&mapped=true", list, headers)).toMatchObject([
      200,
      { rows: 1, accepted: 1 },
    ]);
    expect(await attributes("n2")).toEqual({ a: 2 });
    expect(await attributes("j1")).toEqual({
      person: { name: { firstName: "Ada" } },
      loyalty: { points: 3 },
    });
    expect(await post("/collect/rows?datasetId=plain&format=xml", "<a/>")).toMatchObject([400, {}]);
    expect(await post("/collect/rows?datasetId=none&format=json&mapped=true", "[]")).toMatchObject([
      400,
      { code: "MAPPING_MISSING" },
    ]);
  });

  it("Parquet goes by the mapping, with times and whole numbers of its own", async () => {
    const rows = 12_000;
    const column = <T>(value: (index: number) => T): T[] =>
      Array.from({ length: rows }, (_, at) => value(at));
    const file = parquetWriteBuffer({
      columnData: [
        { name: "customer", data: column((at) => `p${at}`), type: "STRING" },
        { name: "first", data: column((at) => `Name ${at}`), type: "STRING" },
        { name: "points", data: column((at) => BigInt(at)), type: "INT64" },
        { name: "joined", data: column(() => new Date("2026-01-02T03:04:05.006Z")), type: "TIMESTAMP" },
      ],
      rowGroupSize: 5_000,
    });
    const path = "/collect/rows?datasetId=mapped&format=parquet&importId=parquet";
    expect(await post(path, file)).toMatchObject([200, { rows, accepted: rows, rejected: 0, done: true }]);
    expect(await attributes("p11999")).toEqual({
      person: { name: { firstName: "Name 11999" } },
      loyalty: { points: 11999, joined: "2026-01-02T03:04:05.006Z" },
    });
    expect(await post("/collect/rows?datasetId=mapped&format=parquet", file.slice(0, 999))).toMatchObject([
      400,
      { code: "FILE_UNREADABLE" },
    ]);
  });

  it("an upload that breaks off goes on where it stood; progress is seen meanwhile", async () => {
    const lines = Array.from({ length: 3_500 }, (_, at) => `${JSON.stringify(record(`r${at}`, { at }))}\n`);
    const path = "/collect/rows?datasetId=plain&format=ndjson&importId=long";
    let rest: () => void = () => undefined;
    const broken = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(lines.slice(0, 2_400).join("")));
        rest = () => controller.error(new Error("the line went dead"));
      },
    });
    const upload = post(path, broken).catch((error: unknown) => error);
    type Progress = { importProgress: { rows: number; done: boolean } | null };
    const progress = async (): Promise<Progress["importProgress"]> =>
      (await run<Progress>(`{importProgress(importId:"long"){rows done}}`)).importProgress;
    await expect.poll(progress, { timeout: 10_000 }).toEqual({ rows: 2_000, done: false });
    rest();
    await upload;
    const [status, told] = await post(path, lines.join(""));
    expect([status, told]).toMatchObject([200, { rows: 3_500, accepted: 3_500, duplicates: 0, done: true }]);
    expect(await attributes("r3499")).toEqual({ at: 3499 });
  });

  it("files that are odd or cut short lose nothing without a word", async () => {
    const path = "/collect/rows?datasetId=crm&format=csv";
    const head = "customer,first\n";
    const rejected = async (body: string | Uint8Array): Promise<unknown> => {
      expect(await post(path, body)).toMatchObject([200, { accepted: 1, rejected: 1, done: true }]);
      const { quarantine } = await run<{ quarantine: { id: string; code: string }[] }>(
        `{quarantine{id code}}`,
      );
      const ids = quarantine.map(({ id }) => id);
      await run(`mutation($ids:[ID!]!){discardQuarantine(ids:$ids)}`, { ids });
      return quarantine.map(({ code }) => code);
    };
    expect(await rejected(`${head}odd1,A\nodd2,"B\nodd3,C\n`)).toEqual(["csv.quote"]);
    expect(await rejected(Buffer.from(`${head}odd4,M\xfcller\nodd5,A\n`, "latin1"))).toEqual([
      "csv.encoding",
    ]);
    expect(await rejected(`${head}odd6,A\nodd7,M,ller\n`)).toEqual(["row.cells"]);
    expect(await post(path, `${head}odd8,M\ufffdller`)).toMatchObject([200, { accepted: 1 }]);
    expect(await attributes("odd1")).toEqual({ person: { name: { firstName: "A" } } });

    const zipped = gzipSync(`${head}odd9,A\n`);
    const encoded = { "content-encoding": "gzip" };
    expect(await post(path, zipped.subarray(0, 20), encoded)).toMatchObject([
      400,
      { code: "BODY_UNREADABLE" },
    ]);

    const named = `${path}&importId=twice`;
    expect(await post(named, "")).toMatchObject([200, { rows: 0, done: true }]);
    expect(await post(named, `${head}odd11,A\n`)).toMatchObject([200, { accepted: 1 }]);
    expect(await post(named, `${head}odd12,A\n`)).toMatchObject([
      409,
      { code: "IMPORT_CONFLICT", accepted: 1 },
    ]);
    expect(await attributes("odd12")).toBeUndefined();
  });

  it("a dataset is named as one can be, by GraphQL as well", async () => {
    const sent = await harness.graphql(`mutation{ingestRecords(datasetId:"a b",records:[]){accepted}}`);
    expect(sent.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  });

  it("bad rows lie in quarantine with their reason, are mended and sent again", async () => {
    const lines = ['{"customer":"q1","points":"many"}', '{"customer":', '{"customer":"q3","points":1}'];
    const path = "/collect/rows?datasetId=crm&format=ndjson&mapped=true";
    expect(await post(path, lines.join("\n"))).toMatchObject([200, { rows: 3, accepted: 1, rejected: 2 }]);
    type Item = { id: string; code: string; isRow: boolean; body: unknown };
    const lying = async (): Promise<readonly Item[]> =>
      (await run<{ quarantine: Item[] }>(`{quarantine{id code isRow body}}`)).quarantine;
    const items = await lying();
    expect(items.map(({ code, isRow }) => [code, isRow]).sort()).toEqual([
      ["json.syntax", true],
      ["row.value", true],
    ]);
    const replay = `mutation($ids:[ID!],$fixes:[QuarantineFixInput!]){replayQuarantine(ids:$ids,fixes:$fixes){accepted rejected{index code}}}`;
    const ids = items.map(({ id }) => id);
    const asTheyAre = await run<{ replayQuarantine: object }>(replay, { ids });
    expect(asTheyAre.replayQuarantine).toMatchObject({ accepted: 0, rejected: [{ index: 0 }, { index: 1 }] });
    const fixes = items.map(({ id, code }) => ({
      id,
      body: { customer: code === "row.value" ? "q1" : "q2", points: 7 },
    }));
    expect(await run(replay, { fixes })).toEqual({ replayQuarantine: { accepted: 2, rejected: [] } });
    expect(await lying()).toEqual([]);
    expect([await attributes("q1"), await attributes("q2")]).toEqual([
      { loyalty: { points: 7 } },
      { loyalty: { points: 7 } },
    ]);
  });

  it("what a stream sends and nobody can read lies there too, until it is thrown away", async () => {
    const body = `${JSON.stringify(record("s1"))}\n{"broken\n`;
    expect(await post("/collect/records?datasetId=plain", body)).toMatchObject([
      200,
      { accepted: 1, rejected: [{ index: 1, line: 2, code: "json.syntax" }] },
    ]);
    const { quarantine } = await run<{ quarantine: { id: string; body: unknown }[] }>(
      `{quarantine{id body}}`,
    );
    expect(quarantine.map(({ body: text }) => text)).toEqual(['{"broken']);
    const ids = quarantine.map(({ id }) => id);
    expect(await run(`mutation($ids:[ID!]!){discardQuarantine(ids:$ids)}`, { ids })).toEqual({
      discardQuarantine: 1,
    });
    expect(await run(`{quarantine{id}}`)).toEqual({ quarantine: [] });
  });

  it("partial updates and deletions come by stream, by GraphQL and by file", async () => {
    const whole = record("u1", { loyalty: { points: 1, tier: "gold" } });
    await post("/collect/records?datasetId=plain", JSON.stringify([whole]));
    const change = record("u1", { loyalty: { points: 2 } });
    await post("/collect/records?datasetId=plain&operation=merge", JSON.stringify([change]));
    expect(await attributes("u1")).toEqual({ loyalty: { points: 2, tier: "gold" } });
    await run(
      `mutation($r:[JSON!]!){ingestRecords(datasetId:"plain",records:$r,operation:MERGE){accepted}}`,
      { r: [record("u1", { loyalty: { tier: null } })] },
    );
    expect(await attributes("u1")).toEqual({ loyalty: { points: 2 } });
    const gone = JSON.stringify(record("u1"));
    await post("/collect/rows?datasetId=plain&format=ndjson&operation=delete", gone);
    expect(await attributes("u1")).toEqual({});
    expect(await post("/collect/records?datasetId=plain&operation=burn", "[]")).toMatchObject([
      400,
      { code: "OPERATION_INVALID" },
    ]);
  });

  it("merge policies are deleted when nobody needs them, and another one on edge derives everyone anew", async () => {
    await post("/collect/records?datasetId=first", JSON.stringify([record("m1", { country: "FR" })]));
    const save = `mutation($d:JSONObject!){saveMergePolicy(definition:$d)}`;
    const { saveMergePolicy } = await run<{ saveMergePolicy: { id: string } }>(save, {
      d: {
        name: "First",
        attributeMerge: { type: "dataSetPrecedence", order: ["first"] },
        isActiveOnEdge: true,
      },
    });
    const jobs = async (): Promise<unknown> =>
      (await run<{ jobs: { kind: string; status: string }[] }>(`{jobs{kind status}}`)).jobs;
    await expect.poll(jobs, { timeout: 10_000 }).toContainEqual({
      kind: `followMergePolicy ${saveMergePolicy.id} 1`,
      status: "done",
    });
    const remove = `mutation($id:ID!){deleteMergePolicy(id:$id)}`;
    const refused = await harness.graphql(remove, { id: saveMergePolicy.id });
    expect(refused.errors).toHaveLength(1);
    const spare = await run<{ saveMergePolicy: { id: string } }>(save, { d: { name: "Spare" } });
    await run(remove, { id: spare.saveMergePolicy.id });
    const { mergePolicies } = await run<{ mergePolicies: { name: string }[] }>(`{mergePolicies}`);
    expect(mergePolicies.map(({ name }) => name).sort()).toEqual(["Default timebased", "First"]);
  });
});
