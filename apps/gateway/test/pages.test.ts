import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, startHarness } from "./harness.ts";

describe("lists page by page", () => {
  let harness: Harness;
  const names = Array.from({ length: 7 }, (_, n) => `Audience ${n}`);
  beforeAll(async () => {
    harness = await startHarness();
    for (const name of names)
      dataOf(
        await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
          i: { name, expression: { value: `person.name.firstName = "${name}"` } },
        }),
      );
  });
  afterAll(() => harness.close());

  type Page = {
    audienceConnection: {
      nodes: { name: string }[];
      edges: { cursor: string; node: { name: string } }[];
      pageInfo: { hasNextPage: boolean; endCursor: string | null };
      totalCount: number;
    };
  };
  const ask = (variables: object): Promise<Answer> =>
    harness.graphql(
      `query($first:Int!,$after:String,$name:String){audienceConnection(first:$first,after:$after,name:$name){nodes{name} edges{cursor node{name}} pageInfo{hasNextPage endCursor} totalCount}}`,
      variables,
    );

  it.each([1, 2, 3, 7, 50])("loses and repeats none with %i at a time", async (first) => {
    const seen: string[] = [];
    let after: string | null = null;
    for (let more = true; more;) {
      const { audienceConnection }: Page = dataOf(await ask({ first, after }));
      seen.push(...audienceConnection.nodes.map(({ name }) => name));
      expect(audienceConnection.edges.map(({ node }) => node)).toEqual(audienceConnection.nodes);
      expect(audienceConnection.totalCount).toBe(7);
      ({ hasNextPage: more, endCursor: after } = audienceConnection.pageInfo);
    }
    expect(seen.toSorted()).toEqual(names);
  });

  it("refuses pages that cannot be, and cursors of other lists", async () => {
    for (const variables of [{ first: 0 }, { first: 1_001 }, { first: 1, after: "bm90aGluZw" }]) {
      const answer = await ask(variables);
      expect(answer.errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
    }
    const { audienceConnection }: Page = dataOf(await ask({ first: 9, name: "AUDIENCE 3" }));
    expect(audienceConnection.nodes).toEqual([{ name: "Audience 3" }]);
  });

  it("pages through jobs, destinations and dead letters alike", async () => {
    const pages = dataOf<Record<string, object>>(
      await harness.graphql(
        `{jobConnection{totalCount} destinationConnection{totalCount} deadLetters(destinationId:"none"){totalCount nodes{code}}}`,
      ),
    );
    expect(pages).toEqual({
      jobConnection: { totalCount: 0 },
      destinationConnection: { totalCount: 0 },
      deadLetters: { totalCount: 0, nodes: [] },
    });
  });

  it("gives expected failures as data, with a code for each issue", async () => {
    const tried = await harness.graphql(
      `mutation($i:CreateAudienceInput!){tryCreateAudience(input:$i){__typename ... on Audience{id name} ... on Refusal{code message issues{code path message}}}}`,
      { i: { name: "Audience 1", expression: { value: "person.name.(" } } },
    );
    const { tryCreateAudience } = dataOf<{
      tryCreateAudience: { __typename: string; code: string; issues: { code: string }[] };
    }>(tried);
    expect(tryCreateAudience).toMatchObject({ __typename: "Refusal", code: "BAD_USER_INPUT" });
    expect(tryCreateAudience.issues.map(({ code }) => code)).toEqual(["audience.name.taken", "pql.syntax"]);
    const made = await harness.graphql(
      `mutation($i:CreateAudienceInput!){tryCreateAudience(input:$i){__typename ... on Audience{name}}}`,
      { i: { name: "Another", expression: { value: 'person.name.firstName = "x"' } } },
    );
    expect(made.data).toEqual({ tryCreateAudience: { __typename: "Audience", name: "Another" } });
    const activation = await harness.graphql(
      `mutation{tryActivateAudiences(input:{destinationId:"none",audienceIds:["x"]}){... on Refusal{code}}}`,
    );
    expect(activation.data).toEqual({ tryActivateAudiences: { code: "NOT_FOUND" } });
  });

  it("keeps failures that nobody expected as errors", async () => {
    const broken = await startHarness();
    broken.store.commit = () => Promise.reject(new Error("disk"));
    const tried = await broken.graphql(
      `mutation($i:CreateAudienceInput!){tryCreateAudience(input:$i){__typename}}`,
      { i: { name: "x", expression: { value: 'a = "b"' } } },
    );
    expect(tried.errors?.[0]?.extensions.code).toBe("INTERNAL_SERVER_ERROR");
    await broken.close();
  });
});
