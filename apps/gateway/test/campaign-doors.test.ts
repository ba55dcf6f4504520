import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, startHarness } from "./harness.ts";

interface Line {
  readonly source: object;
  readonly target: string;
  readonly required?: boolean;
  readonly dedup?: boolean;
}

const STATUS: Line = { source: { kind: "membership-status" }, target: "segmentMembershipStatus" };
const KEY: Line = {
  source: { kind: "identity", namespace: "CRMID" },
  target: "external_id",
  required: true,
  dedup: true,
};
const attribute = (path: string, target: string): Line => ({ source: { kind: "attribute", path }, target });

describe("Campaign's rules at the doors of the gateway", () => {
  let harness: Harness;
  let destinationId = "";
  const audiences: Record<string, string> = {};

  beforeAll(async () => {
    harness = await startHarness();
    for (const name of ["Gold members", "Gold & silver"]) {
      const made = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
        i: { name, expression: { value: `loyalty.tier = "${name}"` } },
      });
      audiences[name] = dataOf<{ createAudience: { id: string } }>(made).createAudience.id;
    }
    const settings = {
      instance: "acme-mkt-prod1",
      targetMapping: "mapRecipient",
      syncType: "audience",
      landingZone: { kind: "local", folder: "dlz" },
    };
    const made = await harness.graphql(
      `mutation($i:CreateDestinationInput!){createDestination(input:$i){id}}`,
      { i: { name: "Campaign", type: "adobe-campaign-managed-services", settings } },
    );
    destinationId = dataOf<{ createDestination: { id: string } }>(made).createDestination.id;
  });
  afterAll(() => harness.close());

  const activate = async (
    mapping: readonly Line[],
    audience = "Gold members",
  ): Promise<{ readonly refused: readonly string[]; readonly warned: readonly string[] }> => {
    const answer = await harness.graphql(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){dataflowId warnings{code message}}}`,
      { i: { destinationId, audienceIds: [audiences[audience]], mapping } },
    );
    const refused = (answer.errors ?? []).flatMap(({ extensions }) =>
      (extensions.issues ?? []).map(({ code }) => code),
    );
    const saved = answer.data?.["activateAudiences"] as { warnings: { code: string }[] } | undefined | null;
    return { refused, warned: (saved?.warnings ?? []).map(({ code }) => code) };
  };

  it.each<[what: string, mapping: readonly Line[], audience: string, codes: readonly string[]]>([
    ["no status", [KEY], "Gold members", ["campaign.mapping.status"]],
    ["no key", [STATUS, { ...KEY, dedup: false }], "Gold members", ["campaign.mapping.dedup"]],
    [
      "an identity that Campaign does not take",
      [STATUS, { ...KEY, target: "crm" }],
      "Gold members",
      ["campaign.mapping.identity"],
    ],
    [
      "events, memberships and elements of lists",
      [STATUS, KEY, attribute("segmentMembership.ups", "m"), attribute("orders[0].total", "o")],
      "Gold members",
      ["limit.campaign.complex-fields", "limit.campaign.complex-fields"],
    ],
    ["a name with an ampersand", [STATUS, KEY], "Gold & silver", ["limit.campaign.audience-name"]],
    [
      "several things, all at once",
      [KEY, attribute("xEvent.eventType", "e")],
      "Gold & silver",
      ["campaign.mapping.status", "limit.campaign.complex-fields", "limit.campaign.audience-name"],
    ],
  ])("refuses %s", async (_, mapping, audience, codes) => {
    const { refused } = await activate(mapping, audience);
    expect(refused).toEqual(expect.arrayContaining([...codes]));
  });

  it("warns of the twenty-first field, and saves", async () => {
    const fields = Array.from({ length: 20 }, (_, n) => attribute(`person.field${n}`, `f${n}`));
    const { refused, warned } = await activate([STATUS, KEY, ...fields.slice(0, 18)]);
    expect([refused, warned]).toEqual([[], []]);
    const more = await activate([STATUS, KEY, ...fields, attribute("person.last", "last")]);
    expect(more).toMatchObject({ refused: [], warned: ["limit.campaign.fields"] });
  });

  it("counts the audiences of the instance against their limit, with its source", async () => {
    dataOf(
      await harness.graphql(`mutation($o:JSONObject){setLimits(profile:"adobe",overrides:$o){id}}`, {
        o: { "campaign.audiences": 0 },
      }),
    );
    const answer = await harness.graphql(
      `mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){warnings{code message}}}`,
      { i: { destinationId, audienceIds: [audiences["Gold members"]], mapping: [STATUS, KEY] } },
    );
    const { warnings } = dataOf<{ activateAudiences: { warnings: { code: string; message: string }[] } }>(
      answer,
    ).activateAudiences;
    const told = warnings.find(({ code }) => code === "limit.campaign.audiences");
    expect(told?.message).toContain("1 of at most 0 audiences");
    expect(told?.message).toContain("adobe-campaign-managed-services.md");
  });
});
