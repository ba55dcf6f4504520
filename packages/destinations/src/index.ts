export {
  type ActivationBatch,
  type ActivationItem,
  type ActivationTrigger,
  type AudienceBatch,
  type AudienceChange,
  type AudienceDefinitionChange,
  type FileBatch,
  type MappedAudience,
  type MappedIdentity,
  type ProfileBatch,
} from "./activation-batch.ts";
export { type FieldMapping, type MappingSource } from "./mapping.ts";
export {
  type AcceptedJob,
  type CatalogEntry,
  catalogEntry,
  type ConfiguredDestination,
  type DestinationCapabilities,
  type DestinationDefinition,
  type DestinationKind,
  type JobState,
  type PlanContext,
  type PollDefinition,
} from "./definition.ts";
export {
  describeRequest,
  type FileRequest,
  type FileTarget,
  type HeaderValue,
  type HttpRequest,
  type PlannedRequest,
  type RequestSignature,
  type SecretReference,
  type SettledItems,
} from "./planned-request.ts";
export {
  type FileStored,
  type HttpResponse,
  type RawResponse,
  retryAfterMs,
  type TransportFailure,
} from "./raw-response.ts";
export {
  type DeliveryOutcome,
  forEveryItem,
  type ItemVerdict,
  unexpectedResponse,
  verdictOfStatus,
} from "./outcome.ts";
export { checkSettings, SECRET_REFERENCE, settingsIssue } from "./settings.ts";
