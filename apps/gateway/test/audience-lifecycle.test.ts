import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness, viewEvent } from "./harness.ts";

/** Persons C0 to C19, each with one event that carries their number. */
const PERSONS = 20;

describe("the life of an audience over GraphQL", () => {
  let harness: Harness;
  const ask = async <T>(query: string, variables: object = {}): Promise<T> =>
    dataOf<T>(await harness.graphql(query, variables));
  const create = async (name: string, value: string, more: object = {}): Promise<string> => {
    const { createAudience } = await ask<{ createAudience: { id: string } }>(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      { i: { name, expression: { value }, ...more } },
    );
    return createAudience.id;
  };
  const below = (n: number): string => `xEvent.exists(commerce.productViews.value < ${n})`;

  beforeAll(async () => {
    harness = await startHarness({});
    const events = Array.from({ length: PERSONS }, (_, n) =>
      viewEvent(`e-${n}`, `C${n}`, { commerce: { productViews: { value: n } } }),
    );
    await harness.request("/collect/events?datasetId=web", { method: "POST", body: JSON.stringify(events) });
  });
  afterAll(() => harness.close());

  it("estimates before anything is saved, from a sample and exactly", async () => {
    const expression = { value: below(5) };
    const query = `query($e:ExpressionInput!,$n:Int!){estimateAudience(expression:$e,sample:$n){count confidence least most exact}}`;
    const all = await ask<{ estimateAudience: object }>(query, { e: expression, n: 2_000 });
    expect(all.estimateAudience).toEqual({ count: 5, confidence: 0.95, least: 5, most: 5, exact: true });
    const { estimateAudience } = await ask<{
      estimateAudience: { count: number; least: number; most: number; exact: boolean };
    }>(query, { e: expression, n: 8 });
    expect(estimateAudience.exact).toBe(false);
    expect(estimateAudience.least).toBeLessThanOrEqual(5);
    expect(estimateAudience.most).toBeGreaterThanOrEqual(5);
    const { startEstimate } = await ask<{ startEstimate: { id: string } }>(
      `mutation($e:ExpressionInput!){startEstimate(expression:$e){id}}`,
      { e: expression },
    );
    await expect
      .poll(
        async () =>
          (await harness.graphql(`query($id:ID!){job(id:$id){status done total result}}`, startEstimate))
            .data,
      )
      .toEqual({
        job: {
          status: "done",
          done: 20,
          total: 20,
          result: { count: 5, confidence: 0.95, least: 5, most: 5, exact: true },
        },
      });
    const wrong = await harness.graphql(query, { e: { value: "a = " }, n: 10 });
    expect(wrong.errors?.[0]?.extensions).toMatchObject({ issues: [{ code: "pql.syntax", line: 1 }] });
    expect(await ask(`{audiences{id}}`)).toEqual({ audiences: [] });
  });

  it("edits a published audience without a gap", async () => {
    const id = await create("Edited", below(5));
    await ask(`mutation($ids:[ID!]){evaluateAudiences(ids:$ids){id}}`, { ids: [id] });
    const show = `{id version versionInForce count expression{value}}`;
    const { updateAudience } = await ask<{ updateAudience: object }>(
      `mutation($id:ID!,$i:CreateAudienceInput!){updateAudience(id:$id,input:$i)${show}}`,
      { id, i: { name: "Edited", expression: { value: below(12) } } },
    );
    // The newest definition is told; the members are still those of the version in force.
    expect(updateAudience).toEqual({
      id,
      version: 2,
      versionInForce: 1,
      count: 5,
      expression: { value: below(12) },
    });
    await expect
      .poll(async () => (await harness.graphql(`query($id:ID!){audience(id:$id)${show}}`, { id })).data)
      .toEqual({ audience: { ...updateAudience, versionInForce: 2, count: 12 } });
    const { jobs } = await ask<{ jobs: { kind: string; status: string; result: unknown }[] }>(
      `{jobs{kind status result}}`,
    );
    expect(jobs.find(({ kind }) => kind === "switch audiences")?.result).toEqual([{ id, version: 2 }]);
    expect(
      await ask(`query($id:ID!){audienceVersions(id:$id){version inForce name expression{value}}}`, { id }),
    ).toEqual({
      audienceVersions: [
        { version: 2, inForce: true, name: "Edited", expression: { value: below(12) } },
        { version: 1, inForce: false, name: "Edited", expression: { value: below(5) } },
      ],
    });
  });

  it("composes audiences, evaluates them, and keeps what they are made of", async () => {
    const low = await create("Low", below(10));
    const lowest = await create("Lowest", below(4));
    const show = `{id name start end version audienceIds excludeIds parts{name audienceId count percent}}`;
    const { createComposition } = await ask<{
      createComposition: { id: string; parts: { name: string; audienceId: string }[] };
    }>(`mutation($i:CompositionInput!){createComposition(input:$i)${show}}`, {
      i: {
        name: "Test",
        audienceIds: [low],
        excludeIds: [lowest],
        split: [
          { name: "A", percent: 50 },
          { name: "B", percent: 50 },
        ],
      },
    });
    expect(createComposition).toMatchObject({
      name: "Test",
      start: "union",
      end: "split-percent",
      version: 1,
      parts: [
        { name: "A", count: 0, percent: 50 },
        { name: "B", count: 0, percent: 50 },
      ],
    });
    const ids = createComposition.parts.map(({ audienceId }) => audienceId);
    await ask(`mutation($ids:[ID!]){evaluateAudiences(ids:$ids){id}}`, { ids });
    const { compositions } = await ask<{ compositions: { parts: { count: number }[] }[] }>(
      `{compositions${show}}`,
    );
    expect(compositions[0]?.parts.reduce((sum, { count }) => sum + count, 0)).toBe(6);
    const { audience } = await ask<{ audience: object }>(
      `query($id:ID!){audience(id:$id){name compositionId evaluation}}`,
      { id: ids[0] },
    );
    expect(audience).toEqual({ name: "Test: A", compositionId: createComposition.id, evaluation: "batch" });
    const refused = await harness.graphql(
      `mutation($id:ID!){setAudienceStatus(id:$id,status:"inactive"){id}}`,
      { id: low },
    );
    expect(refused.errors?.[0]?.extensions).toMatchObject({ issues: [{ code: "audience.dependents" }] });
    const ranked = await ask<{ updateComposition: { parts: { name: string; audienceId: string }[] } }>(
      `mutation($id:ID!,$i:CompositionInput!){updateComposition(id:$id,input:$i)${show}}`,
      {
        id: createComposition.id,
        i: { name: "First", audienceIds: [low], rank: { path: "loyalty.points", limit: 2 } },
      },
    );
    expect(ranked.updateComposition).toMatchObject({ end: "rank", version: 2, parts: [{ name: "First" }] });
    const both = await harness.graphql(`mutation($i:CompositionInput!){createComposition(input:$i){id}}`, {
      i: { name: "X", audienceIds: [low], split: [{ name: "A" }], rank: { path: "a", limit: 1 } },
    });
    expect(both.errors?.[0]?.extensions).toMatchObject({ issues: [{ code: "composition.end" }] });
    expect(await ask(`mutation($id:ID!){deleteComposition(id:$id)}`, { id: createComposition.id })).toEqual({
      deleteComposition: true,
    });
    expect(await ask(`{compositions{id}}`)).toEqual({ compositions: [] });
  });

  it("goes by the documented rules of eligibility where a sandbox says so", async () => {
    const query = `query($e:ExpressionInput!){checkAudience(expression:$e){eligibility{batch{eligible} streaming{eligible reasons} edge{eligible}}}}`;
    const e = { value: `CHAIN(xEvent, timestamp, [A: WHAT(eventType = "x") WHEN(<= 7 days before now)])` };
    expect(await ask(`{eligibilityRule}`)).toEqual({ eligibilityRule: "wide" });
    expect(await ask(query, { e })).toMatchObject({
      checkAudience: { eligibility: { streaming: { eligible: true }, edge: { eligible: true } } },
    });
    await ask(`mutation{setEligibilityRule(rule:"documented")}`);
    expect(await ask(query, { e })).toMatchObject({
      checkAudience: {
        eligibility: {
          batch: { eligible: true },
          streaming: { eligible: false, reasons: [expect.stringContaining("24 hours")] },
          edge: { eligible: false },
        },
      },
    });
    const id = await create("Week", e.value);
    expect(await ask(`query($id:ID!){audience(id:$id){evaluation}}`, { id })).toEqual({
      audience: { evaluation: "batch" },
    });
    const refused = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: { name: "Week edge", expression: e, evaluation: "edge" },
    });
    expect(refused.errors?.[0]?.extensions).toMatchObject({ issues: [{ code: "audience.evaluation" }] });
    expect((await harness.graphql(`mutation{setEligibilityRule(rule:"mine")}`)).errors).toHaveLength(1);
    await ask(`mutation{setEligibilityRule(rule:"wide")}`);
  });
});
