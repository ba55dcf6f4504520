export { audienceManager } from "./audience-manager.ts";
export { type AamAudienceSettings, type AamSettings } from "./settings.ts";
export { type AamItemPlan, explainAamPlan } from "./plan.ts";
export { type AamPlanTotals, totalAamPlan } from "./plan-totals.ts";
export { DCS_REGIONS, dcsRegion, type DcsRegion } from "./regions.ts";
export {
  expectedLatency,
  type ExpectedLatency,
  type IgnoredRegion,
  REGION_LIFETIME_SECONDS,
  type RegionRefusal,
  type RegionRoute,
  routeRegions,
  type RouteTotals,
  totalRoutes,
} from "./region-router.ts";
export {
  type FilterableIdentity,
  type FilteredIdentities,
  filterIdentities,
  type LeftOutIdentities,
  type LeftOutReason,
  type SharedIdentity,
  type SharedNamespace,
} from "./identity-filter.ts";
export {
  isAfterSharing,
  type SharableAudience,
  shareAudience,
  type SharedAudience,
} from "./audience-sharing.ts";
export {
  DCS_ERRORS,
  dcsError,
  type DcsError,
  type DcsErrorEffect,
  type DcsErrorFamily,
} from "./dcs-errors.ts";
export {
  type DataSourceReference,
  type DataSources,
  type DcsCall,
  dcsCalls,
  type DcsPerson,
  type DcsSignals,
  DEFAULT_DATA_SOURCES,
  optOutPath,
} from "./dcs-request.ts";
export {
  type InboundItem,
  inboundLines,
  type InboundRecord,
  MAX_LINE_BYTES,
  MAX_LINES_PER_USER,
  parseInboundLine,
} from "./files/inbound-line.ts";
export {
  inboundFileName,
  type InboundFileSpec,
  inboundFolder,
  isGlobalDeviceSource,
  writeInboundFiles,
} from "./files/inbound-file.ts";
export {
  type InboundCheckpoint,
  type InboundPart,
  type InboundPartResult,
  type InboundWriteOptions,
  type RecordSource,
} from "./files/line-files.ts";
export { idSyncFileName, idSyncLine, type IdSyncSpec, writeIdSyncFiles } from "./files/id-sync-file.ts";
export {
  parseTraitRule,
  type SignalCondition,
  type SignalOperator,
  type TraitRule,
  traitRuleToPql,
} from "./rules/trait-rule.ts";
export {
  parseSegmentRule,
  type SegmentRule,
  segmentRuleToPql,
  type TraitFrequency,
  traitsOfSegment,
} from "./rules/segment-rule.ts";
export {
  AAM_NAMESPACE,
  type ImportedMembership,
  importThirdParty,
  type RefusedLine,
  type ThirdPartySource,
} from "./rules/data-source-import.ts";
export { compileRules, type CompiledRules, type RuleSignal } from "./rules/compile-rules.ts";
export {
  type AamCookieDestination,
  type AamDataSource,
  type AamEdge,
  type AamEdgeConfig,
  type AamIdSync,
  type AamSegment,
  type AamTrait,
  type AamUrlDestination,
  compileAamEdge,
} from "./edge/edge-config.ts";
export { type AamDevice, ecidOfUuid } from "./edge/aam-device.ts";
export { type AamError, type AamRequest } from "./edge/aam-request.ts";
export { type AamContext, aamDeviceKey } from "./edge/open-call.ts";
export { type AamReply } from "./edge/reply.ts";
export { type DeclaredId } from "./edge/customer-ids.ts";
export { type AamEventAnswer, handleAamEvent } from "./edge/handle-event.ts";
export { type AamIdAnswer, handleAamId, handleAamOptOut } from "./edge/handle-id.ts";
export { type AamSignalEvent } from "./edge/signal-event.ts";
export { AAM_CODES } from "./errors.ts";
