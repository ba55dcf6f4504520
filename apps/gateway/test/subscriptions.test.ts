import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { dataOf, type Harness, NOW, startHarness, TOKEN } from "./harness.ts";

describe("subscriptions", () => {
  let harness: Harness;
  let audienceId = "";
  let moment = NOW;
  beforeAll(async () => {
    harness = await startHarness();
    const input = { name: "Ada", expression: { value: 'person.name.firstName = "Ada"' } };
    const made = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: input,
    });
    audienceId = dataOf<{ createAudience: { id: string } }>(made).createAudience.id;
  });
  afterAll(() => harness.close());
  const enter = async (id: string): Promise<void> => {
    moment += 1_000;
    harness.setNow(moment);
    const record = {
      identityMap: { CRMID: [{ id, primary: true }] },
      person: { name: { firstName: "Ada" } },
    };
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([record]),
    });
  };
  const QUERY = "subscription($a:[ID!]){membershipChanged(audienceIds:$a){audienceId from to}}";

  it("tells membership changes over WebSocket", async () => {
    const client = createClient({
      url: `${harness.url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${TOKEN}` },
    });
    const results = client.iterate({ query: QUERY, variables: { a: [audienceId] } });
    const first = results.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await enter("W1");
    expect((await first).value).toMatchObject({
      data: { membershipChanged: { audienceId, from: "none", to: "realized" } },
    });
    await results.return?.();
    await client.dispose();
  });

  it("tells the progress of a job to its end", async () => {
    const client = createClient({
      url: `${harness.url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${TOKEN}` },
    });
    const results = client.iterate({ query: "subscription{jobChanged{id kind status done total}}" });
    const told: { id: string; status: string }[] = [];
    const following = (async () => {
      for await (const { data } of results) {
        const { jobChanged } = data as { jobChanged: (typeof told)[number] };
        told.push(jobChanged);
        if (jobChanged.status !== "running") break;
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const started = await harness.graphql("mutation{startEvaluation{id}}");
    const { id } = dataOf<{ startEvaluation: { id: string } }>(started).startEvaluation;
    await following;
    expect(told.at(-1)).toMatchObject({ id, kind: "evaluate", status: "done" });
    expect(told.length).toBeGreaterThan(1);
    await client.dispose();
  });

  it("lets nobody in without a credential, and runs no document beyond the limits", async () => {
    const connect = (params: object): ReturnType<typeof createClient> =>
      createClient({
        url: `${harness.url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { ...params },
        retryAttempts: 0,
      });
    for (const params of [
      {},
      { authorization: "Bearer wrong" },
      { authorization: `Bearer ${TOKEN}`, "x-sandbox-name": "none" },
    ]) {
      const client = connect(params);
      await expect(client.iterate({ query: QUERY }).next()).rejects.toMatchObject({ code: 4403 });
    }
    const client = connect({ authorization: `Bearer ${TOKEN}` });
    const bomb = `{${Array.from({ length: 500 }, (_, n) => `a${n}:audiences{id}`).join(" ")}}`;
    await expect(client.iterate({ query: bomb }).next()).rejects.toBeDefined();
    expect((await fetch(`${harness.url}/readyz`)).status).toBe(200);
  });

  it("tells them as server-sent events", async () => {
    const response = await harness.request("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ query: QUERY }),
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await enter("S1");
    let text = "";
    while (!text.includes("event: next")) {
      const { value, done } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    expect(text).toContain(
      `data: {"data":{"membershipChanged":{"audienceId":"${audienceId}","from":"none","to":"realized"}}}`,
    );
    await reader.cancel();
  });
});
