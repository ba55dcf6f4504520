import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const DAY = 86_400_000;
const ecid = (n: number): string => String(n).padStart(38, "5");

describe("Audience Manager at the doors of the gateway", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  const thirdParty = async (lines: readonly string[], query: string): Promise<object> => {
    const response = await harness.request(`/collect/third-party?${query}`, {
      method: "POST",
      body: lines.join("\n"),
    });
    return { status: response.status, ...((await response.json()) as object) };
  };
  const create = async (name: string, value: string): Promise<{ id: string; evaluation: string }> =>
    dataOf<{ a: { id: string; evaluation: string } }>(
      await harness.graphql(`mutation($i:CreateAudienceInput!){a:createAudience(input:$i){id evaluation}}`, {
        i: { name, expression: { value } },
      }),
    ).a;
  const count = async (id: string): Promise<number> =>
    dataOf<{ evaluateAudiences: { count: number }[] }>(
      await harness.graphql(`mutation($i:[ID!]){evaluateAudiences(ids:$i){count}}`, { i: [id] }),
    ).evaluateAudiences[0]?.count ?? -1;

  it("third-party traits become memberships of namespace AAM, for batch audiences, for 30 days", async () => {
    const query = "dataSource=1234&namespace=CRMID&traits=24:gold,25";
    expect(
      await thirdParty(["ada\td_sid=24", "bob\td_sid=24,d_sid=25", "cy\td_sid=99", "no tab", ""], query),
    ).toMatchObject({
      status: 200,
      lines: 4,
      accepted: 3,
      unknownTraits: 1,
      refusedCount: 1,
      refused: [{ line: 4 }],
    });
    const gold = await create("Gold elsewhere", 'inSegment("24", "AAM")');
    expect(gold.evaluation).toMatch(/batch/i);
    expect(await count(gold.id)).toBe(2);

    expect(await thirdParty(["bob\td_unsid=24"], query)).toMatchObject({ accepted: 1 });
    expect(await count(gold.id)).toBe(1);
    const other = await create("Twenty-five elsewhere", 'inSegment("25", "AAM")');
    expect(await count(other.id)).toBe(1);

    expect(await thirdParty(["bob\td_sid=24"], `${query}&mode=overwrite`)).toMatchObject({ accepted: 1 });
    expect([await count(gold.id), await count(other.id)]).toEqual([2, 0]);

    harness.setNow(NOW + 30 * DAY);
    expect(await count(gold.id)).toBe(0);
    harness.setNow(NOW);
  });

  it.each([
    "namespace=CRMID&traits=24",
    "dataSource=1&namespace=CRMID&traits=x",
    "dataSource=1&traits=2&mode=all",
  ])("refuses ?%s", async (query) => {
    expect(await thirdParty([], query)).toMatchObject({ status: 400, code: "BAD_REQUEST" });
  });

  it("traits, segments and destinations of the edge are set whole or not at all, and travel in its snapshot", async () => {
    const save = `mutation($d:JSONObject!){saveAudienceManager(definition:$d)}`;
    const good = {
      traits: [{ sid: 7, rule: 'color == "red"' }],
      segments: [{ id: 70, rule: "7T" }],
      urlDestinations: [{ id: 1, segmentId: 70, url: "https://partner.example/p", tag: "img" }],
    };
    dataOf(await harness.graphql(save, { d: good }));
    for (const d of [
      { traits: [{ sid: "7" }] },
      { traits: {} },
      { traits: [{ sid: 7, rule: "(" }] },
      { segments: [], urlDestinations: good.urlDestinations },
    ])
      expect((await harness.graphql(save, { d })).errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    const snapshot = (await (await harness.request("/edge/snapshot")).json()) as Record<string, unknown>;
    expect(snapshot["audienceManager"]).toEqual(good);
  });

  it("tells what would be told, by region, with what stays at home and from when it can be used", async () => {
    const records = [1, 2, 3].map((n) => ({
      identityMap: { ECID: [{ id: ecid(n), primary: true }], Email: [{ id: `p${n}@example.test` }] },
      loyalty: { tier: "gold" },
      ...(n < 3 && {
        userActivityRegions: {
          VA6: { captureTimestamp: new Date(NOW - (n === 1 ? DAY : 15 * DAY)).toISOString() },
        },
      }),
    }));
    const shared = await create("Gold here", 'loyalty.tier = "gold"');
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
    const { d } = dataOf<{ d: { id: string } }>(
      await harness.graphql(`mutation($i:CreateDestinationInput!){d:createDestination(input:$i){id}}`, {
        i: {
          name: "Audience Manager",
          type: "audience-manager",
          settings: { domainAlias: "acme", dataProviderId: 1234, hub: { kind: "local", folder: "hub" } },
        },
      }),
    );
    dataOf(
      await harness.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
        i: { destinationId: d.id, audienceIds: [shared.id] },
      }),
    );
    const answer = await harness.graphql(
      `query($d:ID!){audienceManagerPlan(destinationId:$d){items refusedItems routes expected shared leftOut audiences{audienceId traitExpression sharedSince usable}}}`,
      { d: d.id },
    );
    const { audienceManagerPlan: plan } = dataOf<{ audienceManagerPlan: Record<string, object> }>(answer);
    expect(plan).toMatchObject({
      items: 3,
      expected: { minutes: { items: 1 }, "12-24 hours": { items: 2 } },
      shared: { ECID: 3 },
      audiences: [{ audienceId: shared.id, traitExpression: `segID = "${shared.id}"` }],
    });
    expect(JSON.stringify(plan)).not.toContain("example.test");
  });
});
