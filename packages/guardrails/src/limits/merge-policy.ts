/** Limits of merge policies. */
export const MERGE_POLICY_LIMITS = [
  {
    id: "merge-policy.policies",
    title: "Merge policies in one sandbox",
    value: 5,
    unit: "merge policies",
    kind: "hard",
    effect: "The policy is refused: scheduled segmentation is not available beyond it.",
    whatToDo: "Delete a merge policy that no audience uses.",
    source: "profile/guardrails",
    least: 1,
    most: 20,
  },
  {
    id: "merge-policy.active-on-edge",
    title: "Merge policies active on edge",
    value: 1,
    unit: "merge policies",
    kind: "hard",
    effect: "The second one is refused: edge audiences have one view of a person.",
    whatToDo: "Switch the other one off first.",
    source: "segmentation/edge",
  },
] as const;
