import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient as createStreamClient } from "graphql-sse";
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

  /** The results of an event stream that is open, one after the other. */
  const openStream = async (
    query: string,
    variables: object = {},
  ): Promise<AsyncGenerator<object, undefined>> => {
    const response = await harness.request("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ query, variables }),
    });
    return resultsOf(response.body as ReadableStream<Uint8Array>);
  };
  async function* resultsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<object, undefined> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) {
      const events = (text + decoder.decode(chunk, { stream: true })).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const [, data] = /^event: next\ndata: (.*)$/.exec(event) ?? [];
        if (data !== undefined) yield (JSON.parse(data) as { data: object }).data;
        if (event.startsWith("event: complete")) return undefined;
      }
    }
    return undefined;
  }

  it("tells the progress of one job to its end as server-sent events", async () => {
    const { store } = harness;
    const owners = store.owners.bind(store);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    store.owners = async (...asked) => {
      await held;
      return owners(...asked);
    };
    const started = await harness.graphql("mutation{startRebuild{id}}");
    const { id } = dataOf<{ startRebuild: { id: string } }>(started).startRebuild;
    const told: { id: string; status: string }[] = [];
    const stream = await openStream("subscription($id:ID){jobChanged(id:$id){id status done total}}", { id });
    release();
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
      const { jobChanged } = next.value as { jobChanged: (typeof told)[number] };
      told.push(jobChanged);
      if (jobChanged.status !== "running") break;
    }
    await stream.return(undefined);
    store.owners = owners;
    expect(told.at(-1)).toMatchObject({ id, status: "done" });
    expect(new Set(told.map((job) => job.id))).toEqual(new Set([id]));
  });

  it("serves the client that others use for event streams", async () => {
    const client = createStreamClient({
      url: `${harness.url}/graphql`,
      headers: { authorization: `Bearer ${TOKEN}` },
      retryAttempts: 0,
    });
    const results = client.iterate({ query: QUERY, variables: { a: [audienceId] } });
    const first = results.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await enter("G1");
    expect((await first).value).toMatchObject({
      data: { membershipChanged: { audienceId, to: "realized" } },
    });
    await results.return?.();
    const once = await client.iterate({ query: "{audiences{id}}" }).next();
    expect(once.value).toMatchObject({ data: { audiences: [{ id: audienceId }] } });
    client.dispose();
  });

  it("ends a stream of which nothing is wanted", async () => {
    for (const query of [
      "subscription{nothing}",
      "subscription{a:jobChanged{id} b:jobChanged{id}}",
      `{${Array.from({ length: 500 }, (_, n) => `a${n}:audiences{id}`).join(" ")}}`,
    ]) {
      const response = await harness.request("/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify({ query }),
      });
      expect(response.status).toBe(400);
      const { errors } = (await response.json()) as { errors: readonly object[] };
      expect(errors.length).toBeGreaterThan(0);
    }
  });
});
