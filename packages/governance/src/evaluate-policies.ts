import type { Label } from "./label.ts";
import type { LabelLineage, LineageNode } from "./lineage.ts";
import type { MarketingAction } from "./marketing-action.ts";
import { deniedBy, type Policy } from "./policy.ts";

/** What is asked of the policies. */
export interface PolicyQuestion {
  readonly marketingActions: readonly MarketingAction[];
  readonly labels: readonly LabelLineage[];
  readonly policies: readonly Policy[];
  /** Also asks policies in draft, to see what they would deny. */
  readonly includeDraft?: boolean;
}

/** A policy that denies a marketing action, the labels it denies it for, and every way they came. */
export interface Violation {
  readonly policy: Pick<Policy, "id" | "name" | "status">;
  readonly marketingAction: MarketingAction;
  readonly labels: readonly Label[];
  /** Each from the label to the marketing action. */
  readonly lineages: readonly (readonly LineageNode[])[];
}

/**
 * Asks all policies at once; every violation is given, in the order of the policies and their marketing actions.
 * Adding a label never takes a violation away.
 */
export function evaluatePolicies(question: PolicyQuestion): readonly Violation[] {
  const { labels, policies, includeDraft = false } = question;
  const present = new Set(labels.map(({ label }) => label));
  if (present.size === 0) return [];
  const actions = new Set(question.marketingActions);
  const violations: Violation[] = [];
  for (const policy of policies) {
    if (policy.status === "DISABLED" || (policy.status === "DRAFT" && !includeDraft)) continue;
    const asked = policy.marketingActionRefs.filter((action) => actions.has(action));
    if (asked.length === 0) continue;
    const denied = deniedBy(policy.deny, present);
    if (!denied) continue;
    const ways = labels.filter(({ label }) => denied.has(label));
    for (const marketingAction of asked) {
      const last: LineageNode = { kind: "marketing-action", id: marketingAction };
      violations.push({
        policy: { id: policy.id, name: policy.name, status: policy.status },
        marketingAction,
        labels: [...denied].sort(),
        lineages: ways.map(({ lineage }) => [...lineage, last]),
      });
    }
  }
  return violations;
}

/** Labels without a known way, for questions such as "which policies would C2 violate". */
export function bareLabels(labels: readonly Label[]): readonly LabelLineage[] {
  return [...new Set(labels)].map((label) => ({ label, lineage: [{ kind: "label", id: label }] }));
}
