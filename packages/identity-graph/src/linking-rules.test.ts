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
    [
      "a window of no time",
      { namespaces: [rule("A", "EMAIL", 1, { newValues: { count: 1, withinDays: 0 } })] },
      "rules.limit",
    ],
    ["a misspelt field", { namespaces: [rule("A", "EMAIL", 1, { uniqe: true })] }, "rules.field"],
    ["a misspelt cap", { namespaces: [], capp: 40 }, "rules.field"],
    ["a list that is none", { namespaces: null }, "rules.shape"],
    ["a colon in the code", { namespaces: [rule("a:b", "EMAIL", 1)] }, "rules.namespace"],
  ])("refuses %s", (_, input, code) => {
    expect(parseLinkingRules(input)).toMatchObject({ ok: false, error: [{ code }] });
  });
});

describe("a window in days", () => {
  it.each([0.07, 0.1, 0.7, 1 / 24, 1.1, 2.3, 7, 30.4])(
    "of %d is taken, though its milliseconds are no exact number",
    (withinDays) => {
      const parsed = parseLinkingRules({
        namespaces: [rule("A", "EMAIL", 1, { newValues: { count: 1, withinDays } })],
      });
      const withinMs = Math.round(withinDays * 86_400_000);
      expect(parsed).toMatchObject({
        ok: true,
        value: { namespaces: [{ newValues: { count: 1, withinMs } }] },
      });
    },
  );
});

describe("rules that do not go together", () => {
  it.each([
    [
      [rule("ECID", "COOKIE", 1), rule("CRMID", "CROSS_DEVICE", 2)],
      "linking rules, namespaces.ECID: expected a priority below that of the person namespace CRMID (a number above 2), as its type is COOKIE, got 1.",
    ],
    [
      [rule("A", "EMAIL", 4), rule("B", "PHONE", 4)],
      "linking rules, namespaces.B: expected a priority of its own, got 4, which A has.",
    ],
    [
      [rule("A", "EMAIL", 1), rule("A", "EMAIL", 1)],
      "linking rules, namespaces.A: expected one rule for it, got another one.",
    ],
    [
      [rule("A", "EMAIL", 1, { uniqe: true })],
      "linking rules, namespaces.0: expected only namespace, type, unique, priority, maxValues, newValues, got the field uniqe.",
    ],
  ])("are told by name and number", (namespaces, message) => {
    const parsed = parseLinkingRules({ namespaces });
    const told = parsed.ok ? [] : parsed.error.map((issue) => issue.message);
    expect(told).toEqual([`${message} Nothing was changed; correct it and send the rules again.`]);
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
