import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, type Harness, NOW, startHarness } from "./harness.ts";

const HOUR = 3_600_000;

describe("Campaign's own recipients", () => {
  const filesFolder = mkdtempSync(join(tmpdir(), "tessera-recipients-"));
  let harness: Harness;
  let destinationId = "";
  let audienceId = "";

  beforeAll(async () => {
    harness = await startHarness({ filesFolder });
    const records = ["ada", "bob", "cy"].map((id) => ({
      identityMap: { CRMID: [{ id, primary: true }] },
      loyalty: { tier: "gold" },
    }));
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify(records),
    });
    audienceId = dataOf<{ a: { id: string } }>(
      await harness.graphql(`mutation($i:CreateAudienceInput!){a:createAudience(input:$i){id}}`, {
        i: { name: "Gold", expression: { value: 'loyalty.tier = "gold"' } },
      }),
    ).a.id;
    dataOf(await harness.graphql(`mutation{evaluateAudiences{id count}}`));
    const settings = {
      instance: "acme",
      targetMapping: "mapRecipient",
      syncType: "audience",
      landingZone: { kind: "local", folder: "dlz" },
    };
    destinationId = dataOf<{ d: { id: string } }>(
      await harness.graphql(`mutation($i:CreateDestinationInput!){d:createDestination(input:$i){id}}`, {
        i: { name: "Campaign", type: "adobe-campaign-managed-services", settings },
      }),
    ).d.id;
    const mapping = [
      { source: { kind: "membership-status" }, target: "segmentMembershipStatus" },
      {
        source: { kind: "identity", namespace: "CRMID" },
        target: "external_id",
        required: true,
        dedup: true,
      },
    ];
    dataOf(
      await harness.graphql(`mutation($i:ActivateAudiencesInput!){activateAudiences(input:$i){id}}`, {
        i: { destinationId, audienceIds: [audienceId], mapping },
      }),
    );
  });
  afterAll(async () => {
    await harness.close();
    rmSync(filesFolder, { recursive: true, force: true });
  });

  const upload = async (...ids: readonly string[]): Promise<object> => {
    const path =
      "/campaign/recipients?instance=acme&targetMapping=mapRecipient&column=external_id&format=csv";
    const body = ["external_id,email", ...ids.map((id) => `${id},${id}@shop.example`), ",nobody", ""].join(
      "\n",
    );
    const response = await harness.request(path, { method: "POST", body });
    return { status: response.status, ...((await response.json()) as object) };
  };
  const exported = async (): Promise<readonly string[]> => {
    const before = new Set(readdirSync(filesFolder, { recursive: true }).map(String));
    const { exportAudiences: written } = dataOf<{ exportAudiences: { failure: string | null }[] }>(
      await harness.graphql(`mutation($d:ID!){exportAudiences(destinationId:$d){name failure}}`, {
        d: destinationId,
      }),
    );
    expect(written.filter(({ failure }) => failure !== null)).toEqual([]);
    expect(written.length).toBeGreaterThan(0);
    const file = readdirSync(filesFolder, { recursive: true })
      .map(String)
      .find((name) => name.endsWith(".csv") && !before.has(name));
    const rows = parse(readFileSync(join(filesFolder, file ?? ""), "utf8"), { columns: true }) as {
      external_id: string;
    }[];
    return rows.map((row) => row.external_id).sort();
  };
  const reconciled = async (): Promise<object> => {
    const answer = await harness.graphql(
      `query($d:ID!){campaignReconciliation(destinationId:$d){audienceId memberships inFiles leftOut unknownRecipients reasons people{code meaning}}}`,
      { d: destinationId },
    );
    return dataOf<{ campaignReconciliation: object[] }>(answer).campaignReconciliation[0] ?? {};
  };

  it("everyone has a row while no list was given", async () => {
    harness.setNow(NOW + 1_000);
    expect(await exported()).toEqual(["ada", "bob", "cy"]);
    expect(await reconciled()).toMatchObject({ memberships: 3, inFiles: 3, leftOut: 0 });
  });

  it("only known recipients have a row once there is a list; the others are told with the reason", async () => {
    expect(await upload("ada", "cy", "dora")).toEqual({ status: 200, recipients: 3, rowsWithoutKey: 1 });
    harness.setNow(NOW + 60_000);
    expect(await exported()).toEqual(["ada", "cy"]);
    expect(await reconciled()).toMatchObject({
      audienceId,
      inFiles: 2,
      leftOut: 1,
      unknownRecipients: 1,
      reasons: { "campaign.recipient.unknown": 1 },
      people: [{ code: "campaign.recipient.unknown" }],
    });
  });

  it("a later list takes the place of the earlier one, which leaves nothing behind", async () => {
    await upload("bob");
    harness.setNow(NOW + 120_000);
    expect(await exported()).toEqual(["bob"]);
    expect(await harness.store.documents("campaignRecipientsPart")).toHaveLength(1);
    expect(JSON.stringify(await harness.store.documents("campaignRecipientsPart"))).not.toContain("bob");
  });

  it("says when an audience was decided, when it goes out, and from when Campaign can use it", async () => {
    const { destinations } = dataOf<{ destinations: { dataflows: { id: string }[] }[] }>(
      await harness.graphql(`{destinations{dataflows{id}}}`),
    );
    const [flow] = destinations[0]?.dataflows ?? [];
    const audiences = [{ id: audienceId, schedule: { mode: "incremental", everyHours: 3, time: "00:00" } }];
    dataOf(
      await harness.graphql(`mutation($i:UpdateDataflowInput!){updateDataflow(input:$i){id}}`, {
        i: { id: flow?.id, audiences },
      }),
    );
    const answer = await harness.graphql(
      `query($d:ID!){campaignLatency(destinationId:$d){audienceId evaluatedAt exportedAt usableFrom secondsToUse}}`,
      { d: destinationId },
    );
    const [row] = dataOf<{ campaignLatency: Record<string, string>[] }>(answer).campaignLatency;
    const out = Date.parse(row?.["exportedAt"] ?? "");
    expect(out % (3 * HOUR)).toBe(0);
    expect(Date.parse(row?.["usableFrom"] ?? "") - out).toBe(3 * HOUR);
    expect(Number(row?.["secondsToUse"])).toBeGreaterThanOrEqual(3 * 3_600);
  });
});
