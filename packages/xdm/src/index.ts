export { err, ok, type Result } from "./result.ts";
export { describe, type Issue } from "./issue.ts";
export { canonicalJson, isObject, type JsonObject, type JsonValue, parseJson } from "./json.ts";
export { formatInstant, parseInstant } from "./instant.ts";
export {
  type AuthenticatedState,
  compareKeys,
  type Identity,
  type IdentityItem,
  identityKey,
  type IdentityKey,
  identityOfKey,
  type IdentityType,
  isPersonType,
} from "./identity.ts";
export { type IdentityMap, type ParsedIdentityMap, parseIdentityMap } from "./identity-map.ts";
export { type EventBody, type ExperienceEvent, parseEvent } from "./experience-event.ts";
export { parseRecord, type ProfileRecord } from "./profile-record.ts";
export { contentId, digest } from "./content-id.ts";
export {
  isMember,
  type MembershipChange,
  type MembershipStatus,
  type SegmentMembershipEntry,
  type SegmentMembershipMap,
  UPS,
} from "./segment-membership.ts";
export {
  type AudienceDefinition,
  type AudienceExpression,
  type AudienceStatus,
  type EvaluationType,
} from "./audience-definition.ts";
export { type JsonSchema } from "./json-schema.ts";
export { type AttributeCondition } from "./attribute-condition.ts";
