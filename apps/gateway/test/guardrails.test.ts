import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness, viewEvent } from "./harness.ts";

describe("guardrails over GraphQL", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  it("reports the use of limits, and the ones nobody measured when asked", async () => {
    for (const name of ["a", "b", "c"]) {
      const i = { name, expression: { value: `homeAddress.city = "${name}"` } };
      dataOf(await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, { i }));
    }
    const fields = "id state value limit use unit kind message whatToDo source";
    const some = dataOf<{ guardrails: { id: string }[] }>(await harness.graphql(`{guardrails{${fields}}}`));
    expect(some.guardrails.find(({ id }) => id === "segmentation.audiences")).toMatchObject({
      state: "ok",
      value: 3,
      limit: 4_000,
      unit: "audiences",
      kind: "soft",
    });
    const all = dataOf<{ guardrails: unknown[] }>(await harness.graphql(`{guardrails(all:true){${fields}}}`));
    expect(all.guardrails.length).toBeGreaterThan(some.guardrails.length + 50);
  });

  it("takes other limits and says what a plan would touch", async () => {
    dataOf(await harness.graphql(`mutation{setLimits(profile:"tessera"){id}}`));
    const wrong = await harness.graphql(
      `mutation($o:JSONObject){setLimits(profile:"adobe",overrides:$o){id}}`,
      {
        o: { "no.such": 1 },
      },
    );
    expect(wrong.errors?.[0]?.extensions.issues?.map(({ code }) => code)).toEqual(["limits.unknown"]);
    const set = await harness.graphql(
      `mutation($o:JSONObject){setLimits(profile:"adobe",overrides:$o){id limit}}`,
      {
        o: { "segmentation.audiences": 3 },
      },
    );
    expect(dataOf<{ setLimits: object[] }>(set).setLimits).toContainEqual({
      id: "segmentation.audiences",
      limit: 3,
    });
    const asked = await harness.graphql(`{preflightAudience(evaluation:"batch"){id state value limit}}`);
    expect(dataOf<{ preflightAudience: object[] }>(asked).preflightAudience).toContainEqual({
      id: "segmentation.audiences",
      state: "soft-violation",
      value: 4,
      limit: 3,
    });
  });

  it("tells published latencies beside what was measured", async () => {
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([viewEvent("e1", "C1")]),
    });
    const answer = await harness.graphql(
      `{latencies{evaluation destination evaluatingMost measured measuredP95 verdict}}`,
    );
    const { latencies } = dataOf<{
      latencies: { evaluation: string; measured: number; measuredP95: number | null; verdict: string }[];
    }>(answer);
    const streaming = latencies.filter(({ evaluation }) => evaluation === "streaming");
    expect(streaming.length).toBeGreaterThan(2);
    for (const one of streaming) expect(one).toMatchObject({ measured: 1, verdict: "within" });
    expect(latencies.find(({ evaluation }) => evaluation === "batch")?.verdict).toBe("unmeasured");

    dataOf(await harness.graphql(`mutation{evaluateAudiences{id}}`));
    const after = dataOf<{ latencies: { evaluation: string; measured: number; verdict: string }[] }>(
      await harness.graphql(`{latencies{evaluation measured verdict}}`),
    );
    for (const one of after.latencies.filter(({ evaluation }) => evaluation === "batch"))
      expect(one).toMatchObject({ measured: 1, verdict: "within" });
  });

  it.each([`mutation{setLimits(profile:"none"){id}}`, `{preflightAudience(evaluation:"none"){id}}`])(
    "refuses %s",
    async (query) => {
      expect((await harness.graphql(query)).errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    },
  );
});
