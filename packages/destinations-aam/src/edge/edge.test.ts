import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AamContext,
  type AamDevice,
  aamDeviceKey,
  type AamEdge,
  type AamEdgeConfig,
  type AamReply,
  type AamRequest,
  compileAamEdge,
  ecidOfUuid,
  handleAamEvent,
  handleAamId,
  handleAamOptOut,
} from "../index.ts";

interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly response: { readonly body: { readonly [field: string]: unknown } };
}

function recorded(name: string): readonly Recorded[] {
  return JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8")) as Recorded[];
}

const ECID = "12345678901234567890123456789012345678";
const UUID = "99999999999999999999999999999999999999";
const NOW = "2026-11-24T00:00:00Z";

const config: AamEdgeConfig = {
  orgId: "97D1F3F459CE0AD80A495CBE@AdobeOrg",
  domainAlias: "acme",
  region: 9,
  dataSources: [
    { dpid: 100, integrationCode: "crm", namespace: "CRMID" },
    { dpid: 20915, namespace: "IDFA" },
    { dpid: 20914, namespace: "GAID" },
    { dpid: 200, integrationCode: "shop", namespace: "SHOPID", blockedIds: new Set(["evil"]) },
    { dpid: 300, integrationCode: "gone", namespace: "GONE", blocked: true },
    { dpid: 400, integrationCode: "four", namespace: "FOUR" },
    { dpid: 500, integrationCode: "five", namespace: "FIVE" },
  ],
  traits: [
    { sid: 1, rule: 'c_color == "blue"' },
    { sid: 2, rule: 'c_color == "blue" AND c_size == "L"' },
    { sid: 3, rule: "c_price > 1000" },
    { sid: 4, rule: 'p_secret contains "vip"' },
    { sid: 5, rule: 'segID = "aud-1"' },
    { sid: 777, rule: 'never == "sent"' },
    { sid: 8, rule: "c_short == 1", ttlDays: 1 },
  ],
  segments: [
    { id: 123, rule: "1T AND 2T" },
    { id: 124, rule: "FREQUENCY([1T] <= 7D) >= 3" },
    { id: 125, rule: "NOT 1T" },
    { id: 126, rule: "8T" },
  ],
  cookieDestinations: [
    {
      id: 1,
      cookieName: "aam_c",
      domain: "",
      ttlDays: 30,
      key: "seg",
      values: [
        { segmentId: 123, value: "123" },
        { segmentId: 124, value: "124" },
      ],
    },
    {
      id: 2,
      cookieName: "aam_short",
      domain: ".shop.test",
      ttlDays: 1,
      values: [{ segmentId: 126, value: "yes" }],
    },
  ],
  urlDestinations: [
    { id: 1, segmentId: 123, url: "https://www.shop.test/dest.gif?u=%did%&m=%mcid%", tag: "img" },
    { id: 2, segmentId: 124, url: "//www.shop.test/frame", tag: "iframe", hideReferrer: false },
  ],
  idSyncs: [
    { id: "411", tag: "img", urls: ["//cm.example.test/s?id=1"], ttlMinutes: 10_080, fireURLSync: true },
  ],
};

function edgeOf(input: AamEdgeConfig = config): AamEdge {
  const compiled = compileAamEdge(input);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value;
}

const edge = edgeOf();
const context = (rest: Partial<AamContext> = {}): AamContext => ({
  edge,
  now: NOW,
  newUuid: () => UUID,
  ...rest,
});
const get = (query: string, headers: AamRequest["headers"] = {}): AamRequest => ({
  method: "GET",
  url: `/event?${query}`,
  headers,
});

function json(reply: AamReply): { readonly [field: string]: unknown } {
  if (typeof reply.body !== "string") throw new Error("a text body was expected");
  return JSON.parse(reply.body) as { readonly [field: string]: unknown };
}

const codes = (reply: AamReply): unknown =>
  (json(reply)["errors"] as { code: number }[] | undefined)?.map(({ code }) => code) ?? [];

