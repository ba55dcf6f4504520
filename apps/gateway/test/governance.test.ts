import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness } from "./harness.ts";

describe("governance over GraphQL", () => {
  let harness: Harness;
  let destinationId = "";
  let audienceId = "";
  beforeAll(async () => {
    harness = await startHarness();
    const audience = await harness.graphql(
      `mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`,
      {
        i: { name: "Gold", expression: { value: 'loyalty.tier = "gold"' } },
      },
    );
    audienceId = dataOf<{ createAudience: { id: string } }>(audience).createAudience.id;
    const destination = await harness.graphql(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      {
        i: { name: "Partner", type: "http-profile-export", settings: { url: "https://partner.example/in" } },
      },
    );
    destinationId = dataOf<{ createDestination: { id: string } }>(destination).createDestination.id;
  });
  afterAll(() => harness.close());

  const activate = () =>
    harness.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
      i: { destinationId, audienceIds: [audienceId] },
    });
  const label = (path: string, labels: readonly string[]) =>
    harness.graphql(`mutation($p:String!,$l:[String!]!){labelField(path:$p,labels:$l){path labels}}`, {
      p: path,
      l: labels,
    });

  it("ships the core policies disabled", async () => {
    const answer = await harness.graphql(
      `{dataUsagePolicies{id name status} consentPolicies{status} onPolicyViolation}`,
    );
    const { dataUsagePolicies, consentPolicies, onPolicyViolation } = dataOf<{
      dataUsagePolicies: { status: string }[];
      consentPolicies: { status: string }[];
      onPolicyViolation: string;
    }>(answer);
    expect(dataUsagePolicies).toHaveLength(9);
    expect([...dataUsagePolicies, ...consentPolicies].every(({ status }) => status === "DISABLED")).toBe(
      true,
    );
    expect(onPolicyViolation).toBe("refuse");
  });

  it("refuses an activation that a policy denies, says the lineage, and lets it pass when the label goes", async () => {
    dataOf(await label("loyalty.tier", ["C2"]));
    dataOf(await harness.graphql(`mutation{enableCorePolicies{policies{id status} messages}}`));
    const refused = await activate();
    expect(refused.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    expect(refused.errors?.[0]?.extensions.issues?.map(({ code }) => code)).toEqual(["governance.violation"]);
    expect(refused.errors?.[0]?.message).toContain("loyalty.tier → Default timebased → Gold → Partner");
    dataOf(await label("loyalty.tier", []));
    dataOf(await activate());
  });

  it("pauses what starts to violate when that was chosen, and tells it", async () => {
    expect((await label("loyalty.tier", ["C2"])).errors?.[0]?.extensions.issues?.[0]?.code).toBe(
      "governance.violation",
    );
    dataOf(await harness.graphql(`mutation{setOnPolicyViolation(choice:"pause")}`));
    dataOf(await label("loyalty.tier", ["C1"]));
    const policy = {
      id: "no-c1",
      name: "Aggregates only",
      status: "ENABLED",
      marketingActionRefs: ["core/exportToThirdParty"],
      deny: { label: "core/C1" },
    };
    const saved = await harness.graphql(
      `mutation($p:JSONObject!){saveDataUsagePolicy(policy:$p){policy{id status} reviews{dataflowName started paused} messages}}`,
      { p: policy },
    );
    expect(dataOf<{ saveDataUsagePolicy: object }>(saved).saveDataUsagePolicy).toMatchObject({
      policy: { id: "no-c1", status: "ENABLED" },
      reviews: [{ dataflowName: "Partner", started: ["no-c1"], paused: true }],
    });
  });

  it.each([
    [`mutation{setOnPolicyViolation(choice:"shrug")}`],
    [`mutation{setConsentPolicy(id:"none",status:"ENABLED"){id}}`],
    [`mutation{setConsentPolicy(id:"none",status:"on"){id}}`],
    [`mutation{labelField(path:"a b",labels:["C2"]){path}}`],
    [`mutation{labelField(path:"a",labels:["nope nope"]){path}}`],
    [`mutation{saveDataUsagePolicy(policy:{}){policy{id}}}`],
  ])("refuses %s", async (query) => {
    expect((await harness.graphql(query)).errors?.[0]?.extensions.code).toMatch(/BAD_USER_INPUT|NOT_FOUND/);
  });
});
