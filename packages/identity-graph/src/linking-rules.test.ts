import { describe, expect, it } from "vitest";
import { defaultLinkingRules, eventPrimary, parseLinkingRules } from "./index.ts";

const rule = (namespace: string, type: string, priority: unknown, more: object = {}): object => ({
  namespace,
  type,
  priority,
  ...more,
});

describe("parseLinkingRules", () => {
  it("accepts the default rules as they are", () => {
    expect(parseLinkingRules(defaultLinkingRules)).toEqual({ ok: true, value: defaultLinkingRules });
  });

  it("orders by priority, fills in defaults and reads limits", () => {
    const parsed = parseLinkingRules({
      namespaces: [
        rule("ECID", "cookie", 5),
        rule("Phone", "PHONE", 2, { newValues: { count: 2, withinDays: 7 } }),
        rule("CRMID", "CROSS_DEVICE", 1, { unique: true, maxValues: 3 }),
      ],
    });
    expect(parsed).toEqual({
      ok: true,
      value: {
        namespaces: [
          { namespace: "CRMID", type: "CROSS_DEVICE", unique: true, priority: 1, maxValues: 3 },
          {
            namespace: "Phone",
            type: "PHONE",
            unique: false,
            priority: 2,
            newValues: { count: 2, withinMs: 604_800_000 },
          },
          { namespace: "ECID", type: "COOKIE", unique: false, priority: 5 },
        ],
        cap: 50,
        removedKept: 200,
      },
    });
  });

  it.each([
    ["no list", {}, "rules.shape"],
    [
      "a cookie above a person",
      { namespaces: [rule("ECID", "COOKIE", 1), rule("CRMID", "CROSS_DEVICE", 2)] },
      "rules.rank",
    ],
    [
      "a device above an e-mail",
      {
        namespaces: [rule("CRMID", "CROSS_DEVICE", 1), rule("IDFA", "DEVICE", 2), rule("Email", "EMAIL", 3)],
      },
      "rules.rank",
    ],
    ["one priority twice", { namespaces: [rule("A", "EMAIL", 1), rule("B", "EMAIL", 1)] }, "rules.priority"],
    [
      "one namespace twice",
      { namespaces: [rule("A", "EMAIL", 1), rule("A", "EMAIL", 2)] },
      "rules.duplicate",
    ],
    ["priority 0", { namespaces: [rule("A", "EMAIL", 0)] }, "rules.priority"],
    ["no priority", { namespaces: [rule("A", "EMAIL", undefined)] }, "rules.priority"],
    ["a wrong type", { namespaces: [rule("A", "PERSON", 1)] }, "rules.type"],
    ["a wrong unique", { namespaces: [rule("A", "EMAIL", 1, { unique: "yes" })] }, "rules.unique"],
    ["a wrong limit", { namespaces: [rule("A", "EMAIL", 1, { maxValues: 0 })] }, "rules.limit"],
    ["a wrong window", { namespaces: [rule("A", "EMAIL", 1, { newValues: { count: 1 } })] }, "rules.limit"],
    ["a cap of 1", { namespaces: [], cap: 1 }, "rules.limit"],
    ["a colon in the code", { namespaces: [rule("a:b", "EMAIL", 1)] }, "rules.namespace"],
  ])("refuses %s", (_, input, code) => {
    expect(parseLinkingRules(input)).toMatchObject({ ok: false, error: [{ code }] });
  });
});

describe("eventPrimary", () => {
  const of = (
    namespace: string,
    id: string,
    authenticatedState: "ambiguous" | "authenticated" = "ambiguous",
  ) => ({
    namespace,
    id,
    authenticatedState,
    primary: namespace === "ECID",
  });

  it.each([
    ["by priority, whatever is marked primary", [of("ECID", "1"), of("CRMID", "j")], "j"],
    ["then the authenticated one", [of("CRMID", "a"), of("CRMID", "b", "authenticated")], "b"],
    ["then in code-unit order", [of("CRMID", "b"), of("CRMID", "a")], "a"],
    ["a namespace without a rule comes last", [of("Mystery", "m"), of("ECID", "1")], "1"],
    ["none at all", [], undefined],
  ])("%s", (_, identities, id) => {
    expect(eventPrimary(identities, defaultLinkingRules)?.id).toBe(id);
  });

  it("passes over namespaces that build no graph", () => {
    const rules = {
      ...defaultLinkingRules,
      namespaces: [{ namespace: "P", type: "PARTNER", unique: false, priority: 1 } as const],
    };
    expect(eventPrimary([of("P", "1")], rules)).toBeUndefined();
  });
});
