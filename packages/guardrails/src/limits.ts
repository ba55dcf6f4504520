import { DOCUMENTS } from "./documents.ts";
import type { Limit, LimitArea, LimitRow } from "./limit.ts";
import { AAM_LIMITS } from "./limits/aam.ts";
import { CAMPAIGN_LIMITS } from "./limits/campaign.ts";
import { DESTINATION_LIMITS } from "./limits/destinations.ts";
import { EDGE_LIMITS } from "./limits/edge.ts";
import { GOVERNANCE_LIMITS } from "./limits/governance.ts";
import { IDENTITY_LIMITS } from "./limits/identity.ts";
import { INGESTION_LIMITS } from "./limits/ingestion.ts";
import { LATENCY_LIMITS } from "./limits/latency.ts";
import { MERGE_POLICY_LIMITS } from "./limits/merge-policy.ts";
import { PROFILE_LIMITS } from "./limits/profile.ts";
import { SEGMENTATION_LIMITS } from "./limits/segmentation.ts";
import { TARGET_LIMITS } from "./limits/target.ts";

/** The id of every limit, so that a misspelt one does not compile. */
export type LimitId = (
  | typeof IDENTITY_LIMITS
  | typeof PROFILE_LIMITS
  | typeof INGESTION_LIMITS
  | typeof SEGMENTATION_LIMITS
  | typeof MERGE_POLICY_LIMITS
  | typeof DESTINATION_LIMITS
  | typeof TARGET_LIMITS
  | typeof AAM_LIMITS
  | typeof CAMPAIGN_LIMITS
  | typeof EDGE_LIMITS
  | typeof GOVERNANCE_LIMITS
  | typeof LATENCY_LIMITS
)[number]["id"];

/** A full set of limits: what every check asks. Plain data; reading one is a property access. */
export type Limits = { readonly [id in LimitId]: Limit };

const TABLES: readonly (readonly [LimitArea, readonly LimitRow[]])[] = [
  ["identity", IDENTITY_LIMITS],
  ["profile", PROFILE_LIMITS],
  ["ingestion", INGESTION_LIMITS],
  ["segmentation", SEGMENTATION_LIMITS],
  ["merge-policy", MERGE_POLICY_LIMITS],
  ["destinations", DESTINATION_LIMITS],
  ["target", TARGET_LIMITS],
  ["audience-manager", AAM_LIMITS],
  ["campaign", CAMPAIGN_LIMITS],
  ["edge", EDGE_LIMITS],
  ["governance", GOVERNANCE_LIMITS],
  ["latency", LATENCY_LIMITS],
];

/** Every limit with its documented value, in the order of the tables. */
export const ALL_LIMITS: readonly Limit[] = TABLES.flatMap(([area, rows]) =>
  rows.map((row) => toLimit(area, row)),
);

/** The documented limits by id: the profile `adobe`. */
export const ADOBE_LIMITS: Limits = limitsById(ALL_LIMITS);

/** The documented limit of an id. For the limits in force, read the set that `limitsOf` gave: `limits[id]`. */
export function findLimit(id: LimitId): Limit {
  return ADOBE_LIMITS[id];
}

/** Whether a text from outside is the id of a limit. */
export function isLimitId(id: string): id is LimitId {
  return Object.hasOwn(ADOBE_LIMITS, id);
}

/** The set of a list that holds every limit once. */
export function limitsById(list: readonly Limit[]): Limits {
  return Object.fromEntries(list.map((limit) => [limit.id, limit])) as Limits;
}

function toLimit(area: LimitArea, row: LimitRow): Limit {
  const source = DOCUMENTS[row.source];
  if (source === undefined) throw new Error(`limit ${row.id}: unknown document ${row.source}`);
  const { id, title, value, unit, bound = "most", kind, effect, whatToDo, note } = row;
  return {
    id,
    area,
    title,
    value,
    unit,
    bound,
    kind,
    effect,
    whatToDo,
    source,
    overridable: permitted(row),
    ...(note === undefined ? {} : { note }),
  };
}

/** Soft limits are advice and may be set freely. Hard ones may be made stricter, and laxer only as far as the row says. */
function permitted({ value, bound = "most", kind, least, most }: LimitRow): Limit["overridable"] {
  if (kind === "soft") {
    return { least: least ?? 0, ...(most === undefined ? {} : { most }) };
  }
  if (bound === "most") return { least: least ?? 0, most: most ?? value };
  return { least: least ?? value, ...(most === undefined ? {} : { most }) };
}
