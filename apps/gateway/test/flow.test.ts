import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, ecidOf, type Harness, startHarness, viewEvent } from "./harness.ts";

const INGEST = `mutation($e:[JSON!]!){ingestEvents(datasetId:"web",events:$e){accepted duplicates rejected{index code message}}}`;
const CREATE = `mutation($i:CreateAudienceInput!){createAudience(input:$i){id name status count}}`;

describe("the flow over GraphQL", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  it("takes events, says what was wrong with others, and counts nothing twice", async () => {
    const events = [
      viewEvent("e1", "C1"),
      { timestamp: "yesterday" },
      viewEvent("e2", "C2"),
      viewEvent("e1", "C1"),
    ];
    const first = await harness.graphql(INGEST, { e: events });
    expect(first.data).toMatchObject({
      ingestEvents: { accepted: 2, duplicates: 1, rejected: [{ index: 1, code: "event.timestamp" }] },
    });
    const again = await harness.graphql(INGEST, { e: events });
    expect(again.data).toMatchObject({ ingestEvents: { accepted: 0, duplicates: 3 } });
  });

  it("takes records and merges them into the person", async () => {
    const records = [
      { identityMap: { CRMID: [{ id: "C1", primary: true }] }, person: { name: { firstName: "Ada" } } },
    ];
    const taken = await harness.graphql(
      `mutation($r:[JSON!]!){ingestRecords(datasetId:"crm",records:$r){accepted rejected{code}}}`,
      { r: records },
    );
    expect(taken.data).toEqual({ ingestRecords: { accepted: 1, rejected: [] } });
    const asked = await harness.graphql(
      `query($i:IdentityInput!){profile(identity:$i){personId attributes provenance eventCount identities{namespace id}
        events(first:10){totalCount nodes{id datasetId timestamp eventType} pageInfo{hasNextPage}}}}`,
      { i: { namespace: "ECID", id: ecidOf("C1") } },
    );
    expect(asked.data).toMatchObject({
      profile: {
        attributes: { person: { name: { firstName: "Ada" } } },
        provenance: {
          "person.name.firstName": { datasetId: "crm", identity: { namespace: "CRMID", id: "C1" } },
        },
        eventCount: 1,
        identities: [
          { namespace: "CRMID", id: "C1" },
          { namespace: "ECID", id: ecidOf("C1") },
        ],
        events: {
          totalCount: 1,
          nodes: [
            {
              id: "e1",
              datasetId: "web",
              timestamp: "2026-03-01T10:00:00.000Z",
              eventType: "commerce.productViews",
            },
          ],
          pageInfo: { hasNextPage: false },
        },
      },
    });
  });

  it("answers null for an unknown person, and each of many in the order asked", async () => {
    const asked = await harness.graphql(
      `{ profile(identity:{namespace:"CRMID",id:"nobody"}){personId}
         identityGraph(identity:{namespace:"CRMID",id:"nobody"}){personId}
         profiles(identities:[{namespace:"CRMID",id:"C2"},{namespace:"CRMID",id:"nobody"},{namespace:"CRMID",id:"C1"}]){eventCount} }`,
    );
    expect(asked).toEqual({
      data: { profile: null, identityGraph: null, profiles: [{ eventCount: 1 }, null, { eventCount: 1 }] },
    });
  });

  it("pages through events, newest first, without losing or repeating any", async () => {
    const events = Array.from({ length: 25 }, (_, n) =>
      viewEvent(`p${n}`, "P1", { timestamp: new Date(Date.UTC(2026, 1, 1, n)).toISOString() }),
    );
    await harness.graphql(INGEST, { e: events });
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page = await harness.graphql(
        `query($after:String){profile(identity:{namespace:"CRMID",id:"P1"}){events(first:10,after:$after){nodes{id} pageInfo{hasNextPage endCursor}}}}`,
        { after },
      );
      const {
        profile: { events: found },
      } = dataOf<{
        profile: {
          events: { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
        };
      }>(page);
      seen.push(...found.nodes.map(({ id }) => id));
      after = found.pageInfo.hasNextPage ? found.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `p${24 - n}`));
  });

  it("shows the identity graph with its links", async () => {
    const asked = await harness.graphql(
      `{identityGraph(identity:{namespace:"CRMID",id:"C1"}){personId identities{namespace id firstSeen lastSeen}
        links{a{namespace id} b{namespace id} firstAt lastAt count datasetId} removedLinks{reason}}}`,
    );
    expect(asked.data).toMatchObject({
      identityGraph: {
        identities: [
          { namespace: "CRMID", id: "C1", firstSeen: "2026-03-01T10:00:00.000Z" },
          { namespace: "ECID" },
        ],
        links: [
          { a: { namespace: "CRMID", id: "C1" }, b: { namespace: "ECID" }, count: 1, datasetId: "web" },
        ],
        removedLinks: [],
      },
    });
  });

  it("defines, evaluates, lists and explains audiences", async () => {
    const input = {
      name: "Ada",
      expression: { type: "PQL", format: "pql/text", value: 'person.name.firstName = "Ada"' },
    };
    const made = await harness.graphql(CREATE, { i: input });
    expect(made.data).toMatchObject({ createAudience: { name: "Ada", status: "published" } });
    const { id } = dataOf<{ createAudience: { id: string } }>(made).createAudience;
    const evaluated = await harness.graphql(
      `mutation($ids:[ID!]){evaluateAudiences(ids:$ids){id count status}}`,
      { ids: [id] },
    );
    expect(evaluated.data).toEqual({ evaluateAudiences: [{ id, count: 1, status: "published" }] });
    const asked = await harness.graphql(
      `query($id:ID!,$i:IdentityInput!){audience(id:$id){name count} audiences{id}
        profile(identity:$i){memberships{audienceId status at} segmentMembership}
        explainMembership(audienceId:$id,identity:$i){member text tree}}`,
      { id, i: { namespace: "CRMID", id: "C1" } },
    );
    expect(asked.data).toMatchObject({
      audience: { name: "Ada", count: 1 },
      audiences: [{ id }],
      profile: {
        memberships: [{ audienceId: id, status: "realized", at: "2026-03-01T12:00:00.000Z" }],
        segmentMembership: { ups: { [id]: { status: "realized" } } },
      },
      explainMembership: { member: true, tree: { kind: "test", holds: true } },
    });
    const { text } = dataOf<{ explainMembership: { text: string } }>(asked).explainMembership;
    expect(text).toContain("person.name.firstName");
  });

  it("checks a query with all its issues and its eligibility", async () => {
    const check = `query($x:ExpressionInput!){checkAudience(expression:$x){valid issues{code message line column} eligibility{streaming{eligible} edge{eligible reasons}}}}`;
    const good = await harness.graphql(check, {
      x: { type: "PQL", format: "pql/text", value: 'homeAddress.country = "DE"' },
    });
    expect(good.data).toMatchObject({
      checkAudience: { valid: true, issues: [], eligibility: { streaming: { eligible: true } } },
    });
    const bad = await harness.graphql(check, {
      x: { type: "PQL", format: "pql/text", value: "homeAddress.country = " },
    });
    expect(bad.data).toMatchObject({ checkAudience: { valid: false, issues: [{ line: 1 }] } });
  });

  it("refuses what is wrong with a code and every issue", async () => {
    const cases: readonly (readonly [object, string])[] = [
      [{ name: "", expression: { value: "a = 1" } }, "audience.name"],
      [{ name: "x", expression: { type: "SQL", format: "sql", value: "select" } }, "audience.expression"],
      [{ name: "Ada", expression: { value: "a = 1" } }, "audience.name.taken"],
      [{ name: "y", expression: { value: "a = 1" }, evaluation: "psychic" }, "audience.evaluation"],
    ];
    for (const [i, code] of cases) {
      const answer = await harness.graphql(CREATE, { i });
      expect(answer.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
      expect(answer.errors?.[0]?.extensions.issues?.map((issue) => issue.code)).toContain(code);
    }
    const missing = await harness.graphql(
      `{explainMembership(audienceId:"none",identity:{namespace:"CRMID",id:"C1"}){member}}`,
    );
    expect(missing.errors?.[0]?.extensions.code).toBe("NOT_FOUND");
  });
});
