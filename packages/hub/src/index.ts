export { type AudienceVersion } from "./audience-history.ts";
export { type AudienceView } from "./audiences.ts";
export { createHub, type Hub, type HubOptions } from "./hub.ts";
export { type Progress } from "./derive-everyone.ts";
export { type IngestReport } from "./ingest-queue.ts";
export { type ItemNotice } from "./ingest-batch.ts";
export {
  type AudienceInput,
  checkAudience,
  expressionText,
  newestOf,
  parseExpression,
} from "./audience-lifecycle.ts";
export { type CompositionInput } from "./compositions.ts";
export { type Configuration, type StoredAudience, type StoredComposition } from "./configuration.ts";
export { type Activate, type Transition } from "./decide.ts";
export { idsOfPerson } from "./person-ids.ts";
export { type IdentityGraphView, type ProfileView } from "./profile-view.ts";
export { type RehearsalOptions, type RulesRehearsal } from "./rehearse-linking-rules.ts";
export { type CommittedPersons } from "./observe-commits.ts";
export { type ErasureReceipt, type PersonAccess, type PrivacyScope } from "./privacy.ts";
export { type ExpiryStep, type PseudonymousExpiry } from "./expiry.ts";
export { type SandboxSchemas } from "./schemas.ts";
export { createCsvReader, type CsvReader, type CsvRow } from "./rows/csv-reader.ts";
export {
  type CellType,
  type FieldRule,
  mapRow,
  parseRowMapping,
  type RowMapping,
} from "./rows/row-mapping.ts";
export { type ImportProgress, type RowsImport } from "./rows/import-rows.ts";
export { UnreadableRow } from "./rows/unreadable-row.ts";
export { type ComputedAttribute, type ComputedFunction } from "./computed/computed-attribute.ts";
export { type FoundPage, type SearchIndex, type SearchPlan } from "./search-persons.ts";
export { type Afterwards } from "./afterwards.ts";
