import { createMemoryStore } from "@tessera/profile-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_CONFIG } from "../src/config.ts";
import { type RunningGateway, startGateway } from "../src/server.ts";
import { type Answer, dataOf, NOW, TOKEN } from "./harness.ts";

const HEADER = "broadlogID,deliveryID,externalID,status,eventDate,lastModified";
const row = (id: string, customer: string, at: string, status = "Sent"): string =>
  `${id},d1,${customer},${status},${at},${at}`;
const HOUR = 3_600_000;
const ago = (hours: number): string => new Date(NOW - hours * HOUR).toISOString();

const REQUEST = {
  companyContexts: [{ namespace: "imsOrgID", value: "tessera@TesseraOrg" }],
  include: ["ProfileService", "identity", "aepDataLake"],
  expandIds: true,
  regulation: "gdpr",
};

describe("Campaign's logs as events", () => {
  let now = NOW;
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway({
      config: {
        ...DEFAULT_CONFIG,
        port: 0,
        store: { kind: "memory" },
        adminToken: TOKEN,
        requestsPerMinute: 1_000_000,
        logLevel: "silent",
      },
      clock: () => now,
      store: createMemoryStore(),
      secret: (name) => (name === "privacy-salt" ? "a salt that nobody guesses" : undefined),
    });
  });
  afterAll(() => gateway.close());

  const request = (path: string, body: string): Promise<Response> =>
    fetch(gateway.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body,
    });
  const graphql = async (query: string, variables: object): Promise<Answer> =>
    (await (await request("/graphql", JSON.stringify({ query, variables }))).json()) as Answer;
  const send = async (...rows: readonly string[]): Promise<Record<string, unknown>> => {
    const path =
      "/collect/campaign-logs?log=broadLog&instance=acme&namespace=CRMID&datasetId=campaign&format=csv";
    const response = await request(path, [HEADER, ...rows, ""].join("\n"));
    return { status: response.status, ...((await response.json()) as object) };
  };
  const eventsOf = async (id: string): Promise<readonly string[]> =>
    (
      dataOf<{ profile: { events: { nodes: { eventType: string }[] } } | null }>(
        await graphql(
          `
            query ($i: IdentityInput!) {
              profile(identity: $i) {
                events {
                  nodes {
                    eventType
                  }
                }
              }
            }
          `,
          {
            i: { namespace: "CRMID", id },
          },
        ),
      ).profile?.events.nodes ?? []
    ).map(({ eventType }) => eventType);

  it("reads a log once, and what came later after it", async () => {
    expect(await send(row("b1", "ada", ago(5)), row("b2", "bob", ago(4)))).toMatchObject({
      status: 200,
      rows: 2,
      accepted: 2,
      known: 0,
      rejected: [],
    });
    expect(
      await send(row("b1", "ada", ago(5)), row("b2", "bob", ago(4)), row("b3", "ada", ago(3), "Failed")),
    ).toMatchObject({ rows: 3, accepted: 1, known: 2, duplicates: 0 });
    expect([...(await eventsOf("ada"))].sort()).toEqual([
      "directMarketing.emailBounced",
      "directMarketing.emailSent",
    ]);
  });

  it("tells what is wrong with a row, and takes the others", async () => {
    const told = await send(row("", "eve", ago(2)), row("b4", "eve", ago(2)));
    expect(told).toMatchObject({
      accepted: 1,
      rejectedCount: 1,
      rejected: [{ row: 1, code: "campaign.log.id" }],
    });
  });

  it("does not bring back a recipient who was erased, until somebody signs up again", async () => {
    const users = [
      { key: "ada", action: ["delete"], userIDs: [{ namespace: "CRMID", value: "ada", type: "standard" }] },
    ];
    const submitted = await graphql(
      `
        mutation ($r: JSONObject!) {
          submitPrivacyRequest(request: $r) {
            jobs {
              state
            }
            issues
          }
        }
      `,
      { r: { ...REQUEST, users } },
    );
    expect(submitted.data?.["submitPrivacyRequest"]).toMatchObject({ jobs: [{ state: "complete" }] });
    await expect.poll(() => eventsOf("ada"), { timeout: 10_000 }).toEqual([]);
    now = NOW + HOUR;
    const soon = new Date(NOW + HOUR / 2).toISOString();
    expect(await send(row("b5", "ada", soon))).toMatchObject({
      accepted: 0,
      deleted: { rows: 1, reissueAt: new Date(NOW + 72 * HOUR).toISOString() },
    });
    now = NOW + 80 * HOUR;
    expect(await send(row("b6", "ada", new Date(NOW + 75 * HOUR).toISOString()))).toMatchObject({
      accepted: 1,
    });
  });

  it.each(["log=opens&instance=acme&namespace=CRMID&datasetId=c", "log=broadLog&datasetId=c"])(
    "refuses ?%s",
    async (query) => {
      const response = await request(`/collect/campaign-logs?${query}`, "");
      expect(response.status).toBe(400);
    },
  );
});
