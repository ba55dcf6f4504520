export { compareSteps, type Moment, type Step } from "./moment.ts";
export {
  buildsGraph,
  defaultLinkingRules,
  type LinkingRules,
  type NamespaceRule,
  type NewValuesLimit,
  parseIdentityType,
  parseLinkingRules,
} from "./linking-rules.ts";
export {
  clusterNeighbours,
  type Graph,
  type GraphIdentity,
  type GraphLink,
  type KeptApart,
  type Pair,
  personAnchor,
  type RemovalReason,
  type RemovedLink,
} from "./graph.ts";
export type { GraphChange } from "./change.ts";
export { link, type Linked, type LinkObservation } from "./link.ts";
export { blockIdentity, decisionsOf, type GraphDecision, unlink } from "./decision.ts";
export { replay } from "./replay.ts";
