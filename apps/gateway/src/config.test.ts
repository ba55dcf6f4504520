import { describe, expect, it } from "vitest";
import { configWarnings, DEFAULT_CONFIG, parseConfig } from "./config.ts";

const TOKEN = "a-token-of-enough-length";

describe("parseConfig", () => {
  it("takes the defaults for what is not set, and for empty variables", () => {
    const parsed = parseConfig({ TESSERA_ADMIN_TOKEN: TOKEN, PORT: "", TESSERA_STORE: " " });
    expect(parsed).toEqual({ ok: true, value: { ...DEFAULT_CONFIG, adminToken: TOKEN } });
  });

  it.each([
    ["sqlite:/var/lib/t.db", { kind: "sqlite", path: "/var/lib/t.db" }],
    ["memory:", { kind: "memory" }],
    ["mongodb://a:27017/x", { kind: "mongodb", uri: "mongodb://a:27017/x" }],
    ["mongodb+srv://cluster/x", { kind: "mongodb", uri: "mongodb+srv://cluster/x" }],
  ])("reads the store address %s", (TESSERA_STORE, store) => {
    expect(parseConfig({ TESSERA_ADMIN_TOKEN: TOKEN, TESSERA_STORE })).toMatchObject({ value: { store } });
  });

  it("tells everything that is wrong at once, and repeats no value", () => {
    const wrong = {
      TESSERA_ADMIN_TOKEN: "a secret with blanks",
      PORT: "70000",
      TESSERA_STORE: "postgres://secret@host",
      TESSERA_ORG: "no-at-sign",
      TESSERA_SANDBOX: "Prod!",
      TESSERA_TENANT: "_acme.x",
      TESSERA_JWKS_URL: "http://elsewhere.example/keys",
      TESSERA_INTROSPECTION: "maybe",
      TESSERA_QUERY_DEPTH: "1",
      TESSERA_LOG_LEVEL: "loud",
      TESSERA_ROLES: "collect,sing",
      TESSERA_EDGE_URL: "file:///etc",
    };
    const parsed = parseConfig(wrong);
    if (parsed.ok) throw new Error("It was accepted.");
    expect(parsed.error.map((issue) => issue.path?.[0]).sort()).toEqual(Object.keys(wrong).sort());
    const told = parsed.error.map((issue) => issue.message).join("\n");
    for (const value of Object.values(wrong).filter(({ length }) => length > 5))
      expect(told).not.toContain(value);
  });

  it("takes a short admin token with a warning that does not repeat it", () => {
    expect(parseConfig({ TESSERA_ADMIN_TOKEN: "dev" })).toMatchObject({
      ok: true,
      value: { adminToken: "dev" },
    });
    expect(configWarnings({ ...DEFAULT_CONFIG, adminToken: TOKEN })).toEqual([]);
    const [warning = ""] = configWarnings({ ...DEFAULT_CONFIG, adminToken: "hunter2" });
    expect(warning).toContain("TESSERA_ADMIN_TOKEN");
    expect(warning).not.toContain("hunter2");
  });

  it("warns of tokens that were made for others", () => {
    const jwksUrl = "https://keys.example/jwks";
    expect(
      configWarnings({ ...DEFAULT_CONFIG, adminToken: TOKEN, jwt: { jwksUrl, audience: "tessera" } }),
    ).toEqual([]);
    expect(configWarnings({ ...DEFAULT_CONFIG, adminToken: TOKEN, jwt: { jwksUrl } })).toEqual([
      expect.stringContaining("TESSERA_JWT_AUDIENCE"),
    ]);
  });

  it("warns of an audit log that nobody keeps", () => {
    const given = {
      ...DEFAULT_CONFIG,
      adminToken: TOKEN,
      store: { kind: "mongodb", uri: "mongodb://a" },
    } as const;
    expect(configWarnings(given)).toEqual([expect.stringContaining("TESSERA_AUDIT_LOG")]);
    expect(configWarnings({ ...given, auditLog: "./audit.ndjson" })).toEqual([]);
  });

  it("reads the roles of a process", () => {
    const parsed = parseConfig({ TESSERA_ADMIN_TOKEN: TOKEN, TESSERA_ROLES: "deliver, collect" });
    expect(parsed).toMatchObject({ value: { roles: ["collect", "deliver"] } });
  });

  it("demands an admin token", () => {
    expect(parseConfig({})).toMatchObject({ ok: false, error: [{ code: "config.missing" }] });
  });
});
