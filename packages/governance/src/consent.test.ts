import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  activationConsent,
  CONSENT_CODES,
  type ConsentCode,
  consentDecision,
  consentEffect,
  type ConsentPolicy,
  type ConsentQuestion,
  coreConsentPolicies,
  isOptedOut,
  parseConsents,
} from "./index.ts";

const CODES = Object.keys(CONSENT_CODES) as ConsentCode[];

it.each([
  ["y", true, true],
  ["n", false, false],
  ["p", true, false],
  ["u", true, false],
  ["li", true, true],
  ["ct", true, true],
  ["cp", true, true],
  ["vi", true, true],
  ["pi", true, true],
  ["dy", true, true],
  ["dn", false, false],
  ["VI", true, true],
] as const)("%s is permitted where opting out is asked: %s, where opting in is: %s", (val, optOut, optIn) => {
  const consents = { share: { val } };
  expect(consentDecision(consents, { purpose: "share" })).toMatchObject({
    permitted: optOut,
    because: "share",
  });
  expect(consentDecision(consents, { purpose: "share", undecided: "refuse" }).permitted).toBe(optIn);
});

const jane = { namespace: "Email", id: "jane@example.test" };
const email: ConsentQuestion = { purpose: "marketing", channel: "email" };
const specific = (val: string, channel = "email"): object => ({
  email: { "jane@example.test": { marketing: { [channel]: { val } } } },
});

it.each<readonly [string, unknown, ConsentQuestion, boolean, string]>([
  ["nothing said", undefined, email, true, "none"],
  ["nothing said, opt-in", {}, { ...email, undecided: "refuse" }, false, "none"],
  ["the channel", { marketing: { email: { val: "n" } } }, email, false, "marketing.email"],
  ["another channel", { marketing: { sms: { val: "n" } } }, email, true, "none"],
  [
    "any refuses the channel",
    { marketing: { any: { val: "n" }, email: { val: "y" } } },
    email,
    false,
    "marketing.any",
  ],
  [
    "any grants, the channel refuses",
    { marketing: { any: { val: "y" }, email: { val: "n" } } },
    email,
    false,
    "marketing.email",
  ],
  [
    "any grants an undecided channel",
    { marketing: { any: { val: "y" }, email: { val: "p" } } },
    { ...email, undecided: "refuse" },
    true,
    "marketing.any",
  ],
  ["any for a channel without its own", { marketing: { any: { val: "dn" } } }, email, false, "marketing.any"],
  [
    "a default no gives way to a channel",
    { marketing: { any: { val: "dn" }, email: { val: "y" } } },
    email,
    true,
    "marketing.email",
  ],
  [
    "no channel asks any",
    { marketing: { any: { val: "n" }, email: { val: "y" } } },
    { purpose: "marketing" },
    false,
    "marketing.any",
  ],
  [
    "personal content",
    { personalize: { content: { val: "n" } } },
    { purpose: "personalize" },
    false,
    "personalize.content",
  ],
  ["advertiser id", { adID: { val: "n", idType: "IDFA" } }, { purpose: "adID" }, false, "adID"],
  [
    "one address refuses",
    { marketing: { email: { val: "y" } }, idSpecific: specific("n") },
    { ...email, identity: jane },
    false,
    "idSpecific.Email.marketing.email",
  ],
  [
    "one address refuses, another is asked",
    { marketing: { email: { val: "y" } }, idSpecific: specific("n") },
    { ...email, identity: { ...jane, id: "other@example.test" } },
    true,
    "marketing.email",
  ],
  [
    "the person refuses, one address does not",
    { marketing: { email: { val: "n" } }, idSpecific: specific("y") },
    { ...email, identity: jane },
    false,
    "marketing.email",
  ],
  [
    "the person has a default no, one address grants",
    { marketing: { email: { val: "dn" } }, idSpecific: specific("y") },
    { ...email, identity: jane },
    true,
    "idSpecific.Email.marketing.email",
  ],
  [
    "one address refuses all marketing",
    { marketing: { email: { val: "y" } }, idSpecific: specific("n", "any") },
    { ...email, identity: jane },
    false,
    "idSpecific.Email.marketing.any",
  ],
  [
    "an unknown code is no answer",
    { share: { val: "maybe" } },
    { purpose: "share", undecided: "refuse" },
    false,
    "none",
  ],
  ["a shape that cannot be read", { share: "y" }, { purpose: "share", undecided: "refuse" }, false, "none"],
  ["an inherited property is no answer", {}, { purpose: "marketing", channel: "constructor" }, true, "none"],
])("%s", (...[, consents, question, permitted, because]) => {
  expect(consentDecision(consents, question)).toMatchObject({ permitted, because });
});

it("an explicit refusal of the person is never overruled", () => {
  const code = fc.constantFrom(...CODES);
  fc.assert(
    fc.property(code, code, code, (one, two, three) => {
      const consents = {
        marketing: { any: { val: "n" }, email: { val: one } },
        idSpecific: {
          Email: { "jane@example.test": { marketing: { any: { val: two }, email: { val: three } } } },
        },
      };
      expect(consentDecision(consents, { ...email, identity: jane }).permitted).toBe(false);
    }),
  );
});

