import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_CONFIG } from "../src/config.ts";
import { type RunningGateway, startGateway } from "../src/server.ts";
import { type Answer, dataOf, NOW, TOKEN } from "./harness.ts";

const ADA = [
  "ada-4711",
  "ada@shop.example",
  "Lovelace-Unmistakable",
  "33333333333333333333333333333333333333",
];
const BOB = "bob-4712";
const REQUEST = {
  companyContexts: [{ namespace: "imsOrgID", value: "tessera@TesseraOrg" }],
  include: ["ProfileService", "identity", "aepDataLake"],
  expandIds: true,
  regulation: "gdpr",
};

describe("privacy jobs on SQLite", () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-privacy-"));
  const path = join(folder, "tessera.db");
  const filesFolder = join(folder, "files");
  let gateway: RunningGateway;
  let now = NOW;
  const open = async (): Promise<void> => {
    gateway = await startGateway({
      config: {
        ...DEFAULT_CONFIG,
        port: 0,
        store: { kind: "sqlite", path },
        filesFolder,
        adminToken: TOKEN,
        requestsPerMinute: 1_000_000,
        logLevel: "silent",
      },
      clock: () => (now += 1),
      secret: (name) => (name === "privacy-salt" ? "a salt that nobody guesses" : undefined),
    });
  };
  const send = (url: string, body: object, type = "application/json"): Promise<Response> =>
    fetch(gateway.url + url, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": type },
      body: JSON.stringify(body),
    });
  const graphql = async (query: string, variables: object = {}): Promise<Answer> =>
    (await (await send("/graphql", { query, variables })).json()) as Answer;
  const submit = async (key: string, action: string, id: string) => {
    const request = {
      ...REQUEST,
      users: [{ key, action: [action], userIDs: [{ namespace: "CRMID", value: id, type: "standard" }] }],
    };
    const answer = await graphql(
      `
        mutation ($r: JSONObject!) {
          submitPrivacyRequest(request: $r) {
            jobs {
              id
              state
              action
              steps {
                system
                operation
                receipts {
                  outcome
                  count
                  note
                }
              }
            }
            issues
          }
        }
      `,
      { r: request },
    );
    return dataOf<{ submitPrivacyRequest: { jobs: { id: string; state: string; steps: Step[] }[] } }>(answer)
      .submitPrivacyRequest.jobs[0];
  };
  interface Step {
    readonly system: string;
    readonly receipts: readonly { readonly outcome: string; readonly count: number | null }[];
  }
  /** The files that carry one of the values, as they lie on the disk. */
  const scan = (values: readonly string[]): readonly string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => {
        const bytes = readFileSync(file);
        return values.some((value) => bytes.includes(value));
      })
      .map((file) => file.slice(folder.length + 1));

  const told: string[] = [];
  const partner = createServer((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString()));
    request.on("end", () => {
      told.push(body);
      response.writeHead(200).end();
    });
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => partner.listen(0, "127.0.0.1", resolve));
    const partnerUrl = `http://127.0.0.1:${(partner.address() as AddressInfo).port}/in`;
    await open();
    const records = [
      {
        identityMap: { CRMID: [{ id: ADA[0] }], Email: [{ id: ADA[1] }] },
        person: { name: { lastName: ADA[2] } },
        loyalty: { tier: "gold" },
      },
      {
        identityMap: { CRMID: [{ id: BOB }] },
        person: { name: { lastName: "Babbage" } },
        loyalty: { tier: "gold" },
      },
    ];
    await send("/collect/records?datasetId=crm", records);
    await send("/collect/events?datasetId=web", [
      {
        _id: "e1",
        timestamp: "2026-03-01T10:00:00Z",
        eventType: "buy",
        identityMap: { CRMID: [{ id: ADA[0] }], ECID: [{ id: ADA[3] }] },
        note: ADA[2],
      },
      {
        _id: "e2",
        timestamp: "2026-03-01T10:00:00Z",
        eventType: "buy",
        identityMap: { CRMID: [{ id: BOB }] },
      },
      { _id: "e3", timestamp: "no time", identityMap: { CRMID: [{ id: ADA[0] }] } },
    ]);
    const audience = await graphql(
      `
        mutation ($i: CreateAudienceInput!) {
          createAudience(input: $i) {
            id
          }
        }
      `,
      {
        i: { name: "Gold", expression: { value: 'loyalty.tier = "gold"' } },
      },
    );
    const { id: audienceId } = dataOf<{ createAudience: { id: string } }>(audience).createAudience;
    await graphql(
      `
        mutation ($ids: [ID!]) {
          evaluateAudiences(ids: $ids) {
            id
          }
        }
      `,
      { ids: [audienceId] },
    );
    const activate = async (name: string, type: string, settings: object): Promise<string> => {
      const made = await graphql(
        `
          mutation ($i: CreateDestinationInput!) {
            createDestination(input: $i) {
              id
            }
          }
        `,
        {
          i: { name, type, settings },
        },
      );
      const { id } = dataOf<{ createDestination: { id: string } }>(made).createDestination;
      const mapping = [
        { source: { kind: "identity", namespace: "CRMID" }, target: "crm_id" },
        { source: { kind: "attribute", path: "person.name.lastName" }, target: "last_name" },
      ];
      dataOf(
        await graphql(
          `
            mutation ($i: ActivateAudiencesInput!) {
              activateAudiences(input: $i) {
                id
              }
            }
          `,
          {
            i: { destinationId: id, audienceIds: [audienceId], mapping },
          },
        ),
      );
      return id;
    };
    const files = await activate("Files", "csv-local", { target: { folder: "out" } });
    dataOf(
      await graphql(
        `
          mutation ($id: ID!) {
            exportAudiences(destinationId: $id) {
              name
            }
          }
        `,
        { id: files },
      ),
    );
    await activate("Partner", "http-profile-export", { url: partnerUrl });
  });
  afterAll(async () => {
    await gateway.close();
    partner.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gives one file with everything about a person, and nothing of others", async () => {
    await expect.poll(() => told.some((body) => body.includes(ADA[0] ?? ""))).toBe(true);
    const job = await submit("ada", "access", ADA[0] ?? "");
    expect(job?.state).toBe("complete");
    const { privacyResult } = dataOf<{ privacyResult: object }>(
      await graphql(
        `
          query ($id: ID!) {
            privacyResult(id: $id)
          }
        `,
        { id: job?.id },
      ),
    );
    const text = JSON.stringify(privacyResult);
    for (const value of ADA) expect(text).toContain(value);
    expect(text).not.toContain(BOB);
  });

  it("leaves none of a person's values in the database and the exports after a deletion", async () => {
    expect(scan(ADA)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^tessera\.db/), expect.stringMatching(/^files/)]),
    );
    const job = await submit("ada", "delete", ADA[0] ?? "");
    expect(job?.state, JSON.stringify(job)).toBe("complete");
    const receipt = (system: string) => job?.steps.find((step) => step.system === system)?.receipts.at(-1);
    expect(receipt("events")).toMatchObject({ outcome: "done", count: 1 });
    expect(receipt("export-files")).toMatchObject({ outcome: "done", count: 1 });
    expect(receipt("quarantine")).toMatchObject({ outcome: "done", count: 1 });
    await gateway.close();
    expect(scan(ADA)).toEqual([]);
    expect(scan([BOB])).toEqual(expect.arrayContaining([expect.stringMatching(/^files/)]));
    await open();
    expect(scan(ADA)).toEqual([]);
  });

  it("keeps the deleted out of replays and late events, and others where they are", async () => {
    const late = { _id: "e4", timestamp: "2026-03-01T09:00:00Z", identityMap: { CRMID: [{ id: ADA[0] }] } };
    const report = (await (await send("/collect/events?datasetId=web", [late])).json()) as object;
    expect(report).toMatchObject({ accepted: 0, rejected: [{ code: "privacy.suppressed" }] });
    const profile = `query($id:String!){profile(identity:{namespace:"CRMID",id:$id}){attributes}}`;
    expect((await graphql(profile, { id: ADA[0] })).data).toEqual({ profile: null });
    expect((await graphql(profile, { id: BOB })).data?.["profile"]).toMatchObject({
      attributes: { loyalty: { tier: "gold" } },
    });
  });

  it("says all that is wrong with a request", async () => {
    const answer = await graphql(`
      mutation {
        submitPrivacyRequest(request: {}) {
          jobs {
            id
          }
        }
      }
    `);
    expect(answer.errors?.[0]?.extensions.issues?.map(({ code }) => code)).toEqual(
      expect.arrayContaining(["privacy.shape", "privacy.product", "privacy.regulation"]),
    );
  });
});