/** What VisitorAPI does with an answer to `/id`: the checks of its reader, in our words. */
function readAsVisitorApi(reply: AamReply): void {
  expect(reply.status).toBe(200);
  const body = json(reply);
  expect(body["d_mid"]).toMatch(/^\d{38}$/);
  expect(Number.parseInt(String(body["id_sync_ttl"]), 10)).toBeGreaterThan(0);
  expect(Number.parseInt(String(body["dcs_region"]), 10)).toBeGreaterThan(0);
  expect(typeof body["d_blob"]).toBe("string");
  expect(Number.isNaN(Number.parseInt(String(body["d_ottl"]), 10))).toBe(false);
  expect(body["d_optout"] === undefined || Array.isArray(body["d_optout"])).toBe(true);
  expect(body["error_msg"]).toBeUndefined();
  readSyncs(body["ibs"]);
}

/** What DIL does with an answer to `/event`. */
function readAsDil(reply: AamReply): void {
  expect(reply.status).toBe(200);
  const body = json(reply);
  for (const cookie of body["stuff"] as { [field: string]: unknown }[]) {
    expect(cookie["cn"]).toMatch(/^[^=;, ]+$/);
    expect(decodeURIComponent(String(cookie["cv"]))).toBe(cookie["cv"]);
    expect(Number.isFinite(cookie["ttl"])).toBe(true);
    expect(typeof cookie["dmn"]).toBe("string");
  }
  for (const destination of body["dests"] as { [field: string]: unknown }[]) {
    expect(destination["y"] === "img" || destination["y"] === "iframe").toBe(true);
    expect(String(destination["c"])).toMatch(/^(https?:)?\/\//);
    expect(typeof destination["hr"]).toBe("boolean");
  }
  expect(body["uuid"]).toMatch(/^\d{38}$/);
  readSyncs(body["ibs"]);
}

function readSyncs(syncs: unknown): void {
  expect(Array.isArray(syncs)).toBe(true);
  for (const sync of syncs as { [field: string]: unknown }[]) {
    expect(Array.isArray(sync["url"])).toBe(true);
    expect(String(sync["id"])).toMatch(/^\d+$/);
    expect(sync["tag"] === "img" || sync["tag"] === "iframe").toBe(true);
    expect(Number(sync["ttl"])).toBeGreaterThan(0);
  }
}

describe("recorded requests", () => {
  it("of VisitorAPI 5.5.0 are answered so that it accepts the reply, with every field it was recorded with", () => {
    let device: AamDevice | undefined;
    for (const call of recorded("visitorapi-5.5.0-id.json")) {
      const answer = handleAamId(call, context({ ...(device && { device }) }));
      readAsVisitorApi(answer.reply);
      expect(Object.keys(json(answer.reply)).sort()).toEqual(Object.keys(call.response.body).sort());
      expect(answer.reply.headers).toMatchObject({
        "access-control-allow-origin": "https://www.shop.test",
        "access-control-allow-credentials": "true",
        "content-type": "application/json;charset=utf-8",
      });
      device = answer.device;
    }
    const [, second] = recorded("visitorapi-5.5.0-id.json");
    if (second === undefined) throw new Error("two calls were recorded");
    const answer = handleAamId(second, context());
    expect(json(answer.reply)["d_mid"]).toBe(ECID);
    expect(answer.customers).toMatchObject([{ source: { namespace: "CRMID" }, id: "cust1", authState: 1 }]);
  });

  it("of DIL 9.5 are answered with its cookies, addresses and region; the signals become an event", () => {
    const [call] = recorded("dil-9.5-event.json");
    if (call === undefined) throw new Error("a call was recorded");
    const answer = handleAamEvent(call, context());
    readAsDil(answer.reply);
    expect(json(answer.reply)).toEqual({
      stuff: [{ cn: "aam_c", cv: "seg=123", ttl: 30, dmn: "" }],
      uuid: UUID,
      dcs_region: 9,
      tid: expect.stringMatching(/^.{12}$/) as unknown,
      dests: [{ c: `https://www.shop.test/dest.gif?u=${UUID}&m=${ECID}`, hr: true, y: "img", id: 1 }],
      ibs: [
        {
          id: "411",
          ttl: 10_080,
          tag: "img",
          fireURLSync: 1,
          syncOnPage: 0,
          url: ["//cm.example.test/s?id=1"],
        },
      ],
      us: 0,
    });
    expect(Object.keys(json(answer.reply)).sort()).toEqual(Object.keys(call.response.body).sort());
    expect(answer.realized).toEqual([1, 2, 777]);
    expect(answer.event).toMatchObject({
      timestamp: NOW,
      eventType: "audienceManager.signals",
      identityMap: {
        ECID: [{ id: ECID, primary: true }],
        CORE: [{ id: UUID }],
        CRMID: [{ id: "cust1", authenticatedState: "authenticated" }],
      },
      audienceManager: {
        signals: [
          { key: "c_color", value: "blue" },
          { key: "c_size", value: "L" },
          { key: "h_referer", value: "https://www.shop.test/" },
        ],
        traits: [1, 2, 777],
        region: 9,
      },
    });
    expect(handleAamEvent(call, context()).event?._id).toBe(answer.event?._id);
  });
});

describe("a device over time", () => {
  it("counts realisations, enters and leaves segments as time passes, and its cookie is emptied", () => {
    let device: AamDevice | undefined;
    const hit = (now: string, query: string): ReturnType<typeof handleAamEvent> => {
      const answer = handleAamEvent(
        get(`d_mid=${ECID}&d_rtbd=json&d_dst=1&d_cts=2&${query}`),
        context({ now, ...(device && { device }) }),
      );
      device = answer.device;
      return answer;
    };
    expect(hit("2026-01-01T00:00:00Z", "x=1").segments).toEqual([125]);
    expect(hit("2026-01-01T01:00:00Z", "c_color=blue").segments).toEqual([]);
    expect(hit("2026-01-02T00:00:00Z", "c_color=blue&c_short=1").segments).toEqual([126]);
    const third = hit("2026-01-02T12:00:00Z", "c_color=red,blue&c_size=L");
    expect(third.segments).toEqual([123, 124, 126]);
    expect(json(third.reply)["stuff"]).toEqual([
      { cn: "aam_c", cv: "seg=123,124", ttl: 30, dmn: "" },
      { cn: "aam_short", cv: "yes", ttl: 1, dmn: ".shop.test" },
    ]);
    expect(json(third.reply)).toMatchObject({ segments: [123, 124, 126], traits: [1, 2, 8] });
    const later = hit("2026-01-20T00:00:00Z", "x=1");
    expect(later.segments).toEqual([123]);
    expect(json(later.reply)["stuff"]).toContainEqual({ cn: "aam_short", cv: "", ttl: 0, dmn: ".shop.test" });
    expect(hit("2026-06-20T00:00:00Z", "x=1").segments).toEqual([125]);
  });

  it("realises and removes traits by number, and by the signal of a shared audience", () => {
    const first = handleAamEvent(
      get(`d_mid=${ECID}&d_rtbd=json&d_cts=1&d_sid=777,999&segID=aud-1,aud-2`),
      context(),
    );
    expect(first.realized).toEqual([5, 777]);
    const second = handleAamEvent(
      get(`d_mid=${ECID}&d_rtbd=json&d_cts=1&d_unsid=777`),
      context({ ...(first.device && { device: first.device }) }),
    );
    expect(json(second.reply)["traits"]).toEqual([5]);
  });

  it("uses private signals and headers in rules, and keeps neither", () => {
    const rules: AamEdgeConfig = {
      ...config,
      traits: [...config.traits, { sid: 9, rule: 'h_user-agent contains "Test"' }],
    };
    const answer = handleAamEvent(
      get(`d_mid=${ECID}&p_secret=vip-1`, { "user-agent": "Test/1" }),
      context({ edge: edgeOf(rules) }),
    );
    expect(answer.realized).toEqual([4, 9]);
    expect(JSON.stringify(answer.event)).not.toMatch(/vip-1|Test\/1/);
  });

  it("is found by its ECID, its id or its cookie, and its ECID is derived when none is declared", () => {
    expect(aamDeviceKey(get(`d_mid=${ECID}&d_uuid=${UUID}`))).toEqual({ namespace: "ECID", id: ECID });
    expect(aamDeviceKey(get(`d_uuid=${UUID}`))).toEqual({ namespace: "CORE", id: UUID });
    expect(aamDeviceKey(get("a=1", { cookie: `x=1; demdex=${UUID}` }))).toEqual({
      namespace: "CORE",
      id: UUID,
    });
    expect(aamDeviceKey(get("a=1", { cookie: "demdex=junk" }))).toBeUndefined();
    const answer = handleAamId(
      { method: "GET", url: "/id?d_ver=2", headers: { cookie: `demdex=${UUID}` } },
      context({ newUuid: () => "1".repeat(38) }),
    );
    expect(json(answer.reply)["d_mid"]).toBe(ecidOfUuid(config.orgId, UUID));
    expect(answer.reply.headers["set-cookie"]).toBe(
      `demdex=${UUID}; Max-Age=15552000; Path=/; Secure; SameSite=None`,
    );
  });

  it("opts out: told so by /id, refused by /event with 171, nothing kept and nothing sent on", () => {
    const seen = handleAamEvent(get(`d_mid=${ECID}&c_color=blue`), context());
    const out = handleAamOptOut(
      {
        method: "GET",
        url: `/demoptout.jpg?d_mid=${ECID}&d_orgid=${encodeURIComponent(config.orgId)}`,
        headers: {},
      },
      context({ ...(seen.device && { device: seen.device }) }),
    );
    expect(out.device).toMatchObject({ optedOut: true, traits: {} });
    expect(out.reply.headers["content-type"]).toBe("image/gif");
    const device = out.device;
    if (device === undefined) throw new Error("a device was expected");
    const id = handleAamId(
      { method: "GET", url: `/id?d_mid=${ECID}&d_cid_ic=crm%01cust1`, headers: {} },
      context({ device }),
    );
    readAsVisitorApi(id.reply);
    expect(json(id.reply)).toMatchObject({ d_optout: ["global"], ibs: [] });
    expect(id.customers).toEqual([]);
    const event = handleAamEvent(get(`d_mid=${ECID}&d_rtbd=json&c_color=blue`), context({ device }));
    expect(codes(event.reply)).toEqual([171]);
    expect(event.event).toBeUndefined();
    expect(event.device?.traits).toEqual({});
  });
});

describe("replies", () => {
  it("are a pixel unless JSON is asked for", () => {
    const { reply } = handleAamEvent(get(`d_mid=${ECID}&c_color=blue`), context());
    expect(reply.headers["content-type"]).toBe("image/gif");
    expect(reply.body).toBeInstanceOf(Uint8Array);
    expect(new TextDecoder().decode((reply.body as Uint8Array).slice(0, 6))).toBe("GIF89a");
  });

  it("are wrapped into the callback, safe to run as a script", () => {
    const { reply } = handleAamEvent(
      get(`d_mid=${ECID}&d_rtbd=json&d_cb=acme.cb%5B0%5D&c_a=%3C/script%3E`),
      context(),
    );
    expect(reply.headers["content-type"]).toBe("application/javascript;charset=utf-8");
    expect(reply.body).toMatch(/^\/\*\*\/acme\.cb\[0\]\(\{.*\}\);$/);
    expect(reply.body).not.toContain("<");
  });

  it("answer a preflight and reflect only well-formed origins", () => {
    const preflight = handleAamEvent(
      { method: "OPTIONS", url: "/event", headers: { origin: "https://shop.test" } },
      context(),
    );
    expect(preflight.reply).toMatchObject({
      status: 204,
      headers: { "access-control-allow-origin": "https://shop.test" },
    });
    const bad = handleAamEvent(get("d_rtbd=json", { origin: "https://x\r\nset-cookie: a" }), context());
    expect(bad.reply.headers["access-control-allow-origin"]).toBeUndefined();
  });
});

const HOSTILE: readonly {
  name: string;
  request: AamRequest;
  context?: Partial<AamContext>;
  codes: number[];
  status?: number;
}[] = [
  { name: "bad percent-encoding", request: get("d_rtbd=json&d_src=%esid!"), codes: [311] },
  { name: "a control character in a key", request: get("d_rtbd=json&a%00b=1"), codes: [311] },
  {
    name: "too many parameters",
    request: get(Array.from({ length: 501 }, (_, n) => `k${n}=1`).join("&")),
    codes: [311],
  },
  { name: "a GET beyond 8 KB", request: get(`a=${"x".repeat(8200)}`), codes: [311], status: 414 },
  {
    name: "a POST beyond 32 KB",
    request: { method: "POST", url: "/event", headers: {}, body: `a=${"x".repeat(32_768)}` },
    codes: [311],
    status: 413,
  },
  {
    name: "a JSON body",
    request: { method: "POST", url: "/event", headers: { "content-type": "application/json" }, body: "{}" },
    codes: [311],
    status: 415,
  },
  {
    name: "another method",
    request: { method: "DELETE", url: "/event", headers: {} },
    codes: [311],
    status: 405,
  },
  { name: "a callback that is code", request: get("d_rtbd=json&d_cb=alert(1)//"), codes: [311] },
  { name: "a callback too long", request: get(`d_rtbd=json&d_cb=${"a".repeat(129)}`), codes: [311] },
  { name: "a wrong ECID", request: get("d_mid=1234&d_rtbd=json"), codes: [101] },
  { name: "a wrong Audience Manager id", request: get("d_uuid=x&d_rtbd=json"), codes: [102] },
  { name: "another organisation", request: get("d_orgid=other%40AdobeOrg&d_rtbd=json"), codes: [2] },
  {
    name: "no host",
    request: get("d_rtbd=json"),
    context: { edge: edgeOf({ ...config, hosts: ["acme.demdex.net"] }) },
    codes: [100],
  },
  {
    name: "another host",
    request: get("d_rtbd=json", { host: "evil.test" }),
    context: { edge: edgeOf({ ...config, hosts: ["acme.demdex.net"] }) },
    codes: [1],
  },
  {
    name: "another referer",
    request: get("d_rtbd=json", { referer: "https://evil.test/" }),
    context: { edge: edgeOf({ ...config, allowedReferers: ["shop.test"] }) },
    codes: [109],
  },
  { name: "an embargoed country", request: get("d_rtbd=json"), context: { country: "KP" }, codes: [199] },
  {
    name: "a blocked country",
    request: get("d_rtbd=json"),
    context: { edge: edgeOf({ ...config, blockedCountries: ["XX"] }), country: "XX" },
    codes: [198],
  },
  { name: "no consent", request: get(`d_mid=${ECID}&d_rtbd=json&gdpr=1&gdpr_consent=`), codes: [315] },
  {
    name: "a customer id without value",
    request: get(`d_mid=${ECID}&d_rtbd=json&d_cid_ic=crm%01%011`),
    codes: [300, 104],
  },
  {
    name: "a data source that is not ours",
    request: get(`d_mid=${ECID}&d_rtbd=json&d_cid=999%01x`),
    codes: [302, 104],
  },
  {
    name: "a blocked customer id",
    request: get(`d_mid=${ECID}&d_rtbd=json&d_cid_ic=shop%01evil&d_cid_ic=shop%01good`),
    codes: [303],
  },
  {
    name: "a blocked data source",
    request: get(`d_mid=${ECID}&d_rtbd=json&d_cid_ic=gone%01x&d_cid_ic=crm%01y`),
    codes: [304],
  },
  {
    name: "an IDFA in lower case",
    request: get(`d_mid=${ECID}&d_rtbd=json&d_cid=20915%01a53cc5a2-6aa1-4210-8ded-a88b29b6212a`),
    codes: [312, 104],
  },
  {
    name: "a wrong authentication state",
    request: get(`d_mid=${ECID}&d_rtbd=json&d_cid_ic=crm%01a%017&d_cid_ic=crm%01b`),
    codes: [300],
  },
  {
    name: "four ids of one namespace",
    request: get(
      `d_mid=${ECID}&d_rtbd=json&${"abcd"
        .split("")
        .map((id) => `d_cid_ic=crm%01${id}`)
        .join("&")}`,
    ),
    codes: [310],
  },
  {
    name: "twelve ids of four namespaces",
    request: get(
      `d_mid=${ECID}&d_rtbd=json&${["crm", "shop", "four", "five"].flatMap((source) => [1, 2, 3].map((n) => `d_cid_ic=${source}%01${n}`)).join("&")}`,
    ),
    codes: [301, 309, 309],
  },
  {
    name: "only invalid customer ids and no device",
    request: get("d_rtbd=json&d_cid_ic=nobody%01x"),
    codes: [302, 104],
  },
];

describe("hostile input", () => {
  it.each(HOSTILE)("$name", ({ request, context: rest, codes: wanted, status = 200 }) => {
    for (const handle of [handleAamEvent, handleAamId]) {
      if (handle === handleAamId && wanted.includes(315)) continue;
      const { reply } = handle(request, context(rest));
      expect(reply.status).toBe(status);
      expect(codes(reply)).toEqual(wanted);
      expect(reply.headers["x-error"]).toBe([...new Set(wanted)].join(","));
    }
  });

  it("a forged prototype key or a cookie of junk harms nobody", () => {
    const answer = handleAamEvent(
      get(`__proto__=1&constructor=2&d_rtbd=json&d_sid=__proto__`, { cookie: "demdex=__proto__" }),
      context(),
    );
    expect(answer.reply.status).toBe(200);
    expect(({} as { [field: string]: unknown })["1"]).toBeUndefined();
  });

  it("nothing at all throws, and every answer is well formed", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("d_mid", "d_cid", "%01", "d_cb", "%", "=&=", "d_rtbd=json", `d_mid=${ECID}`),
    );
    const request = fc.record({
      method: fc.constantFrom("GET", "POST", "OPTIONS", "PUT"),
      url: fc.array(text, { maxLength: 6 }).map((parts) => `/event?${parts.join("&")}`),
      headers: fc.record(
        { origin: text, cookie: text, referer: text, host: text, "content-type": text },
        { requiredKeys: [] },
      ),
      body: fc.array(text, { maxLength: 4 }).map((parts) => parts.join("&")),
    });
    fc.assert(
      fc.property(request, (call) => {
        for (const handle of [handleAamEvent, handleAamId, handleAamOptOut]) {
          const { reply } = handle(call, context());
          for (const value of Object.values(reply.headers)) expect(value).not.toMatch(/[\r\n]/);
          if (reply.headers["content-type"]?.startsWith("application/json") === true) json(reply);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("compileAamEdge", () => {
  it("reports every fault with its place", () => {
    const compiled = compileAamEdge({
      ...config,
      region: 1,
      traits: [
        { sid: 1, rule: "c_a ==" },
        { sid: 1, rule: "c_a == 1" },
        { sid: 2, rule: 'c_a matchesregex "("' },
      ],
      segments: [{ id: 1, rule: "1T AND" }],
      cookieDestinations: [
        { id: 1, cookieName: "a b", domain: "", ttlDays: 1, values: [{ segmentId: 9, value: "x" }] },
      ],
      urlDestinations: [{ id: 1, segmentId: 1, url: "javascript:alert(1)", tag: "img" }],
    });
    const places = compiled.ok ? [] : compiled.error.map(({ path }) => path?.join("."));
    expect(places).toEqual([
      "region",
      "traits.1.sid",
      "cookieDestinations.0.cookieName",
      "cookieDestinations.0.values",
      "urlDestinations.0.url",
      "traits.0.rule",
      "traits.2.rule",
      "segments.0.rule",
    ]);
  });
});
