import { timingSafeEqual } from "node:crypto";
import { createConnection } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sameSecret } from "../src/access/principal.ts";
import { type Harness, startHarness, TOKEN, viewEvent } from "./harness.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of buffers that something still holds: the client in this process has sent bodies of its own. */
async function buffersInUse(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collectGarbage();
  }
  return process.memoryUsage().arrayBuffers;
}

const JSON_TYPE = { "content-type": "application/json" };

describe("attacks", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([viewEvent("e", "C1")]),
    });
  });
  afterAll(async () => {
    const healthy = await fetch(`${harness.url}/readyz`);
    expect(healthy.status).toBe(200);
    await harness.close();
  });

  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    harness.request("/graphql", { method: "POST", body, headers: { ...JSON_TYPE, ...headers } });
  const codeOf = async (response: Response): Promise<string | undefined> => {
    const { code, errors } = (await response.json()) as {
      code?: string;
      errors?: { extensions: { code: string } }[];
    };
    return code ?? errors?.[0]?.extensions.code;
  };

  it.each([
    ["no credential", {}],
    ["an empty token", { authorization: "Bearer " }],
    ["a wrong token", { authorization: "Bearer wrong-token-of-some-length" }],
    ["the token with something behind it", { authorization: `Bearer ${TOKEN}x` }],
    ["the start of the token", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ["the token under another scheme", { authorization: `Basic ${TOKEN}` }],
    ["a wrong token beside a right key", { authorization: "Bearer nonsense", "x-api-key": TOKEN }],
    [
      "a token that claims no algorithm",
      { authorization: `Bearer ${btoa('{"alg":"none"}')}.${btoa('{"sub":"admin"}')}.` },
    ],
  ])("refuses %s everywhere", async (_name, headers) => {
    for (const path of ["/graphql", "/collect/events?datasetId=x", "/edge/lookup"]) {
      const response = await fetch(harness.url + path, {
        method: "POST",
        body: "{}",
        headers: headers as HeadersInit,
      });
      expect([path, response.status, await codeOf(response)]).toEqual([path, 401, "UNAUTHENTICATED"]);
    }
    for (const path of ["/metrics", "/edge/snapshot", "/anything"]) {
      const response = await fetch(harness.url + path, { headers: headers as HeadersInit });
      expect([path, response.status]).toEqual([path, 401]);
    }
  });

  it.each([
    ["another organisation", { "x-gw-ims-org-id": "OTHER@AdobeOrg" }, "ORGANISATION_UNKNOWN"],
    ["a sandbox that is not there", { "x-sandbox-name": "secret" }, "SANDBOX_UNAVAILABLE"],
    ["a sandbox named like a path", { "x-sandbox-name": "../prod" }, "SANDBOX_UNAVAILABLE"],
    ["a sandbox named like a prototype", { "x-sandbox-name": "__proto__" }, "SANDBOX_UNAVAILABLE"],
  ])("refuses %s", async (_name, headers, code) => {
    const response = await post('{"query":"{audiences{id}}"}', headers as Record<string, string>);
    expect([response.status, await codeOf(response)]).toEqual([403, code]);
  });

  const aliases = Array.from({ length: 500 }, (_, n) => `a${n}:audiences{id}`).join(" ");
  const nested = "{" + "profile{".repeat(40) + "x" + "}".repeat(41);
  const spread = Array.from(
    { length: 24 },
    (_, n) => `fragment f${n} on Profile{...f${n + 1} ...f${n + 1}}`,
  ).join(" ");
  it.each([
    ["an alias bomb", `{${aliases}}`, "QUERY_TOO_LARGE"],
    ["endless nesting", nested, "QUERY_TOO_LARGE"],
    [
      "fragments that double 24 times",
      `{profile(identity:{namespace:"a",id:"b"}){...f0}} ${spread} fragment f24 on Profile{personId version}`,
      "QUERY_TOO_LARGE",
    ],
    [
      "fragments in a circle",
      `{profile(identity:{namespace:"a",id:"b"}){...a}} fragment a on Profile{...b} fragment b on Profile{...a}`,
      "GRAPHQL_VALIDATION_FAILED",
    ],
    ["a document of 100,000 fields", `{${"audiences{id} ".repeat(50_000)}}`, "GRAPHQL_PARSE_FAILED"],
    [
      "a page of two billion",
      `{profile(identity:{namespace:"a",id:"b"}){events(first:2000000000){nodes{id}}}}`,
      "QUERY_TOO_LARGE",
    ],
    ["no document", "", "BAD_REQUEST"],
    ["an unknown field", "{passwords}", "GRAPHQL_VALIDATION_FAILED"],
  ])("refuses %s", async (_name, query, code) => {
    const response = await post(JSON.stringify({ query }));
    expect([response.status, await codeOf(response)]).toEqual([400, code]);
  });

  it("refuses many operations in one request", async () => {
    const response = await post(
      JSON.stringify(Array.from({ length: 1_000 }, () => ({ query: "{audiences{id}}" }))),
    );
    expect([response.status, await codeOf(response)]).toEqual([400, "BAD_REQUEST"]);
  });

  it("refuses forms and simple requests that a foreign page could send", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const response = await post('{"query":"{audiences{id}}"}', { "content-type": type });
      expect(response.status).toBe(415);
    }
    expect((await harness.request("/graphql?query={audiences{id}}")).status).toBe(405);
  });

  it("refuses bodies of 10 MB and keeps its memory", async () => {
    const body = JSON.stringify({ query: "{audiences{id}}", variables: { x: "y".repeat(10_000_000) } });
    const before = await buffersInUse();
    for (let n = 0; n < 12; n += 1) {
      const response = await post(body);
      expect([response.status, await codeOf(response)]).toEqual([413, "TOO_MUCH"]);
    }
    expect((await buffersInUse()) - before).toBeLessThan(50_000_000);
  });

  it("reads a zip bomb without holding it", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(60_000_000, 0x20)));
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().rss;
    const response = await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: bomb,
      headers: { "content-encoding": "gzip" },
    });
    expect(await response.json()).toMatchObject({ accepted: 0, rejected: [{ code: "item.tooLarge" }] });
    expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000);
  });

  it("takes operators and prototype names as data, or refuses them", async () => {
    const ingest = `mutation($e:[JSON!]!){ingestEvents(datasetId:"web",events:$e){accepted rejected{code}}}`;
    const polluted = `{"query":${JSON.stringify(ingest)},"variables":{"e":[{"timestamp":"2026-01-01T00:00:00Z","identityMap":{"CRMID":[{"id":"C9"}]},"__proto__":{"admin":true}},{"timestamp":"2026-01-01T00:00:00Z","identityMap":{"CRMID":[{"id":"C9"}]},"constructor":{"prototype":{"admin":true}}}]}}`;
    const answer = (await (await post(polluted)).json()) as { data: { ingestEvents: { accepted: number } } };
    expect(answer.data.ingestEvents).toMatchObject({
      accepted: 0,
      rejected: [{ code: "event.json" }, { code: "event.json" }],
    });
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    for (const id of [{ $ne: null }, { $where: "sleep(1000)" }, ["C1"], 1, true]) {
      const asked = await harness.graphql(`query($i:IdentityInput!){profile(identity:$i){personId}}`, {
        i: { namespace: "CRMID", id },
      });
      expect([asked.data?.["profile"], asked.errors?.length]).not.toEqual([expect.anything(), undefined]);
    }
    for (const namespace of ["__proto__", "constructor", "$where"]) {
      const asked = await harness.graphql(`query($i:IdentityInput!){profile(identity:$i){personId}}`, {
        i: { namespace, id: "x" },
      });
      expect(asked).toEqual({ data: { profile: null } });
    }
  });

  it("gives nothing of another sandbox or organisation for its ids", async () => {
    const made = await harness.graphql(
      `mutation{createSandbox(name:"apart"){name} createAudience(input:{name:"Mine",expression:{value:"person.active = \\"yes\\""}}){id} createDestination(input:{name:"Mine",type:"custom-personalization",settings:{integrationAlias:"mine"}}){id}}`,
    );
    const { createAudience, createDestination } = made.data as Record<string, { id: string }>;
    const ids = { a: createAudience?.id, d: createDestination?.id };
    const elsewhere = { "x-sandbox-name": "apart" };
    const identity = `{namespace:"CRMID",id:"C1"}`;
    const reads = await harness.graphql(
      `query($a:ID!,$d:ID!){audience(id:$a){id} destination(id:$d){id} audiences{id} destinations{id} profile(identity:${identity}){personId} identityGraph(identity:${identity}){personId} job(id:$a){id}}`,
      ids,
      elsewhere,
    );
    expect(reads.data).toEqual({
      audience: null,
      destination: null,
      audiences: [],
      destinations: [],
      profile: null,
      identityGraph: null,
      job: null,
    });
    const changes: readonly [string, string][] = [
      [`mutation($a:ID!){setAudienceStatus(id:$a,status:"deleted"){id}}`, "NOT_FOUND"],
      [`mutation($a:ID!){evaluateAudiences(ids:[$a]){id}}`, "NOT_FOUND"],
      [`mutation($a:ID!){cancelJob(id:$a){id}}`, "NOT_FOUND"],
      [`query($a:ID!){explainMembership(audienceId:$a,identity:${identity}){member}}`, "NOT_FOUND"],
      [
        `mutation($a:ID!,$d:ID!){activateAudiences(input:{destinationId:$d,audienceIds:[$a]}){id}}`,
        "NOT_FOUND",
      ],
      [`mutation($d:ID!){exportAudiences(destinationId:$d){name}}`, "NOT_FOUND"],
    ];
    for (const [document, code] of changes) {
      const refused = await harness.graphql(document, ids, elsewhere);
      expect([document, refused.errors?.[0]?.extensions.code]).toEqual([document, code]);
    }
    const foreign = await post(`{"query":"{audiences{id}}"}`, { "x-gw-ims-org-id": "OTHER@AdobeOrg" });
    expect(await foreign.text()).not.toContain("Mine");
  });

  it.each([
    [{ $where: "sleep(10000)" }, "dataset.invalid"],
    [JSON.parse('{"__proto__":{"kind":"event"},"id":"x"}') as object, "dataset.invalid"],
    [{ id: { $ne: "" }, kind: "event" }, "dataset.invalid"],
    [{ id: "x", kind: "event", labels: [{ $gt: "" }] }, "dataset.invalid"],
  ])("takes no operators for a definition: %j", async (definition, code) => {
    const body = `{"query":"mutation($d:JSONObject!){saveDataset(definition:$d){id}}","variables":{"d":${JSON.stringify(definition)}}}`;
    const answer = (await (await post(body)).json()) as {
      errors: { extensions: { code: string; issues?: { code: string }[] } }[];
    };
    const [error] = answer.errors;
    expect(error?.extensions.code).toBe("BAD_USER_INPUT");
    if (error?.extensions.issues) expect(error.extensions.issues[0]?.code).toBe(code);
  });

  it("compares secrets by digests of one length, so that no prefix is quicker", () => {
    expect(sameSecret(TOKEN, TOKEN)).toBe(true);
    for (const wrong of ["", TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.replace(/.$/, "!"), `!${TOKEN.slice(1)}`])
      expect(sameSecret(wrong, TOKEN)).toBe(false);
    const compared: [number, number][] = [];
    const equal = (a: NodeJS.ArrayBufferView, b: NodeJS.ArrayBufferView): boolean => {
      compared.push([a.byteLength, b.byteLength]);
      return timingSafeEqual(a, b);
    };
    for (const given of ["x", "x".repeat(10_000), TOKEN]) sameSecret(given, TOKEN, equal);
    expect(compared).toEqual([
      [32, 32],
      [32, 32],
      [32, 32],
    ]);
  });

  it("compiles no code from PQL", async () => {
    const queries = [
      'constructor.constructor("return process")()',
      "__proto__.polluted = true",
      'a = 1) or true or (b = "',
      "process.exit(1)",
      'person["name"].matches("(a+)+$")',
    ];
    for (const value of queries) {
      const { data } = await harness.graphql(
        `query($x:ExpressionInput!){checkAudience(expression:$x){valid}}`,
        { x: { value } },
      );
      const made = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
        i: { name: value, expression: { value } },
      });
      const { valid } = (data as { checkAudience: { valid: boolean } }).checkAudience;
      expect(valid).toBe(made.errors === undefined);
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("tells nothing of its inside when something breaks", async () => {
    const broken = await startHarness();
    broken.store.load = () => Promise.reject(new Error("secret path /var/db"));
    const answer = await broken.graphql(`{profile(identity:{namespace:"a",id:"b"}){personId}}`);
    expect(answer.errors?.[0]?.extensions.code).toBe("INTERNAL_SERVER_ERROR");
    expect(JSON.stringify(answer)).not.toMatch(/secret|\/var\/db|at .*\.ts/);
    await broken.close();
  });

  it("limits the rate of each caller, and hides its schema when told to", async () => {
    const strict = await startHarness({ requestsPerMinute: 60, introspection: false });
    const statuses: number[] = [];
    for (let n = 0; n < 10; n += 1) statuses.push((await strict.request("/metrics")).status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
    const last = await strict.request("/metrics");
    expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
    await strict.close();
    const closed = await startHarness({ introspection: false });
    const schema = await closed.graphql("{__schema{types{name}}}");
    expect(schema.data).toBeUndefined();
    const hint = await closed.graphql("{profil{x}}");
    expect(JSON.stringify(hint)).not.toContain("Did you mean");
    await closed.close();
  });

  it("survives requests that break off", async () => {
    const port = Number(new URL(harness.url).port);
    for (let n = 0; n < 20; n += 1) {
      await new Promise<void>((resolve) => {
        const socket = createConnection(port, "127.0.0.1", () => {
          socket.write(
            `POST /collect/events?datasetId=web HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100000\r\n\r\n[{"a":`,
          );
          setTimeout(() => socket.destroy(), 5);
        });
        socket.on("close", () => resolve());
      });
    }
    expect((await harness.request("/metrics")).status).toBe(200);
  });
});
