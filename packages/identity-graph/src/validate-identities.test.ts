import type { IdentityItem } from "@tessera/xdm";
import { describe, expect, it } from "vitest";
import {
  defaultNamespaces,
  graphIdentities,
  normalIdentity,
  parseNamespaceRegistry,
  validateIdentities,
} from "./index.ts";

const item = (namespace: string, id: string, more: Partial<IdentityItem> = {}): IdentityItem => ({
  namespace,
  id,
  authenticatedState: "ambiguous",
  primary: false,
  ...more,
});

const ECID = "12345678901234567890123456789012345678";
const HASH = "a".repeat(63) + "1";
const UUID = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

const accepted: readonly (readonly [string, string, string])[] = [
  ["ECID", ECID, ECID],
  ["ECID", ` ${ECID}`, ECID],
  ["Email", " Jane@Example.COM ", "jane@example.com"],
  ["Email_LC_SHA256", HASH.toUpperCase(), HASH],
  ["Phone", "(030) 123-456", "(030) 123-456"],
  ["Phone_E.164", "+49 (30) 123-456", "+4930123456"],
  ["Phone_SHA256", HASH, HASH],
  ["IDFA", UUID, UUID.toUpperCase()],
  ["GAID", UUID.toUpperCase(), UUID],
  ["CRMID", "Jane 1", "Jane 1"],
  ["CRMID", "10", "10"],
  ["CRMID", "x".repeat(1024), "x".repeat(1024)].map((text) => text.replaceAll("x", "y")) as [
    string,
    string,
    string,
  ],
  ["SESSION", "s-1", "s-1"],
];

const refused: readonly (readonly [string, string, string])[] = [
  ["ECID", "123", "identity.form"],
  ["ECID", `${ECID}0`, "identity.form"],
  ["ECID", "a".repeat(38), "identity.form"],
  ["ECID", "0".repeat(38), "identity.junk"],
  ["Email", "jane", "identity.form"],
  ["Email_LC_SHA256", "jane@example.com", "identity.form"],
  ["Phone_E.164", "030123456", "identity.form"],
  ["IDFA", "not-a-uuid", "identity.form"],
  ["IDFA", "00000000-0000-0000-0000-000000000000", "identity.junk"],
  ["CRMID", "y".repeat(1025), "identity.tooLong"],
  ["Unheard", "1", "identity.namespace"],
  ...[
    "null",
    "NULL",
    " null ",
    '"null"',
    "undefined",
    "anonymous",
    "Anonymous",
    "0",
    "000-000",
    "n/a",
    " ",
    "(not set)",
    "user_null",
    "[object Object]",
    "XXXX",
    "***",
  ].map((id) => ["CRMID", id, "identity.junk"] as const),
];

describe("validateIdentities", () => {
  it.each(accepted)("%s %j becomes %j", (namespace, id, normal) => {
    expect(validateIdentities([item(namespace, id)], defaultNamespaces)).toEqual({
      identities: [item(namespace, normal)],
      issues: [],
    });
  });

  it.each(refused)("%s %j is left out: %s", (namespace, id, code) => {
    const good = item("CRMID", "Jane");
    const { identities, issues } = validateIdentities([item(namespace, id), good], defaultNamespaces);
    expect(identities).toEqual([good]);
    expect(issues).toMatchObject([{ code, path: ["identityMap", namespace] }]);
    if (id.length > 4) expect(issues[0]?.message).not.toContain(id);
  });

  it("reads MCID and MID as ECID, and keeps the same identity once with the stronger state", () => {
    const { identities } = validateIdentities(
      [item("MCID", ECID), item("ECID", ECID, { authenticatedState: "authenticated", primary: true })],
      defaultNamespaces,
    );
    expect(identities).toEqual([item("ECID", ECID, { authenticatedState: "authenticated", primary: true })]);
  });

  it("takes 20 identities, the primary and authenticated ones before others, and reports the rest", () => {
    const many = Array.from({ length: 23 }, (_, index) => item("CRMID", `c${index}`));
    many[22] = item("CRMID", "c22", { primary: true });
    many[21] = item("CRMID", "c21", { authenticatedState: "authenticated" });
    const { identities, issues } = validateIdentities(many, defaultNamespaces);
    expect(identities.map(({ id }) => id)).toEqual([
      ...Array.from({ length: 18 }, (_, i) => `c${i}`),
      "c21",
      "c22",
    ]);
    expect(issues.map(({ code }) => code)).toEqual([
      "identity.tooMany",
      "identity.tooMany",
      "identity.tooMany",
    ]);
  });

  it("keeps partner and non-people identities as data but not for linking", () => {
    const registry = parseNamespaceRegistry({ namespaces: [{ code: "Partner1", type: "partner" }] });
    if (!registry.ok) throw new Error("registry");
    const { identities } = validateIdentities(
      [item("Partner1", "p"), item("AAM", "s"), item("CRMID", "c")],
      registry.value,
    );
    expect(identities).toHaveLength(3);
    expect(graphIdentities(identities, registry.value).map(({ namespace }) => namespace)).toEqual(["CRMID"]);
  });
});

