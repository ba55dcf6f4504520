export {
  type Aggregation,
  type Arithmetic,
  type ChainExpression,
  type ChainStep,
  type Comparison,
  type Literal,
  type Occurrence,
  positionOf,
  type Pql,
  type Quantifier,
  type TimeDirection,
  type TimeExpression,
  type TimeUnit,
  type VariableDeclaration,
} from "./ast.ts";
export { parsePql } from "./pql/parse.ts";
export { printPql } from "./pql/print.ts";
export { pqlToJson } from "./pql/to-json.ts";
export { jsonToPql } from "./pql/json-to-pql.ts";
export { evaluatePql, personOf } from "./evaluate-pql.ts";
export { compileValue, evaluateValue, type ValuePlan } from "./evaluate-value.ts";
export {
  checkComposition,
  type ComposedPerson,
  composes,
  type Composition,
  type CompositionEnd,
  type CompositionStart,
  partOf,
  rankPersons,
  type SplitPart,
  valueAt,
} from "./composition.ts";
export { type Estimate, estimateCount } from "./estimate.ts";
export { CODES as SEGMENT_ERRORS } from "./errors.ts";
export { type AudiencePlan, compileAudiences, type Evaluation } from "./plan.ts";
export { type PersonView } from "./evaluate/context.ts";
export { type PlanFields } from "./fields.ts";
export { conditionText, necessaryCondition, pathsOfCondition } from "./necessary-condition.ts";
export { referredTo } from "./dependencies.ts";
export { refuses } from "./consent.ts";
export { type ExplainedCondition, type Explanation } from "./explain.ts";
export { missingOf } from "./missing.ts";
export { explainText } from "./explain-text.ts";
export { type AudienceReference, type CheckOptions, checkPql, type PqlCheck } from "./check-pql.ts";
export { type Eligibility, type EligibilityReason, type Verdict } from "./eligibility.ts";
export { compileStream } from "./stream/stream-plan.ts";
export {
  type StreamFallback,
  type StreamNews,
  type StreamPlan,
  type StreamTransition,
} from "./stream/stream.ts";
export { type StreamState } from "./stream/state.ts";
export { compileRows, type RowPlan } from "./rows/row-plan.ts";
export { type AudienceBits, countMembers, hasMember } from "./rows/sliced.ts";
export { type ColumnPlan, type ColumnProgress, compileColumns } from "./columns/column-plan.ts";
export { CHUNK_PERSONS, type ColumnChunk, Columns, type StoredDictionaries } from "./columns/columns.ts";
export { decodeChunk, encodeChunk } from "./columns/chunk-bytes.ts";
export { definitionsFor } from "./definitions-for.ts";
export { type ColumnLayout, joinLayouts } from "./columns/layout.ts";
