import type { Dataflow } from "@tessera/destinations";
import { isLimitId } from "@tessera/guardrails";
import type { Issue, JsonSchema } from "@tessera/xdm";
import { CAMPAIGN_CODES } from "./errors.ts";
import { FILE_DEMANDS, managedDemands, mappingFaults } from "./export/mapping-rules.ts";
import { checkCampaign, type GuardrailFinding } from "./guardrails.ts";
import type { CampaignSettings } from "./settings.ts";

/** What a dataflow to Campaign is checked against. */
export interface CampaignDataflowCheck {
  /** Settings of the managed destination; absent for plain files. */
  readonly managed?: Pick<CampaignSettings, "columns" | "syncType">;
  /** The union schema, to see which mapped attributes are lists or maps; any field is taken without it. */
  readonly schema?: JsonSchema;
}

/** Campaign's own rules for a dataflow: what keeps it from being saved, and what only deserves a warning. */
export interface CampaignDataflowVerdict {
  readonly violations: readonly Issue[];
  readonly warnings: readonly Issue[];
}

/**
 * Everything that Campaign has against a dataflow, at once: the mapping (status, key, columns, identities), fields that are
 * no single values, names of audiences, intervals. How many audiences and fields there may be is a matter of the limits.
 */
export function checkCampaignDataflow(
  { mapping, audiences }: Pick<Dataflow, "mapping" | "audiences">,
  { managed, schema }: CampaignDataflowCheck,
): CampaignDataflowVerdict {
  const demands = managed === undefined ? FILE_DEMANDS : managedDemands(managed);
  const faults = mappingFaults(mapping, demands).map(({ code, column }): Issue => ({
    code,
    path: [
      "mapping",
      ...(column === undefined ? [] : [mapping.findIndex(({ target }) => target === column)]),
    ],
    message: `${column === undefined ? "mapping" : `mapping to ${column}`}: ${CAMPAIGN_CODES[code]?.meaning ?? code} Correct the mapping and save again.`,
  }));
  if (managed === undefined) return { violations: faults, warnings: [] };
  const hours = audiences.flatMap(({ schedule }) =>
    schedule?.mode === "incremental" ? [schedule.everyHours] : [],
  );
  const findings = [
    ...checkCampaign({ audiences, mapping, ...(schema && { schema }) }),
    ...[...new Set(hours)].flatMap((everyHours) => checkCampaign({ everyHours })),
  ].filter((finding) => !isCounted(finding));
  const of = (kind: GuardrailFinding["kind"]): readonly Issue[] =>
    findings.filter((finding) => finding.kind === kind).map(issueOf);
  return { violations: [...faults, ...of("hard")], warnings: of("soft") };
}

/** Counts are asked with the limits in force, for every dataflow of a destination (`capabilities.limits`). */
function isCounted({ rule, value }: GuardrailFinding): boolean {
  return typeof value === "number" && isLimitId(rule);
}

function issueOf({ rule, value, limit, source, message, whatToDo }: GuardrailFinding): Issue {
  return {
    code: `limit.${rule}`,
    path: [],
    message: `${message} ${whatToDo} Found: ${value}; allowed: ${limit} (${source}).`,
  };
}
