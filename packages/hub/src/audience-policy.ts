import type { MergePolicy } from "@tessera/profile-store";
import type { EvaluationType, Issue } from "@tessera/xdm";
import type { Configuration, StoredAudience } from "./configuration.ts";

/**
 * The merge policy that an audience is evaluated under: continuous ones under the one that is active on edge, batch ones
 * under their own or the default (domain facts of merge policies).
 */
export function policyOf(
  { evaluation, mergePolicyId }: Pick<StoredAudience, "evaluation" | "mergePolicyId">,
  { policy, edgePolicy, policies }: Pick<Configuration, "policy" | "edgePolicy" | "policies">,
): MergePolicy {
  if (evaluation !== "batch") return edgePolicy;
  return policies.find(({ id }) => id === mergePolicyId) ?? policy;
}

/** What speaks against evaluating an audience in this way under this merge policy. */
export function policyIssue(
  mergePolicyId: string | undefined,
  evaluation: EvaluationType,
  { policies, edgePolicy }: Pick<Configuration, "policies" | "edgePolicy">,
): Issue | undefined {
  if (mergePolicyId === undefined) return undefined;
  const code = "audience.mergePolicy";
  const path = ["mergePolicyId"];
  if (!policies.some(({ id }) => id === mergePolicyId)) {
    return {
      code,
      path,
      message: "mergePolicyId: no such merge policy in this sandbox. Leave it out for the default.",
    };
  }
  if (evaluation === "batch" || mergePolicyId === edgePolicy.id) return undefined;
  const message = `An audience of ${evaluation} evaluation uses the merge policy that is active on edge, ${edgePolicy.name}. Name that one, or choose batch evaluation.`;
  return { code, path, message };
}
