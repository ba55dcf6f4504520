import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  bareLabels,
  CORE_LABELS,
  CORE_MARKETING_ACTIONS,
  CORE_POLICIES,
  deniedBy,
  enableCorePolicies,
  evaluatePolicies,
  type Label,
  parseLabel,
  parseMarketingAction,
  parsePolicy,
  type Policy,
  type PolicyExpression,
} from "./index.ts";

/** Label -> the marketing actions it denies once the core policies are enabled; every other pair is permitted. */
const DENIED: { readonly [label: string]: readonly string[] } = {
  C2: ["exportToThirdParty"],
  C3: ["combineWithPii"],
  C4: ["crossSiteTargeting", "onsiteAdvertising", "onsitePersonalization"],
  C5: ["crossSiteTargeting"],
  C6: ["onsiteAdvertising"],
  C7: ["onsitePersonalization"],
  C8: ["analytics"],
  C9: ["dataScience"],
  C10: ["singleIdentityPersonalization"],
  C11: ["segmentMatch"],
  C12: ["exportToThirdParty"],
};

const PAIRS = CORE_LABELS.flatMap(({ code }) =>
  CORE_MARKETING_ACTIONS.map(({ name }) => [code, name, DENIED[code]?.includes(name) ?? false] as const),
);

it("the table holds every label and every marketing action once", () => {
  expect(PAIRS).toHaveLength(19 * 10);
  expect(PAIRS.filter(([, , denied]) => denied)).toHaveLength(13);
});

it.each(PAIRS)("%s for %s is denied: %s", (code, name, denied) => {
  const question = { marketingActions: [`core/${name}`], labels: bareLabels([`core/${code}`]) };
  const violations = evaluatePolicies({ ...question, policies: enableCorePolicies(CORE_POLICIES) });
  expect(violations.length > 0).toBe(denied);
  for (const { labels, lineages, marketingAction } of violations) {
    expect(labels).toEqual([`core/${code}`]);
    expect(marketingAction).toBe(`core/${name}`);
    expect(lineages[0]?.map(({ kind }) => kind)).toEqual(["label", "marketing-action"]);
  }
  expect(evaluatePolicies({ ...question, policies: CORE_POLICIES })).toEqual([]);
});

it("one switch can also enable some policies only", () => {
  const some = enableCorePolicies(CORE_POLICIES, ["corepolicy_0003"]);
  expect(some.filter(({ status }) => status === "ENABLED").map(({ id }) => id)).toEqual(["corepolicy_0003"]);
});

it("policies in draft answer only when asked for", () => {
  const policies: Policy[] = [
    { id: "p", name: "P", status: "DRAFT", marketingActionRefs: ["custom/sms"], deny: { label: "custom/x" } },
  ];
  const question = { marketingActions: ["custom/sms"], labels: bareLabels(["custom/x"]), policies };
  expect(evaluatePolicies(question)).toEqual([]);
  expect(evaluatePolicies({ ...question, includeDraft: true })).toMatchObject([
    { policy: { status: "DRAFT" } },
  ]);
});

const label = fc.constantFrom<Label>("core/C1", "core/C2", "core/C3", "core/C4", "custom/a", "custom/b");
const { expression } = fc.letrec<{ expression: PolicyExpression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    label.map((label) => ({ label })),
    fc.record({
      operator: fc.constantFrom("AND" as const, "OR" as const),
      operands: fc.array(tie("expression"), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

it("adding a label never permits more", () => {
  const policy = fc.record({
    id: fc.string({ minLength: 1 }),
    name: fc.constant("P"),
    status: fc.constantFrom("ENABLED" as const, "DRAFT" as const, "DISABLED" as const),
    marketingActionRefs: fc.uniqueArray(fc.constantFrom("core/analytics", "custom/sms"), { minLength: 1 }),
    deny: expression,
  });
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 4 }),
      fc.uniqueArray(label),
      label,
      (policies, labels, more) => {
        const ask = (labels: readonly Label[]): readonly string[] =>
          evaluatePolicies({
            marketingActions: ["core/analytics", "custom/sms"],
            labels: bareLabels(labels),
            policies,
          }).map(({ policy, marketingAction }) => `${policy.id} ${marketingAction}`);
        expect(ask([...labels, more])).toEqual(expect.arrayContaining([...ask(labels)]));
      },
    ),
    { numRuns: 300 },
  );
});

