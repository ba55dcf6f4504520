import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createClient } from "graphql-ws";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { clientAddress, limitFailedLogins } from "../src/access/failed-logins.ts";
import { createAuthenticator } from "../src/access/authenticator.ts";
import { createTokenBuckets } from "../src/access/rate-limit.ts";
import { dataOf, type Harness, startHarness, TOKEN } from "./harness.ts";

describe("guesses at credentials", () => {
  let harness: Harness | undefined;
  let jwks: Server | undefined;
  afterEach(async () => {
    await harness?.close();
    jwks?.closeAllConnections();
    jwks?.close();
    [harness, jwks] = [undefined, undefined];
  });
  const from = (address: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${harness?.url}/metrics`, { headers: { "x-forwarded-for": address, ...headers } });

  it("are looked at a few times a minute from one address, by key or by token, and others are let in", async () => {
    harness = await startHarness({ failedLoginsPerMinute: 5, proxies: 1 });
    const made = await harness.graphql(
      `mutation{saveRole(input:{id:"ops",name:"Ops",permissions:["view-profiles"],sandboxes:["prod"]}){id} createApiKey(name:"k",roleIds:["ops"]){secret}}`,
    );
    const { secret } = dataOf<{ createApiKey: { secret: string } }>(made).createApiKey;
    const statuses: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      const headers = n % 2 === 0 ? { "x-api-key": `tsk_${n}` } : { authorization: `Bearer a.b.${n}` };
      statuses.push((await from("203.0.113.9", headers)).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    const refused = await from("203.0.113.9", { "x-api-key": "tsk_other" });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: "RATE_LIMITED" });
    // what was never seen from there is not looked at, and is good from elsewhere
    expect((await from("203.0.113.9", { "x-api-key": secret })).status).toBe(429);
    expect((await from("198.51.100.4", { "x-api-key": secret })).status).toBe(200);
    // who is known passes, whatever others do behind the same address
    expect((await from("203.0.113.9", { "x-api-key": secret })).status).toBe(200);
    // a sender cannot choose its address: the proxy's own entry is the last one
    expect((await from("192.0.2.1, 203.0.113.9", { "x-api-key": "tsk_x" })).status).toBe(429);
    expect((await from("203.0.113.9", {})).status).toBe(401);
    expect((await fetch(`${harness.url}/readyz`)).status).toBe(200);
  });

  it("are limited over sockets alike", async () => {
    harness = await startHarness({ failedLoginsPerMinute: 2 });
    const codes: unknown[] = [];
    for (let n = 0; n < 4; n += 1) {
      const client = createClient({
        url: `${harness.url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer wrong-${n}` },
        retryAttempts: 0,
      });
      codes.push(
        await client
          .iterate({ query: "subscription{jobChanged{id}}" })
          .next()
          .catch((error: { code: number }) => error.code),
      );
      await client.dispose();
    }
    expect(codes).toEqual([4403, 4403, 4429, 4429]);
  });

  it("are none while the keys to check a token cannot be read", async () => {
    const pair = await generateKeyPair("ES256");
    const token = await new SignJWT({ roles: [] })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setSubject("ada")
      .setExpirationTime("1h")
      .sign(pair.privateKey);
    const key = { ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "ES256" };
    let up = false;
    jwks = createServer((_request, response) =>
      up ? response.end(JSON.stringify({ keys: [key] })) : response.writeHead(503).end(),
    );
    await new Promise<void>((resolve) => jwks?.listen(0, "127.0.0.1", resolve));
    const jwksUrl = `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/keys`;
    harness = await startHarness({ failedLoginsPerMinute: 1, jwt: { jwksUrl } });
    const headers = { authorization: `Bearer ${token}` };
    for (let n = 0; n < 3; n += 1) {
      const answer = await fetch(`${harness.url}/graphql`, { method: "POST", headers });
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    }
    up = true;
    // recognised now, and in no sandbox: it holds no role
    expect((await fetch(`${harness.url}/graphql`, { method: "POST", headers })).status).toBe(403);
  });

  it("may come again after their time", async () => {
    let now = 0;
    const enter = limitFailedLogins(createAuthenticator(TOKEN), { perMinute: 2, now: () => now });
    const guess = async (secret: string): Promise<number> => {
      const found = await enter({ authorization: undefined, apiKey: secret }, "a");
      return found.ok ? 200 : found.error.status;
    };
    expect([await guess("1"), await guess("2"), await guess("3"), await guess(TOKEN)]).toEqual([
      401, 401, 429, 429,
    ]);
    now = 30_000;
    expect([await guess(TOKEN), await guess("4"), await guess("5"), await guess(TOKEN)]).toEqual([
      200, 401, 429, 200,
    ]);
  });

  it("take bounded memory from however many addresses", () => {
    const buckets = createTokenBuckets(60, 60);
    for (let n = 0; n < 50_000; n += 1) buckets.take(`address ${n}`, 0);
    for (let n = 0; n < 61; n += 1) buckets.take("address 7", 0);
    expect(buckets.waitOf("address 7", 0)).toBeGreaterThan(0);
    // a second later those of one failure are full again and are forgotten; the busy one is not
    buckets.take("one more", 1_000);
    buckets.take("address 7", 1_000);
    expect(buckets.waitOf("address 7", 1_000)).toBeGreaterThan(0);
    expect(buckets.waitOf("address 8", 1_000)).toBe(0);
  });

  it.each([
    ["203.0.113.9", undefined, 0, "203.0.113.9"],
    ["::ffff:203.0.113.9", "1.2.3.4", 0, "203.0.113.9"],
    ["10.0.0.1", "1.2.3.4, 5.6.7.8", 1, "5.6.7.8"],
    ["10.0.0.1", "1.2.3.4, 5.6.7.8", 2, "1.2.3.4"],
    ["10.0.0.1", "5.6.7.8", 2, "10.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", undefined, 0, "2001:db8:1:2::/64"],
    ["2001:db8::1", undefined, 0, "2001:db8:0:0::/64"],
    ["::1", undefined, 0, "0:0:0:0::/64"],
  ])(
    "count for the address of %s with %s behind %i proxies",
    (remoteAddress, forwarded, proxies, expected) => {
      const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
      expect(clientAddress({ headers, socket: { remoteAddress } }, proxies)).toBe(expected);
    },
  );
});
