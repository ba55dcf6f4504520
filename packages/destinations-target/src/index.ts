export {
  type Activity,
  type AudienceCondition,
  audiencesOf,
  DOM_ACTIONS,
  type DomAction,
  type DomActionType,
  type Experience,
  type Location,
  locationKey,
  type Offer,
} from "./activity.ts";
export { parseActivity, readActivities } from "./parse-activity.ts";
export {
  DEFAULT_WORKSPACE,
  NO_DATASTREAM,
  workspaceOf,
  workspaceReach,
  type WorkspaceReach,
  workspacesOfProperty,
} from "./workspace.ts";
export { allocationOf } from "./allocation.ts";
export {
  type ActivityIndex,
  decide,
  type DecideRequest,
  type Decision,
  indexActivities,
  type Visitor,
} from "./decide.ts";
export { locationsOfScopes, toPropositions, VIEW_SCOPE } from "./propositions.ts";
export { fillTokens, tokenPaths } from "./tokens.ts";
export { eventToken, type EventTokenContent, readEventToken } from "./event-token.ts";
export {
  type DeliveryAnswer,
  type DeliveryContext,
  type DeliveryProfile,
  handleDelivery,
} from "./handle-delivery.ts";
export { propositionEvents } from "./proposition-events.ts";
export {
  type DeliveryIds,
  type DeliveryNotification,
  type DeliveryRefusal,
  type DeliveryRequest,
  type LocationRequest,
  type MboxRequest,
  parseDeliveryRequest,
} from "./delivery-request.ts";
export { type ArtifactInput, decisioningArtifact } from "./artifact.ts";
export {
  checkConnection,
  type ConnectionCheck,
  targetConnection,
  type TargetProfile,
  targetProfile,
  type TargetSettings,
} from "./connection.ts";
export {
  checkActivityAudiences,
  checkRemoval,
  checkTargetDataflow,
  type TargetDataflowCheck,
} from "./target-rules.ts";
export {
  explainTargetMode,
  TARGET_CLIENTS,
  type TargetClient,
  type TargetDatastream,
  type TargetMode,
  targetMode,
  type TargetModeReason,
} from "./mode.ts";
export { AUDIENCES_PARAMETER, targetOutbound, type TargetOutboundSettings } from "./outbound.ts";
export { TARGET_ERRORS } from "./errors.ts";
export { type AnsweredRequest, requestLogItem } from "./request-log.ts";
