export {
  applyRecord,
  COMPUTED_DATASET,
  compareRecords,
  type Fragment,
  fragmentKey,
  fragmentsOf,
  isRepeat,
  withoutBody,
  type RecordOperation,
  type StoredRecord,
} from "./fragment.ts";
export { type Dataset, openDataset, parseDataset } from "./dataset.ts";
export {
  type AttributeMerge,
  DEFAULT_MERGE_POLICY,
  deleteMergePolicy,
  type MergePolicy,
  parseMergePolicy,
  saveMergePolicy,
} from "./merge-policy.ts";
export { deriveProfile, type DerivedProfile, mergeAttributes, type Provenance } from "./derive-profile.ts";
export {
  compareMemberships,
  hasData,
  membershipMap,
  type MembershipState,
  type PersonState,
} from "./person-state.ts";
export {
  type CommitConflict,
  type CommitResult,
  type DocumentWrite,
  type Erasure,
  type ExpiringEvents,
  type HubCommit,
  type HubStore,
  type Neighbourhood,
  type OutboxEntry,
  type PersonWrite,
  type QuarantinedItem,
  type QueuedEntry,
  type StoredDocument,
  type StoredEvent,
  type StoredItem,
  type StoredPage,
} from "./hub-store.ts";
export {
  type MovedPerson,
  type PersonProjection,
  type ProjectedPart,
  type ProjectionRequest,
} from "./person-projection.ts";
export { createScanningFinder, type FindRequest, type PersonFinder } from "./person-finder.ts";
export { compareEvents, createMemoryStore } from "./memory-store.ts";
export { copyStore, type CopyOptions } from "./copy-store.ts";
export { emptyCommit } from "./empty-commit.ts";
export { type CommitGuards, findConflict } from "./find-conflict.ts";
export { fromStored, toStored } from "./stored-text.ts";
export { CORE_FIELD_GROUPS } from "./schema/core-field-groups.ts";
export {
  type FieldGroup,
  parseFieldGroup,
  parseSchemaDefinition,
  type SchemaClass,
  type SchemaDefinition,
} from "./schema/field-group.ts";
export { mergeSchemas } from "./schema/merge-schemas.ts";
export { type CheckedValue, compileSchema, type SchemaCheck } from "./schema/schema-check.ts";