describe("parseNamespaceRegistry", () => {
  it("adds custom namespaces, a block list, and what to do with unknown codes", () => {
    const registry = parseNamespaceRegistry({
      namespaces: [{ code: "loginID", type: "cross_device", name: "Login" }],
      unknown: "cookie",
      blocked: [{ values: ["Test@Test.com"] }, { namespace: "CRMID", patterns: ["qa-\\d+"] }],
    });
    if (!registry.ok) throw new Error("registry");
    const { identities, issues } = validateIdentities(
      [
        item("loginID", "a"),
        item("Other", "b"),
        item("Email", "test@test.com"),
        item("CRMID", "QA-12"),
        item("loginID", "qa-12"),
      ],
      registry.value,
    );
    expect(identities.map(({ namespace, id }) => `${namespace}:${id}`)).toEqual([
      "loginID:a",
      "Other:b",
      "loginID:qa-12",
    ]);
    expect(issues.map(({ code }) => code)).toEqual(["identity.blocked", "identity.blocked"]);
  });

  const blockedBy = (entry: object, namespace: string, id: string): boolean => {
    const registry = parseNamespaceRegistry({ blocked: [entry] });
    if (!registry.ok) throw new Error(JSON.stringify(registry.error));
    return validateIdentities([item(namespace, id)], registry.value).issues[0]?.code === "identity.blocked";
  };

  it.each([
    [{ namespace: "Phone_E.164", values: ["+49 30 123-456"] }, "Phone_E.164", "+49 30 123-456", true],
    [{ namespace: "Phone_E.164", values: ["+49 30 123-456"] }, "Phone_E.164", "+4930123456", true],
    [{ namespace: "Phone_E.164", values: ["+4930123456"] }, "Phone_E.164", "+49 (30) 123456", true],
    [{ values: ["+49 30 123-456"] }, "Phone_E.164", "+49 30 123-456", true],
    [{ namespace: "Phone_E.164", patterns: ["\\+49 .*"] }, "Phone_E.164", "+49 30 123-456", true],
    [{ namespace: "MCID", values: [ECID] }, "ECID", ECID, true],
    [{ namespace: "ECID", values: [ECID] }, "MID", ECID, true],
    [{ namespace: "CRMID", patterns: ["a|b"] }, "CRMID", "B", true],
    [{ namespace: "CRMID", patterns: ["a|b"] }, "CRMID", "ab", false],
    [{ namespace: "CRMID", patterns: ["test"] }, "CRMID", "tester", false],
    [{ namespace: "CRMID", patterns: ["\\u00c4.*"] }, "CRMID", "\u00e4hm", true],
  ])("the block list %j takes %s %j: %s", (entry, namespace, id, isBlocked) => {
    expect(blockedBy(entry, namespace, id)).toBe(isBlocked);
  });

  it("no value stalls a pattern", () => {
    // A backtracking engine would take longer than anyone waits.
    expect(blockedBy({ patterns: ["(a+)+", "(.*a){30}"] }, "CRMID", `${"a".repeat(1_000)}!`)).toBe(false);
  });

  it("names a value as records have it, though it is on the block list", () => {
    const registry = parseNamespaceRegistry({ blocked: [{ namespace: "Email", values: ["x@y.example"] }] });
    if (!registry.ok) throw new Error("registry");
    const named = (namespace: string, id: string) => normalIdentity({ namespace, id }, registry.value);
    expect(named("Email", " X@Y.example")).toEqual({ namespace: "Email", id: "x@y.example" });
    expect(named("MCID", ECID)).toEqual({ namespace: "ECID", id: ECID });
    expect(named("MCID", "1")).toEqual({ namespace: "MCID", id: "1" });
    expect(named("Unheard", " A ")).toEqual({ namespace: "Unheard", id: " A " });
  });

  it("says which pattern it does not take", () => {
    const parsed = parseNamespaceRegistry({ blocked: [{ namespace: "CRMID", patterns: ["fine", "(bad"] }] });
    expect(parsed).toMatchObject({ ok: false, error: [{ path: ["blocked", 0, "patterns", 1] }] });
  });

  it.each([
    [[], "namespaces.invalid"],
    [{ namespaces: [{ code: "ECID", type: "COOKIE" }] }, "namespaces.invalid"],
    [
      {
        namespaces: [
          { code: "a", type: "COOKIE" },
          { code: "a", type: "COOKIE" },
        ],
      },
      "namespaces.invalid",
    ],
    [{ namespaces: [{ code: "a:b", type: "COOKIE" }] }, "namespaces.invalid"],
    [{ namespaces: [{ code: "a", type: "PET" }] }, "namespaces.invalid"],
    [{ unknown: "maybe" }, "namespaces.invalid"],
    [{ blocked: [{ patterns: ["("] }] }, "namespaces.invalid"],
    [{ blocked: [{ patterns: ["a)|(b"] }] }, "namespaces.invalid"],
    [{ blocked: [{ patterns: ["(?=a).*"] }] }, "namespaces.invalid"],
    [{ blocked: [{ namespace: "CRMID", value: ["a"] }] }, "namespaces.invalid"],
    [{ blocked: [{ values: [1] }] }, "namespaces.invalid"],
  ])("%j is refused", (input, code) => {
    expect(parseNamespaceRegistry(input)).toMatchObject({ ok: false, error: [{ code }] });
  });

  it("lets a sandbox define CRMID itself", () => {
    expect(parseNamespaceRegistry({ namespaces: [{ code: "CRMID", type: "CROSS_DEVICE" }] }).ok).toBe(true);
  });
});
