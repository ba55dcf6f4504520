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
export { graphSize, type GraphSize } from "./graph-size.ts";
export type { GraphChange } from "./change.ts";
export { type Joined, link, type Linked, type LinkObservation, linkSilently } from "./link.ts";
export {
  blockIdentity,
  decisionsOf,
  type GraphDecision,
  type StandingDecisions,
  standingDecisions,
  unlink,
} from "./decision.ts";
export { firstGraph } from "./first-graph.ts";
export { replay } from "./replay.ts";
export { type BlockedValues, isBlockedValue } from "./block-list.ts";
export {
  defaultNamespaces,
  graphIdentities,
  type Namespace,
  type NamespaceRegistry,
  parseNamespaceRegistry,
} from "./namespaces.ts";
export { normalIdentity, validateIdentities, type ValidatedIdentities } from "./validate-identities.ts";
export { eventPrimary } from "./event-primary.ts";
export { type LinkExplanation, whyLinked } from "./why-linked.ts";
export {
  type SimulatedEvent,
  type SimulatedNamespace,
  type SimulatedRefusal,
  type SimulatedRemoval,
  simulateGraph,
  type Simulation,
  type SimulationResult,
} from "./simulate.ts";
export { parseSimulation, simulateText } from "./simulation-text.ts";
export { decodeGraph, encodeGraph } from "./encode-graph.ts";
export { createIdentityIndex, type IdentityIndex } from "./identity-index.ts";
export {
  addToRehearsal,
  type ClusterRehearsal,
  emptyRehearsal,
  type Rehearsal,
  rehearseCluster,
  type RehearsedCluster,
} from "./rehearse.ts";
