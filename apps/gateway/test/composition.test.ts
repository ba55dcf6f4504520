import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness } from "./harness.ts";

interface Composed {
  readonly status: string;
  readonly result: readonly { readonly audienceId: string; readonly name: string; readonly count: number }[];
}

describe("compositions of audiences", () => {
  let harness: Harness;
  let [all, gold] = ["", ""];
  const PERSONS = 200;
  beforeAll(async () => {
    harness = await startHarness();
    const records = Array.from({ length: PERSONS }, (_, n) => ({
      identityMap: { CRMID: [{ id: `C${n}`, primary: true }] },
      active: true,
      loyalty: { tier: n % 4 === 0 ? "gold" : "basic", points: n },
    }));
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
    const make = async (name: string, value: string): Promise<string> =>
      dataOf<{ createAudience: { id: string } }>(
        await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
          i: { name, expression: { value } },
        }),
      ).createAudience.id;
    all = await make("All", "active = true");
    gold = await make("Gold", 'loyalty.tier = "gold"');
    await harness.graphql(`mutation{evaluateAudiences{id}}`);
  });
  afterAll(() => harness.close());

  const run = async (composition: object): Promise<Composed> => {
    const started = await harness.graphql(`mutation($c:JSONObject!){runComposition(composition:$c){id}}`, {
      c: composition,
    });
    const { id } = dataOf<{ runComposition: { id: string } }>(started).runComposition;
    const job = async (): Promise<Composed> =>
      dataOf<{ job: Composed }>(await harness.graphql(`query($id:ID!){job(id:$id){status result}}`, { id }))
        .job;
    await expect.poll(async () => (await job()).status, { timeout: 20_000 }).not.toBe("running");
    return job();
  };
  const countsOf = ({ result }: Composed): Record<string, number> =>
    Object.fromEntries(result.map(({ name, count }) => [name, count]));
  const countOf = async (name: string): Promise<number | undefined> => {
    const told = await harness.graphql(`{audiences{name count}}`);
    return dataOf<{ audiences: { name: string; count: number }[] }>(told).audiences.find(
      (audience) => audience.name === name,
    )?.count;
  };

  it("saves who is in one audience and not in another, and lets those go who no longer are", async () => {
    const end = { kind: "save", name: "Basic" };
    const wanted = { id: "c1", start: "union", audiences: [all], exclude: [gold], end };
    expect(countsOf(await run(wanted))).toEqual({ Basic: 150 });
    expect(await countOf("Basic")).toBe(150);
    expect(countsOf(await run({ ...wanted, audiences: [gold], exclude: [] }))).toEqual({ Basic: 50 });
    expect(await countOf("Basic")).toBe(50);
  });

  it("splits into parts that never overlap, the same way every time, and ranks", async () => {
    const parts = [
      { name: "A", percent: 50 },
      { name: "B", percent: 50 },
    ];
    const split = {
      id: "c2",
      start: "union",
      audiences: [all],
      exclude: [],
      end: { kind: "split-percent", parts },
    };
    const first = countsOf(await run(split));
    expect((first["A"] ?? 0) + (first["B"] ?? 0)).toBe(PERSONS);
    expect(Math.min(first["A"] ?? 0, first["B"] ?? 0)).toBeGreaterThan(PERSONS / 4);
    expect(countsOf(await run(split))).toEqual(first);
    const rank = { kind: "rank", name: "Top", path: "loyalty.points", order: "descending", limit: 10 };
    expect(countsOf(await run({ ...split, id: "c3", end: rank }))).toEqual({ Top: 10 });
    const top = await harness.graphql(
      `{a:profile(identity:{namespace:"CRMID",id:"C199"}){memberships{audienceId}} b:profile(identity:{namespace:"CRMID",id:"C189"}){memberships{audienceId}}}`,
    );
    const [audience] = (await run({ ...split, id: "c3", end: rank })).result;
    const { a, b } = dataOf<Record<string, { memberships: { audienceId: string }[] }>>(top);
    const holds = (one: typeof a): boolean =>
      one?.memberships.some(({ audienceId }) => audienceId === audience?.audienceId) ?? false;
    expect([holds(a), holds(b)]).toEqual([true, false]);
  });

  it("keeps them beside those that were saved, with the same parts", async () => {
    const told = await harness.graphql(`{compositions{id end parts{name audienceId count}}}`);
    const { compositions } = dataOf<{
      compositions: { id: string; end: string; parts: { name: string; count: number }[] }[];
    }>(told);
    expect(compositions.map(({ id, end }) => [id, end]).toSorted()).toEqual([
      ["c1", "save"],
      ["c2", "split-percent"],
      ["c3", "rank"],
    ]);
    expect(compositions.find(({ id }) => id === "c3")?.parts).toMatchObject([{ name: "Top", count: 10 }]);
  });

  it("refuses what is no composition, with all that is wrong", async () => {
    const end = {
      kind: "split-percent",
      parts: [
        { name: "A", percent: 80 },
        { name: "A", percent: 80 },
      ],
    };
    const cases: readonly [object, readonly string[]][] = [
      [{}, ["composition.shape"]],
      [
        { id: "x", start: "union", audiences: ["none"], exclude: [], end },
        ["composition.parts", "composition.percent", "composition.audience"],
      ],
    ];
    for (const [c, codes] of cases) {
      const tried = await harness.graphql(
        `mutation($c:JSONObject!){tryRunComposition(composition:$c){... on Refusal{issues{code}}}}`,
        { c },
      );
      const { issues } = dataOf<{ tryRunComposition: { issues: { code: string }[] } }>(
        tried,
      ).tryRunComposition;
      expect(issues.map(({ code }) => code)).toEqual(codes);
    }
  });
});