it("an expression names only labels that are there, and denies by them alone", () => {
  fc.assert(
    fc.property(expression, fc.uniqueArray(label), (expression, labels) => {
      const denied = deniedBy(expression, new Set(labels));
      if (!denied) return;
      expect(labels).toEqual(expect.arrayContaining([...denied]));
      expect(deniedBy(expression, denied)).toEqual(denied);
    }),
    { numRuns: 300 },
  );
});

it.each<readonly [PolicyExpression, readonly Label[], readonly Label[] | undefined]>([
  [{ label: "core/C1" }, [], undefined],
  [{ operator: "AND", operands: [{ label: "core/C1" }, { label: "core/C2" }] }, ["core/C1"], undefined],
  [
    { operator: "AND", operands: [{ label: "core/C1" }, { label: "core/C2" }] },
    ["core/C2", "core/C1"],
    ["core/C1", "core/C2"],
  ],
  [{ operator: "OR", operands: [{ label: "core/C1" }, { label: "core/C2" }] }, ["core/C2"], ["core/C2"]],
  [
    {
      operator: "OR",
      operands: [
        { label: "core/C1" },
        { operator: "AND", operands: [{ label: "core/C2" }, { label: "core/C3" }] },
      ],
    },
    ["core/C2"],
    undefined,
  ],
])("%j of %j", (expression, labels, expected) => {
  const denied = deniedBy(expression, new Set(labels));
  expect(denied && [...denied]).toEqual(expected);
});

it.each([
  ["C1", "core/C1"],
  ["core/C12", "core/C12"],
  ["core/c12", "core/C12"],
  ["third-party", "core/Third-Party"],
  ["RHD", "core/RHD"],
  ["custom/board-only", "custom/board-only"],
  ["board-only", "custom/board-only"],
  ["custom/C1", "custom/C1"],
  ["core/C13", undefined],
  ["other/C1", undefined],
  ["other/x", undefined],
  ["", undefined],
  ["custom/", undefined],
  ["custom/a b", undefined],
  [7, undefined],
])("label %j reads as %s", (input, expected) => {
  const label = parseLabel(input);
  expect(label.ok ? label.value : undefined).toBe(expected);
  if (!label.ok) expect(label.error.code).toBe("label.invalid");
});

it.each([
  ["emailTargeting", "core/emailTargeting"],
  ["/marketingActions/core/emailTargeting", "core/emailTargeting"],
  ["https://platform.test/data/foundation/dulepolicy/marketingActions/custom/sms", "custom/sms"],
  ["core/emailtargeting", "core/emailTargeting"],
  ["sms", "custom/sms"],
  ["core/sms", undefined],
  ["custom/a/b", undefined],
  [null, undefined],
])("marketing action %j reads as %s", (input, expected) => {
  const action = parseMarketingAction(input);
  expect(action.ok ? action.value : undefined).toBe(expected);
});

it("a policy of the policy API is read", () => {
  const policy = parsePolicy({
    id: "corepolicy_0003",
    name: "Across sites",
    status: "ENABLED",
    marketingActionRefs: ["https://platform.test/marketingActions/core/crossSiteTargeting"],
    deny: { operator: "OR", operands: [{ label: "C4" }, { label: "C5" }] },
  });
  expect(policy).toMatchObject({
    ok: true,
    value: {
      marketingActionRefs: ["core/crossSiteTargeting"],
      deny: { operator: "OR", operands: [{ label: "core/C4" }, { label: "core/C5" }] },
    },
  });
});

it("everything wrong with a policy is told at once", () => {
  const policy = parsePolicy({
    id: "",
    status: "ON",
    marketingActionRefs: ["core/none"],
    deny: {
      operator: "AND",
      operands: [{ operator: "NOT", operands: [] }, { operator: "OR", operands: [] }, { label: 3 }],
    },
  });
  expect(policy.ok ? [] : policy.error.map(({ code, path }) => `${code} ${path?.join(".")}`)).toEqual([
    "policy.shape id",
    "policy.shape name",
    "policy.shape status",
    "marketingAction.invalid marketingActionRefs.0",
    "policy.expression deny.operands.0.operator",
    "policy.expression deny.operands.1.operands",
    "label.invalid deny.operands.2.label",
  ]);
});

it("an expression nested without end is refused", () => {
  let deny: object = { label: "C1" };
  for (let depth = 0; depth < 100; depth += 1) deny = { operator: "AND", operands: [deny] };
  const policy = parsePolicy({ id: "p", name: "P", marketingActionRefs: ["sms"], deny });
  expect(policy).toMatchObject({ ok: false, error: [{ code: "policy.expression" }] });
});
