import type { FieldMapping } from "@tessera/destinations";
import { type CampaignSettings, STATUS_COLUMN, TARGET_IDENTITIES } from "../settings.ts";

/** What a destination demands of a mapping. */
export interface MappingDemands {
  /** The column that must carry the membership status; none when absent. */
  readonly statusColumn?: string;
  /** Columns of the target mapping; any when absent. */
  readonly columns?: readonly string[];
  /** Identity columns that may be mapped; any when absent. */
  readonly identityColumns?: readonly string[];
  readonly dedup: "oneColumn" | "identityOrAttributes";
  /** Rows update recipients: beside the key and the status there must be something to update. */
  readonly updates?: boolean;
}

/** What managed services demand: the status, known columns and identities, one key column; of a profile sync, something to update. */
export function managedDemands(settings: Pick<CampaignSettings, "columns" | "syncType">): MappingDemands {
  return {
    statusColumn: STATUS_COLUMN,
    ...(settings.columns && { columns: settings.columns }),
    identityColumns: TARGET_IDENTITIES,
    dedup: "oneColumn",
    updates: settings.syncType === "profile",
  };
}

/** What the file destination demands: a key of one identity, or of one or two attributes, or none. */
export const FILE_DEMANDS: MappingDemands = { dedup: "identityOrAttributes" };

/** A violated rule of a mapping, with the column it is about. */
export interface MappingFault {
  readonly code: string;
  readonly column?: string;
}

/**
 * Everything wrong with a mapping. A faulty mapping exports nothing: a file with a wrong column would be loaded wrongly.
 */
export function mappingFaults(
  mapping: readonly FieldMapping[],
  demands: MappingDemands,
): readonly MappingFault[] {
  const faults: MappingFault[] = [];
  const seen = new Set<string>();
  for (const { target, source } of mapping) {
    if (seen.has(target)) faults.push({ code: "campaign.mapping.twice", column: target });
    seen.add(target);
    const isStatus = source.kind === "membership-status";
    if (!isStatus && demands.columns !== undefined && !demands.columns.includes(target))
      faults.push({ code: "campaign.mapping.column", column: target });
    if (source.kind === "identity" && demands.identityColumns?.includes(target) === false)
      faults.push({ code: "campaign.mapping.identity", column: target });
  }
  if (mapping.length === 0) faults.push({ code: "campaign.mapping.empty" });
  const { statusColumn } = demands;
  if (
    statusColumn !== undefined &&
    !mapping.some((line) => line.source.kind === "membership-status" && line.target === statusColumn)
  )
    faults.push({ code: "campaign.mapping.status", column: statusColumn });
  const updating = mapping.some(({ source, dedup }) => source.kind !== "membership-status" && dedup !== true);
  if (demands.updates === true && mapping.length > 0 && !updating)
    faults.push({ code: "campaign.mapping.nothingToUpdate" });
  return [...faults, ...dedupFaults(mapping, demands)];
}

function dedupFaults(mapping: readonly FieldMapping[], demands: MappingDemands): readonly MappingFault[] {
  const keys = mapping.filter(({ dedup }) => dedup === true);
  const identities = keys.filter(({ source }) => source.kind === "identity").length;
  const attributes = keys.length - identities;
  if (keys.some(({ source }) => source.kind === "membership-status"))
    return [{ code: "campaign.mapping.dedup" }];
  const fits =
    demands.dedup === "oneColumn"
      ? keys.length === 1
      : keys.length === 0 || (identities === 1 && attributes === 0) || (identities === 0 && attributes <= 2);
  return fits ? [] : [{ code: "campaign.mapping.dedup" }];
}
