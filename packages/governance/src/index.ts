export { CORE_LABELS, type CoreLabel, type Label, labelCode, type LabelKind, parseLabel } from "./label.ts";
export {
  CORE_MARKETING_ACTIONS,
  type CoreMarketingAction,
  coreMarketingAction,
  type MarketingAction,
  parseMarketingAction,
} from "./marketing-action.ts";
export { deniedBy, parsePolicy, type Policy, type PolicyExpression, type PolicyStatus } from "./policy.ts";
export { CORE_POLICIES, enableCorePolicies, SANE_CORE_POLICIES } from "./core-policies.ts";
export { formatLineage, type LabelLineage, type LineageNode } from "./lineage.ts";
export { bareLabels, evaluatePolicies, type PolicyQuestion, type Violation } from "./evaluate-policies.ts";
export type {
  GovernanceCatalog,
  GovernedAudience,
  GovernedDataflow,
  GovernedDataset,
  GovernedDestination,
  GovernedMergePolicy,
} from "./catalog.ts";
export { type InheritedLabels, LabelInheritance } from "./inherit-labels.ts";
export { applyChange, type GovernanceChange } from "./change.ts";
export {
  type ChangeDecision,
  type DataflowReview,
  decideChange,
  enforceDataflow,
  type Enforcement,
  type OnViolation,
  reviewDataflows,
  violationIssue,
} from "./enforce.ts";
export {
  CONSENT_CODES,
  type ConsentCode,
  consentDecision,
  type ConsentDecision,
  type ConsentPurpose,
  type ConsentQuestion,
  type ConsentUse,
  isOptedOut,
  parseConsentCode,
} from "./consent.ts";
export { parseConsents } from "./parse-consents.ts";
export {
  activationConsent,
  type ActivationConsent,
  type ActivationQuestion,
  consentEffect,
  type ConsentedDataflow,
  type ConsentEffect,
  type ConsentPolicy,
  coreConsentPolicies,
} from "./consent-policy.ts";
export {
  parsePrivacyRequest,
  type PrivacyAction,
  type PrivacyRequest,
  type PrivacyUser,
  type PrivacyUserId,
  type Regulation,
  REGULATIONS,
} from "./privacy-request.ts";
export {
  isPrivacyProduct,
  PRIVACY_PRODUCTS,
  privacyPlan,
  type PrivacyOperation,
  type PrivacyProduct,
  type PrivacyStep,
  type PrivacySystem,
} from "./privacy-plan.ts";
export {
  accessDocument,
  type AccessPart,
  isOverdue,
  nextSteps,
  type PrivacyJob,
  type PrivacyJobState,
  type PrivacyJobStep,
  privacyJobs,
  type PrivacyReceipt,
  privacyResponse,
  recordReceipt,
  resultExpiresAt,
  retryPrivacyJob,
} from "./privacy-job.ts";
export { suppressionEntry, type SuppressionEntry, suppressionHash, SuppressionList } from "./suppression.ts";
export { isPermission, type Permission, PERMISSIONS } from "./permission.ts";
export { anyMayDo, DEFAULT_ROLES, labelsOfRoles, mayDo, parseRole, type Role } from "./role.ts";
export {
  type FieldAccess,
  type FieldLabels,
  fieldLabelsOf,
  redact,
  type Redacted,
  visibleFields,
} from "./field-access.ts";
export {
  createSandbox,
  DEFAULT_SANDBOX,
  MOST_SANDBOXES,
  planSandboxOperation,
  type Sandbox,
  SANDBOX_CONTENTS,
  type SandboxContent,
  type SandboxKey,
  sandboxKey,
  sandboxOfKey,
  type SandboxOperation,
  type SandboxPlan,
  SANDBOXES_BY_DEFAULT,
} from "./sandbox.ts";
export { GOVERNANCE_ERRORS } from "./errors.ts";
