import type { Label } from "./label.ts";
import type { Policy, PolicyExpression } from "./policy.ts";

/**
 * The policies every organisation starts with, all disabled, as documented. The pairs of label and marketing action
 * follow the meaning of the labels; `exportToThirdParty` denies what may not leave, and C4 stands for C5 to C7.
 */
export const CORE_POLICIES: readonly Policy[] = [
  core(1, "Export to third parties", "exportToThirdParty", ["core/C2", "core/C12"]),
  core(2, "Combine with directly identifiable data", "combineWithPii", ["core/C3"]),
  core(3, "Target across sites", "crossSiteTargeting", ["core/C4", "core/C5"]),
  core(4, "Advertise on the site", "onsiteAdvertising", ["core/C4", "core/C6"]),
  core(5, "Personalise the site", "onsitePersonalization", ["core/C4", "core/C7"]),
  core(6, "Measure", "analytics", ["core/C8"]),
  core(7, "Do data science", "dataScience", ["core/C9"]),
  core(8, "Personalise by a single identity", "singleIdentityPersonalization", ["core/C10"]),
  core(9, "Match segments with partners", "segmentMatch", ["core/C11"]),
];

/** The core policies that `enableCorePolicies` switches on when no other set is named: all of them. */
export const SANE_CORE_POLICIES: readonly string[] = CORE_POLICIES.map(({ id }) => id);

/** The one switch: the same policies, with those named in `ids` enabled. Policies not named keep their status. */
export function enableCorePolicies(
  policies: readonly Policy[],
  ids: readonly string[] = SANE_CORE_POLICIES,
): readonly Policy[] {
  const chosen = new Set(ids);
  return policies.map((policy) => (chosen.has(policy.id) ? { ...policy, status: "ENABLED" } : policy));
}

function core(number: number, name: string, action: string, labels: readonly Label[]): Policy {
  const deny: PolicyExpression =
    labels.length === 1
      ? { label: labels[0] ?? "" }
      : { operator: "OR", operands: labels.map((label) => ({ label })) };
  return {
    id: `corepolicy_${String(number).padStart(4, "0")}`,
    name,
    status: "DISABLED",
    marketingActionRefs: [`core/${action}`],
    deny,
  };
}
