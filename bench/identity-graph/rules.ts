import { defaultLinkingRules, type LinkingRules } from "@tessera/identity-graph";

/** Uniqueness, priorities, cap, a greatest number of addresses and a limit on new devices, all at once. */
export const everyRule: LinkingRules = {
  ...defaultLinkingRules,
  namespaces: defaultLinkingRules.namespaces.map((rule) =>
    rule.namespace === "Email"
      ? { ...rule, maxValues: 5 }
      : rule.namespace === "ECID"
        ? { ...rule, newValues: { count: 20, withinMs: 604_800_000 } }
        : rule,
  ),
};
