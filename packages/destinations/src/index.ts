export {
  audienceKey,
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
export {
  type Backlog,
  type DeadLetter,
  type DeadLetterQuery,
  type DeadLetters,
  type DeliveryLog,
  type DeliveryLogEntry,
  type DeliveryLogQuery,
  type DeliveryStore,
  type FinishedItem,
  type LeasedItem,
  type LeaseRequest,
  logEntry,
  type Outbox,
  type OutboxItem,
  type OutboxPayload,
  type Pause,
  personOf,
  rowKey,
  type Settlement,
} from "./outbox.ts";
export { createMemoryOutbox } from "./memory-outbox.ts";
export { createDeliveryEngine, type DeliveryEngine, type DeliveryRound } from "./deliver.ts";
export { type DeliveryOptions, type DeliveryPorts } from "./delivery-round.ts";
export { type BatchLimits, type DataflowContent } from "./delivery-batches.ts";
export { type DestinationMetrics } from "./delivery-metrics.ts";
export { perform, type Performed, type Send, type Sleep } from "./perform.ts";
export { backoffMs, DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
export {
  type Breaker,
  breakerAfter,
  breakerAt,
  type BreakerPolicy,
  CLOSED,
  DEFAULT_BREAKER,
} from "./circuit-breaker.ts";
export { fullBucket, takeToken, type TokenBucket } from "./rate-limit.ts";
export { httpProfileExport, type HttpProfileExportSettings, profilePayload } from "./http-profile-export.ts";
export { activeAt, type Dataflow, type DataflowAudience, mappingOf } from "./dataflow.ts";
export { busiestHour, exportHours, type HourOfExports } from "./export-hours.ts";
export { type ExportSchedule, INCREMENTAL_HOURS, nextRun, parseSchedule } from "./schedule.ts";
export { type EvaluateExpression, type MappedPerson, mapPerson, valueAt } from "./map-person.ts";
export { type PersonTransition, type PersonView } from "./person-view.ts";
export { type ActivationInput, type ActiveDataflow, planActivation } from "./plan-activation.ts";
export { type MappingChange, planDefinitionChanges, planMappingChange } from "./plan-mapping.ts";
export { sha256Hex } from "./sha256.ts";
export { type DataflowCheck, type DataflowVerdict, validateDataflow } from "./validate-dataflow.ts";
export { type MappingPreview, previewMapping } from "./preview-mapping.ts";
export {
  mendDeadLetters,
  type MendedLetters,
  replayDeadLetters,
  type ReplayReport,
  type ReplayRequest,
} from "./dead-letter.ts";
export {
  CSV_SCHEMA,
  type CsvOptions,
  type CsvValue,
  csvWriter,
  DEFAULT_CSV,
  parseCsvOptions,
} from "./csv.ts";
export { fileName, fileNamePart, type FileNamePart, type FileNameValues } from "./file-name.ts";
export { type ExportRow, exportRows, type ExportRows, rowCells } from "./export-rows.ts";
export { FILE_TARGET_SCHEMAS } from "./file-target.ts";
export { csvFileDestination, type CsvFileSettings } from "./csv-file.ts";
export {
  exportAudience,
  type ExportPorts,
  type ExportReport,
  type ExportSelection,
  selectForExport,
} from "./export-audience.ts";
export {
  adobeCommerce,
  customPersonalization,
  type CustomPersonalizationSettings,
} from "./custom-personalization.ts";
export { pageAddress, type PageAddressSettings, pageCookie, type PageCookieSettings } from "./page-push.ts";
export { createRelayedOutbox, type DeliveryJournal, type OutboxSource } from "./relayed-outbox.ts";
export { DESTINATION_ERRORS } from "./errors.ts";
export { profileRequest } from "./profile-request.ts";
export {
  type ActivationExplanation,
  type ActivationObstacle,
  explainActivation,
} from "./explain-activation.ts";
export { hmacSha256Hex, resolveHeaders, type ResolvedHeaders, type SecretLookup } from "./resolve-headers.ts";
