import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, dataOf, type Harness, NOW, startHarness, viewEvent } from "./harness.ts";

const ISSUER = "https://login.example";

describe("access", () => {
  let harness: Harness;
  let sign: (
    claims: object,
    options?: { readonly audience?: string; readonly expires?: number },
  ) => Promise<string>;
  const jwks = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  const keys: object[] = [];
  beforeAll(async () => {
    const pair = await generateKeyPair("ES256");
    keys.push({ ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "ES256" });
    sign = (claims, { audience = "tessera", expires = Math.floor(Date.now() / 1_000) + 300 } = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setExpirationTime(expires)
        .sign(pair.privateKey);
    await new Promise<void>((resolve) => jwks.listen(0, "127.0.0.1", resolve));
    const jwksUrl = `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/keys`;
    harness = await startHarness({ jwt: { jwksUrl, issuer: ISSUER, audience: "tessera" } });
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([viewEvent("e1", "C1", { placeContext: { geo: { city: "Ulm" } } })]),
    });
    const record = {
      identityMap: { CRMID: [{ id: "C1", primary: true }] },
      person: { birthDate: "1990-01-01", gender: "f" },
    };
    harness.setNow(NOW + 1_000);
    await harness.request("/collect/records?datasetId=crm", {
      method: "POST",
      body: JSON.stringify([record]),
    });
  });
  afterAll(async () => {
    await harness.close();
    jwks.closeAllConnections();
    jwks.close();
  });

  const saveRole = (role: object): Promise<Answer> =>
    harness.graphql(`mutation($r:RoleInput!){saveRole(input:$r){id}}`, { r: role });
  const keyWith = async (roleIds: readonly string[]): Promise<string> => {
    const made = await harness.graphql(`mutation($r:[ID!]!){createApiKey(name:"k",roleIds:$r){id secret}}`, {
      r: roleIds,
    });
    return dataOf<{ createApiKey: { secret: string } }>(made).createApiKey.secret;
  };
  const asKey = (secret: string, query: string, headers: Record<string, string> = {}): Promise<Answer> =>
    harness.graphql(query, {}, { authorization: `Bearer ${secret}`, ...headers });
  const PROFILE = `{profile(identity:{namespace:"CRMID",id:"C1"}){attributes provenance events{nodes{body}}}}`;

  it("shows and stops jobs to those who may start them, and tells what names persons to them alone", async () => {
    const role = (id: string, permission: string): Promise<Answer> =>
      saveRole({ id, name: id, permissions: [permission], sandboxes: ["prod"] });
    await role("linker", "manage-identity-namespaces");
    await role("segmenter", "view-segments");
    await role("opener", "reset-sandboxes");
    const [linker, segmenter, opener] = [
      await keyWith(["linker"]),
      await keyWith(["segmenter"]),
      await keyWith(["opener"]),
    ];
    const rules = `{namespaces:[{namespace:"CRMID",type:"CROSS_DEVICE",unique:false,priority:1}]}`;
    const started = await asKey(linker, `mutation{rehearseLinkingRules(rules:${rules}){id}}`);
    const { id } = dataOf<{ rehearseLinkingRules: { id: string } }>(started).rehearseLinkingRules;
    const evaluation = await harness.graphql("mutation{startEvaluation{id}}");
    const other = dataOf<{ startEvaluation: { id: string } }>(evaluation).startEvaluation.id;
    const job = (key: string, of: string): Promise<Answer> => asKey(key, `{job(id:"${of}"){status result}}`);
    await expect
      .poll(async () => (await job(linker, id)).data?.["job"])
      .toMatchObject({ status: "done", result: {} });
    expect((await job(linker, other)).data).toEqual({ job: null });
    expect((await job(segmenter, id)).data).toEqual({ job: { status: "done", result: null } });
    expect((await asKey(linker, "{jobs{id}}")).data).toEqual({ jobs: [{ id }] });
    expect((await asKey(opener, "{jobs{id}}")).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
    const cancel = async (key: string, of: string): Promise<unknown> => {
      const { errors } = await asKey(key, `mutation{cancelJob(id:"${of}"){id}}`);
      return errors?.[0]?.extensions.code;
    };
    expect(await cancel(linker, id)).toBeUndefined();
    expect(await cancel(linker, other)).toBe("NOT_FOUND");
    expect(await cancel(segmenter, id)).toBe("FORBIDDEN");
  });

  it("lets a key do what its roles say, and nothing else", async () => {
    await saveRole({
      id: "reader",
      name: "Reader",
      permissions: ["view-profiles"],
      sandboxes: ["prod"],
      labels: ["all"],
    });
    const key = await keyWith(["reader"]);
    expect((await asKey(key, PROFILE)).errors).toBeUndefined();
    const refused = [
      `{audiences{id}}`,
      `mutation{createAudience(input:{name:"x",expression:{value:"a = 1"}}){id}}`,
      `mutation{ingestEvents(datasetId:"web",events:[]){accepted}}`,
      `mutation{evaluateAudiences{id}}`,
      `mutation{createDestination(input:{name:"x",type:"csv-local"}){id}}`,
      `mutation{saveRole(input:{id:"reader",name:"r",permissions:["all"],sandboxes:["all"]}){id}}`,
      `mutation{createApiKey(name:"x",roleIds:["reader"]){secret}}`,
      `{auditLog{action}}`,
      `{identityGraph(identity:{namespace:"CRMID",id:"C1"}){personId}}`,
    ];
    for (const query of refused) {
      expect([query, (await asKey(key, query)).errors?.[0]?.extensions.code]).toEqual([query, "FORBIDDEN"]);
    }
    for (const path of ["/collect/events?datasetId=x", "/collect/records?datasetId=x"]) {
      const response = await harness.request(path, {
        method: "POST",
        body: "[]",
        headers: { authorization: `Bearer ${key}` },
      });
      expect(response.status).toBe(403);
    }
    const snapshot = await harness.request("/edge/snapshot", { headers: { authorization: `Bearer ${key}` } });
    expect(snapshot.status).toBe(403);
  });

  it("takes a key in x-api-key as well, and none that was revoked", async () => {
    const made = dataOf<{ createApiKey: { id: string; secret: string } }>(
      await harness.graphql(`mutation{createApiKey(name:"k",roleIds:["reader"]){id secret}}`),
    ).createApiKey;
    const ask = (): Promise<Response> =>
      fetch(`${harness.url}/metrics`, { headers: { "x-api-key": made.secret } });
    expect((await ask()).status).toBe(200);
    expect((await harness.graphql(`mutation{revokeApiKey(id:"${made.id}")}`)).data).toEqual({
      revokeApiKey: true,
    });
    expect((await ask()).status).toBe(401);
    const stored = JSON.stringify(await harness.store.documents("apiKey"));
    expect(stored).not.toContain(made.secret);
  });

  it("hides columns that become labelled fields from roles without the label, in quarantine", async () => {
    dataOf(await harness.graphql(`mutation{labelField(path:"person.birthDate",labels:["S1"]){path}}`));
    const permissions = ["manage-sources"];
    await saveRole({ id: "sender", name: "Sender", permissions, sandboxes: ["prod"] });
    await saveRole({ id: "steward", name: "Steward", permissions, sandboxes: ["prod"], labels: ["S1"] });
    const fields = [
      { identity: "CRMID", from: "id" },
      { to: "person.birthDate", from: "born" },
      { to: "points", from: "points", as: "integer" },
    ];
    const save = `mutation($m:JSONObject!){saveRowMapping(datasetId:"born",mapping:$m)}`;
    dataOf(await harness.graphql(save, { m: { fields } }));
    const body = "id,born,points,more\nc1,1990-01-01,many,1990\n";
    await harness.request("/collect/rows?datasetId=born", { method: "POST", body });
    const bodyFor = async (role: string): Promise<unknown> => {
      const list = `{quarantineConnection(datasetId:"born"){nodes{body}}}`;
      const seen = await asKey(await keyWith([role]), list);
      return dataOf<{ quarantineConnection: { nodes: unknown } }>(seen).quarantineConnection.nodes;
    };
    expect(await bodyFor("sender")).toEqual([{ body: { id: "c1", points: "many" } }]);
    expect(await bodyFor("steward")).toMatchObject([{ body: { born: "1990-01-01" } }]);
    const broken = { method: "POST", body: '{"person":{"birthDate":"1990-01-01"' };
    await harness.request("/collect/records?datasetId=born", broken);
    expect(JSON.stringify(await bodyFor("sender"))).not.toContain("1990");
    expect(JSON.stringify(await bodyFor("steward"))).toContain('birthDate\\":\\"1990');
  });

  it("hides labelled fields from roles without the label: attributes, provenance, events, explanations", async () => {
    dataOf(await harness.graphql(`mutation{labelField(path:"person.birthDate",labels:["S1"]){path}}`));
    dataOf(await harness.graphql(`mutation{labelField(path:"placeContext.geo",labels:["S1"]){path}}`));
    await saveRole({ id: "plain", name: "Plain", permissions: ["view-profiles"], sandboxes: ["prod"] });
    const permissions = ["view-profiles"];
    await saveRole({ id: "precise", name: "Precise", permissions, sandboxes: ["prod"], labels: ["S1"] });
    const plain = JSON.stringify(await asKey(await keyWith(["plain"]), PROFILE));
    expect(plain).toContain("gender");
    expect(plain).not.toMatch(/1990|birthDate|Ulm/);
    expect(JSON.stringify(await asKey(await keyWith(["precise"]), PROFILE))).toMatch(/1990.*Ulm/);
    const lookup = await harness.request("/edge/lookup", {
      method: "POST",
      body: JSON.stringify({ identity: { namespace: "CRMID", id: "C1" } }),
      headers: { authorization: `Bearer ${await keyWith(["plain"])}` },
    });
    expect(await lookup.text()).not.toContain("1990");
    const input = { name: "Born then", expression: { value: 'person.birthDate = "1990-01-01"' } };
    const made = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: input,
    });
    const { id } = dataOf<{ createAudience: { id: string } }>(made).createAudience;
    const explain = `{explainMembership(audienceId:"${id}",identity:{namespace:"CRMID",id:"C1"}){member tree}}`;
    const seen = dataOf<{ explainMembership: { tree: { values: unknown[] } } }>(
      await harness.graphql(explain),
    );
    expect(seen.explainMembership.tree.values.length).toBeGreaterThan(0);
    const hidden = dataOf<typeof seen>(await asKey(await keyWith(["plain"]), explain));
    expect(hidden.explainMembership.tree.values).toEqual([]);
    // What is missing names the values that were found, for those who may see them.
    const other = { name: "Born later", expression: { value: 'person.birthDate = "2001-01-01"' } };
    const later = await harness.graphql(`mutation($i:CreateAudienceInput!){createAudience(input:$i){id}}`, {
      i: other,
    });
    const laterId = dataOf<{ createAudience: { id: string } }>(later).createAudience.id;
    const why = `{explainMembership(audienceId:"${laterId}",identity:{namespace:"CRMID",id:"C1"}){member missing text}}`;
    expect(JSON.stringify(await harness.graphql(why))).toContain("1990");
    const without = JSON.stringify(await asKey(await keyWith(["plain"]), why));
    expect(without).toContain("2001-01-01");
    expect(without).not.toContain("1990");
  });

  it("keeps sandboxes apart", async () => {
    dataOf(await harness.graphql(`mutation{createSandbox(name:"dev"){name}}`));
    const dev = { "x-sandbox-name": "dev" };
    const inDev = await harness.graphql(PROFILE, {}, dev);
    expect(inDev).toEqual({ data: { profile: null } });
    await harness.request("/collect/events?datasetId=web", {
      method: "POST",
      body: JSON.stringify([viewEvent("d1", "D1")]),
      headers: dev,
    });
    const ask = `{profile(identity:{namespace:"CRMID",id:"D1"}){eventCount}}`;
    expect((await harness.graphql(ask, {}, dev)).data).toEqual({ profile: { eventCount: 1 } });
    expect((await harness.graphql(ask)).data).toEqual({ profile: null });
    const key = await keyWith(["reader"]);
    const elsewhere = await harness.request("/graphql", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, ...dev },
    });
    expect(elsewhere.status).toBe(403);
  });

  it("takes signed tokens with their roles, and refuses others", async () => {
    const good = await sign({ sub: "ada", roles: ["reader", "unknown"] });
    expect((await asKey(good, PROFILE)).errors).toBeUndefined();
    expect((await asKey(good, `{audiences{id}}`)).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
    const other = await generateKeyPair("ES256");
    const forged = await new SignJWT({ sub: "ada", roles: ["reader"] })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setIssuer(ISSUER)
      .setAudience("tessera")
      .setExpirationTime("5m")
      .sign(other.privateKey);
    const shared = await new SignJWT({ sub: "ada", roles: ["reader"] })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .setIssuer(ISSUER)
      .setAudience("tessera")
      .setExpirationTime("5m")
      .sign(new TextEncoder().encode(JSON.stringify(keys[0])));
    const refused = [
      forged,
      shared,
      await sign({ sub: "ada", roles: ["reader"] }, { audience: "another" }),
      await sign({ sub: "ada", roles: ["reader"] }, { expires: 1_000 }),
      await sign({ roles: ["reader"] }),
    ];
    for (const token of refused) {
      const response = await harness.request("/metrics", { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(401);
    }
    const nobody = await sign({ sub: "eve", roles: [] });
    expect(
      (await harness.request("/metrics", { headers: { authorization: `Bearer ${nobody}` } })).status,
    ).toBe(403);
  });

  it("remembers who looked at whom and who changed what, without personal data", async () => {
    const asked = await harness.graphql(
      `{auditLog(first:1000,identity:{namespace:"CRMID",id:"C1"}){principal action subject} all:auditLog(first:1000){action subject}}`,
    );
    const { auditLog, all } = dataOf<{
      auditLog: { principal: string; action: string }[];
      all: { action: string; subject: string }[];
    }>(asked);
    expect(auditLog.some(({ principal }) => principal === "jwt:ada")).toBe(true);
    expect(new Set(auditLog.map(({ action }) => action))).toEqual(
      new Set(["profile.view", "membership.explain"]),
    );
    expect(all.map(({ action }) => action)).toContain("apiKey.create");
    expect(JSON.stringify(all)).not.toContain("CRMID:");
  });
});
