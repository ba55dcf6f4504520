export type { Limit, LimitArea, LimitKind, LimitOverride, LimitSource } from "./limit.ts";
export { ADOBE_LIMITS, ALL_LIMITS, findLimit, isLimitId, type LimitId, type Limits } from "./limits.ts";
export {
  limitsOf,
  type LimitOverrides,
  type LimitProfile,
  permittedRange,
  TESSERA_VALUES,
  type TesseraValue,
} from "./profiles.ts";
export {
  checkLimit,
  isRefused,
  kindOf,
  type LimitCheck,
  type LimitCheckKind,
  NEAR,
  useOf,
} from "./check-limit.ts";
export { checkEvent, checkRecord, identityCount, longestList } from "./check-event.ts";
export { jsonSize } from "./json-size.ts";
export { formatUsage } from "./format-usage.ts";
export { reportUsage, type UsageRow, type UsageSample } from "./usage-report.ts";
export {
  type AudienceCounts,
  type DataflowCounts,
  type DataflowDestination,
  type PlannedAudience,
  type PlannedDataflow,
  type Preflight,
  preflight,
} from "./preflight.ts";
export {
  compareLatency,
  endToEnd,
  LATENCY_EXPECTATIONS,
  LATENCY_STAGES,
  type LatencyComparison,
  type LatencyDestination,
  type LatencyEvaluation,
  type LatencyExpectation,
  type LatencyStage,
  latencyOf,
  type Seconds,
} from "./latency.ts";
export { GUARDRAIL_ERRORS } from "./errors.ts";
