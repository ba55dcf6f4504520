import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionResult } from "graphql";
import { type Client, createClient } from "graphql-ws";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { GatewayConfig } from "../src/config.ts";
import { dataOf, type Harness, startHarness, TOKEN } from "./harness.ts";

describe("attacks over sockets and event streams", () => {
  let harness: Harness | undefined;
  const clients: Client[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
    await harness?.close();
    harness = undefined;
  });
  const start = async (config: Partial<GatewayConfig> = {}): Promise<Harness> =>
    (harness = await startHarness(config));
  const connect = (secret = TOKEN): Client => {
    const client = createClient({
      url: `${harness?.url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${secret}` },
      retryAttempts: 0,
      lazyCloseTimeout: 5_000,
    });
    clients.push(client);
    return client;
  };
  /** The one result of an operation, or the errors that it was refused with. */
  const ask = (
    client: Client,
    payload: { query: string; variables?: Record<string, unknown>; extensions?: Record<string, unknown> },
  ): Promise<ExecutionResult> =>
    new Promise((resolve, reject) => {
      client.subscribe(payload, {
        next: (result) => resolve(result as ExecutionResult),
        error: (errors) => (Array.isArray(errors) ? resolve({ errors }) : reject(errors)),
        complete: () => undefined,
      });
    });
  const codeOf = ({ errors }: ExecutionResult): unknown => errors?.[0]?.extensions["code"];
  const stream = async (query: string): Promise<{ status: number; text: string }> => {
    const response = await harness?.request("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ query }),
    });
    return { status: response?.status ?? 0, text: (await response?.text()) ?? "" };
  };

  it("hide the schema where introspection is off", async () => {
    await start({ introspection: false });
    const client = connect();
    for (const query of [
      "{__schema{types{name}}}",
      '{__type(name:"Profile"){fields{name}}}',
      "{profil{x}}",
    ]) {
      const asked = await ask(client, { query });
      expect([query, codeOf(asked)]).toEqual([query, "GRAPHQL_VALIDATION_FAILED"]);
      const streamed = await stream(query);
      expect([streamed.status, codeOf(JSON.parse(streamed.text) as ExecutionResult)]).toEqual([
        400,
        "GRAPHQL_VALIDATION_FAILED",
      ]);
      expect(JSON.stringify(asked) + streamed.text).not.toContain("Did you mean");
    }
  });

  it("tell nothing of the inside when something breaks", async () => {
    const { store } = await start();
    store.load = () => Promise.reject(new Error("secret path /var/db"));
    const query = `{profile(identity:{namespace:"a",id:"b"}){personId}}`;
    const asked = await ask(connect(), { query });
    expect(codeOf(asked)).toBe("INTERNAL_SERVER_ERROR");
    const streamed = await stream(query);
    expect(streamed.text).toContain("INTERNAL_SERVER_ERROR");
    expect(JSON.stringify(asked) + streamed.text).not.toMatch(/secret|\/var\/db/);
  });

  it("run the trusted document that was named, never the text beside it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tessera-trusted-"));
    const trustedDocuments = join(folder, "trusted.json");
    writeFileSync(trustedDocuments, JSON.stringify({ names: "{sandboxes{name}}" }));
    await start({ trustedDocuments });
    rmSync(folder, { recursive: true });
    const client = connect();
    expect(codeOf(await ask(client, { query: "{roles{id}}" }))).toBe("DOCUMENT_UNTRUSTED");
    const extensions = { persistedQuery: { sha256Hash: "names" } };
    const named = await ask(client, { query: "{roles{id}}", extensions });
    expect(named).toEqual({ data: { sandboxes: [{ name: "prod" }] } });
    const overHttp = await harness?.request("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "{roles{id}}", extensions }),
    });
    expect(await overHttp?.json()).toEqual({ data: { sandboxes: [{ name: "prod" }] } });
  });

  it("open nothing more with a key that was revoked meanwhile", async () => {
    const { graphql } = await start();
    await graphql(`
      mutation {
        saveRole(input: { id: "r", name: "R", permissions: ["view-profiles"], sandboxes: ["prod"] }) {
          id
        }
      }
    `);
    const made = dataOf<{ createApiKey: { id: string; secret: string } }>(
      await graphql(`
        mutation {
          createApiKey(name: "k", roleIds: ["r"]) {
            id
            secret
          }
        }
      `),
    ).createApiKey;
    const client = connect(made.secret);
    const query = `{totals{persons}}`;
    // an operation that stays open keeps the connection
    client.subscribe(
      { query: "subscription{membershipChanged{audienceId}}" },
      { next: () => undefined, error: () => undefined, complete: () => undefined },
    );
    expect(await ask(client, { query })).toEqual({ data: { totals: { persons: 0 } } });
    await graphql(`mutation{revokeApiKey(id:"${made.id}")}`);
    await expect(ask(client, { query })).rejects.toMatchObject({ code: 4403 });
  });

  it("keep the rate of each caller, and few operations open at once", async () => {
    await start({ requestsPerMinute: 60 });
    const limited = connect();
    const codes: unknown[] = [];
    for (let n = 0; n < 10; n += 1) codes.push(codeOf(await ask(limited, { query: "{totals{persons}}" })));
    expect(codes).toContain("RATE_LIMITED");
    await harness?.close();
    await start();
    const greedy = connect();
    const refused = await Promise.any(
      Array.from({ length: 120 }, async () => {
        const result = await ask(greedy, { query: "subscription{membershipChanged{audienceId}}" });
        return codeOf(result);
      }),
    );
    expect(refused).toBe("TOO_MUCH");
    expect((await fetch(`${harness?.url}/readyz`)).status).toBe(200);
  });

  it("say what is wrong with variables, and answer queries as streams too", async () => {
    await start();
    const query = "query($i:IdentityInput!){profile(identity:$i){personId}}";
    const wrong = await ask(connect(), { query, variables: { i: { namespace: { $ne: 1 }, id: "x" } } });
    expect(codeOf(wrong)).toBe("BAD_USER_INPUT");
    const streamed = await stream("{totals{persons}}");
    expect(streamed.text).toBe(
      ':\n\nevent: next\ndata: {"data":{"totals":{"persons":0}}}\n\nevent: complete\ndata:\n\n',
    );
  });

  it("end with a credential that was revoked, and with other roles", async () => {
    const { graphql, url, request } = await start();
    const made = await graphql(`
      mutation {
        saveRole(input: { id: "ops", name: "Ops", permissions: ["view-segments"], sandboxes: ["prod"] }) {
          id
        }
        a: createApiKey(name: "a", roleIds: ["ops"]) {
          id
          secret
        }
        b: createApiKey(name: "b", roleIds: ["ops"]) {
          id
          secret
        }
      }
    `);
    const { a, b } = dataOf<Record<"a" | "b", { id: string; secret: string }>>(made);
    const query = "subscription{jobChanged{id}}";
    const socket = connect(a.secret).iterate({ query }).next();
    const other = connect(b.secret).iterate({ query }).next();
    const streamed = await request("/graphql", {
      method: "POST",
      headers: {
        authorization: `Bearer ${a.secret}`,
        "content-type": "application/json",
        accept: "text/event-stream",
      },
      body: JSON.stringify({ query }),
    });
    const text = streamed.text();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await graphql(
      `
        mutation ($id: ID!) {
          revokeApiKey(id: $id)
        }
      `,
      { id: a.id },
    );
    await expect(socket).rejects.toMatchObject({ code: 4403 });
    expect(await text).toContain("event: complete");
    await graphql(`
      mutation {
        saveRole(input: { id: "ops", name: "Ops", permissions: ["view-profiles"], sandboxes: ["prod"] }) {
          id
        }
      }
    `);
    await expect(other).rejects.toMatchObject({ code: 4403 });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }, 30_000);
});