it.each([
  [undefined, false],
  [{}, false],
  [{ collect: { val: "y" } }, false],
  [{ collect: { val: "N" } }, true],
  [{ collect: { val: "dn" } }, true],
  [{ share: { val: "n" } }, false],
  [{ collect: { val: "p" } }, false],
])("opted out with %j: %s", (consents, expected) => {
  expect(isOptedOut(consents)).toBe(expected);
});

it("an organisation may leave out those who refuse sharing", () => {
  expect(isOptedOut({ share: { val: "n" } }, ["collect", "share"])).toBe(true);
});

it("consents are read, with every code in any case", () => {
  const consents = {
    collect: { val: "VI" },
    adID: { val: "y", idType: "IDFA" },
    personalize: { content: { val: "y" } },
    marketing: { preferred: "email", any: { val: "u" }, push: { val: "n", reason: "too frequent" } },
    idSpecific: { ECID: { "1": { share: { val: "n" } } } },
    metadata: { time: "2026-01-01T00:00:00Z" },
  };
  expect(parseConsents(consents)).toEqual({ ok: true, value: consents });
});

it("everything wrong with consents is told, and no identity is named", () => {
  const consents = parseConsents({
    collect: "y",
    share: { val: "x" },
    personalize: [],
    marketing: { email: { val: "n", reason: "far too long a reason" }, sms: {} },
    idSpecific: { Email: { "jane@example.test": { share: { val: "?" } } }, ECID: 1 },
  });
  const issues = consents.ok ? [] : consents.error;
  expect(issues.map(({ code, path }) => `${code} ${path?.join(".")}`)).toEqual([
    "consent.shape collect",
    "consent.value share.val",
    "consent.shape personalize",
    "consent.value marketing.email.reason",
    "consent.value marketing.sms.val",
    "consent.value idSpecific.Email.0.share.val",
    "consent.shape idSpecific.ECID",
  ]);
  expect(JSON.stringify(issues)).not.toContain("jane");
});

const mailPolicy: ConsentPolicy = {
  id: "mail",
  name: "Mail only with consent",
  status: "ENABLED",
  marketingActions: ["core/emailTargeting"],
  requires: [{ purpose: "marketing", channel: "email" }, { purpose: "share" }],
  undecided: "refuse",
};
const granted = { marketing: { email: { val: "y" } }, share: { val: "y" } };

it.each([
  ["granted", granted, ["core/emailTargeting"], true],
  ["one of two uses refused", { ...granted, share: { val: "n" } }, ["core/emailTargeting"], false],
  ["undecided", {}, ["core/emailTargeting"], false],
  ["another marketing action", {}, ["core/analytics"], true],
])("activation with a consent policy: %s", (_, consents, marketingActions, permitted) => {
  expect(activationConsent({ consents, marketingActions, policies: [mailPolicy] }).permitted).toBe(permitted);
  const disabled = [{ ...mailPolicy, status: "DISABLED" as const }];
  expect(activationConsent({ consents, marketingActions, policies: disabled }).permitted).toBe(true);
});

it("a refusal names the policy, the use and the answer", () => {
  const consents = { ...granted, share: { val: "n" } };
  expect(
    activationConsent({ consents, marketingActions: ["core/emailTargeting"], policies: [mailPolicy] }),
  ).toEqual({
    permitted: false,
    policy: { id: "mail", name: "Mail only with consent" },
    use: { purpose: "share" },
    decision: { permitted: false, because: "share", code: "n" },
  });
});

it("the shipped consent policies are disabled, and serve the actions that need a consent", () => {
  const policies = coreConsentPolicies(["core/emailTargeting", "core/combineWithPii", "custom/sms"]);
  expect(policies).toMatchObject([
    {
      id: "coreconsent_emailTargeting",
      status: "DISABLED",
      requires: [{ purpose: "marketing", channel: "email" }],
    },
  ]);
});

it("a withdrawn consent closes the dataflows concerned, and no other", () => {
  const dataflows = [
    { id: "mail", marketingActions: ["core/emailTargeting"] },
    { id: "site", marketingActions: ["core/onsitePersonalization"] },
    { id: "partner", marketingActions: ["core/exportToThirdParty"] },
  ];
  const actions = dataflows.flatMap(({ marketingActions }) => marketingActions);
  const policies = coreConsentPolicies(actions).map((policy) => ({ ...policy, status: "ENABLED" as const }));
  const before = { marketing: { email: { val: "y" } }, share: { val: "n" } };
  const after = { marketing: { email: { val: "n" } }, share: { val: "y" } };
  expect(consentEffect(before, after, { dataflows, policies })).toEqual({
    exits: ["mail"],
    entries: ["partner"],
  });
  expect(consentEffect(before, before, { dataflows, policies })).toEqual({ exits: [], entries: [] });
  const one = { ...before, idSpecific: specific("n") };
  const identityOf = (id: string): typeof jane | undefined => (id === "mail" ? jane : undefined);
  expect(consentEffect(before, one, { dataflows, policies })).toEqual({ exits: [], entries: [] });
  expect(consentEffect(before, one, { dataflows, policies, identityOf })).toEqual({
    exits: ["mail"],
    entries: [],
  });
});
