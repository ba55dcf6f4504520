import { checkLimit, findLimit, type LimitId, type Limits } from "@tessera/guardrails";
import type { FieldMapping } from "@tessera/destinations";
import type { JsonSchema } from "@tessera/xdm";
import { MAX_FILE_NAME } from "./file-name.ts";
import { INTERVALS } from "./schedule.ts";

/** One broken rule: what it is, what came, what is allowed, where it is written. Soft ones warn, hard ones refuse. */
export interface GuardrailFinding {
  readonly rule: string;
  readonly kind: "soft" | "hard";
  /** A count, or a text that carries no personal data. */
  readonly value: number | string;
  readonly limit: number | string;
  readonly source: string;
  readonly message: string;
  readonly whatToDo: string;
}

/** What is about to be set up, or to run. Absent parts are not checked. */
export interface CampaignDataflow {
  /** Audiences of all destinations of the instance together, this dataflow's included. */
  readonly audiencesOfInstance?: number;
  readonly audiences?: readonly { readonly name: string; readonly namespace: string }[];
  readonly mapping?: readonly FieldMapping[];
  /** The union schema, to see which mapped attributes are lists or maps. */
  readonly schema?: JsonSchema;
  readonly everyHours?: number;
  readonly encryption?: boolean;
  readonly filesPerAudience?: number;
  readonly organisationalUnits?: number;
  readonly fileName?: string;
}

const PATTERN = "Real-Time CDP with Adobe Campaign v8 integration pattern";
const DESTINATION =
  "experience-platform.en help/destinations/catalog/email-marketing/adobe-campaign-managed-services.md";

/** Every broken rule of a dataflow, hard ones first. `limits` are those in force; the documented ones by default. */
export function checkCampaign(dataflow: CampaignDataflow, limits?: Limits): readonly GuardrailFinding[] {
  const findings = [
    ...counted(dataflow, limits),
    ...(dataflow.mapping ?? []).flatMap((line) => fieldFinding(line, dataflow.schema)),
    ...(dataflow.audiences ?? []).flatMap(audienceFindings),
    ...setupFindings(dataflow),
  ];
  return findings.sort((a, b) => Number(b.kind === "hard") - Number(a.kind === "hard"));
}

/** Whether a dataflow is refused: a hard rule is broken. */
export function isCampaignRefused(findings: readonly GuardrailFinding[]): boolean {
  return findings.some(({ kind }) => kind === "hard");
}

function counted(dataflow: CampaignDataflow, limits: Limits | undefined): readonly GuardrailFinding[] {
  const values: readonly (readonly [LimitId, number | undefined])[] = [
    ["campaign.audiences", dataflow.audiencesOfInstance],
    ["campaign.audiences-recommended", dataflow.audiencesOfInstance],
    ["campaign.fields", dataflow.mapping?.length],
    ["campaign.interval", dataflow.everyHours],
    ["campaign.organizational-units", dataflow.organisationalUnits],
    ["campaign.file-name-length", dataflow.fileName?.length],
  ];
  return values.flatMap(([id, value]) => {
    if (value === undefined) return [];
    const check = checkLimit(limits?.[id] ?? findLimit(id), value);
    if (check.kind === "ok" || check.kind === "near") return [];
    const { limit, message, whatToDo } = check;
    return [
      {
        rule: id,
        kind: limit.kind,
        value,
        limit: limit.value,
        source: limit.source.document,
        message,
        whatToDo,
      },
    ];
  });
}

function fieldFinding(
  { source, target }: FieldMapping,
  schema: JsonSchema | undefined,
): readonly GuardrailFinding[] {
  if (source.kind !== "attribute") return [];
  const problem = complexity(source.path, schema);
  if (problem === undefined) return [];
  return [
    hard("campaign.complex-fields", {
      value: `${target}: ${problem}`,
      limit: "one value of the union schema",
      source: PATTERN,
      message: `The field mapped to ${target} is ${problem}; only single values of the union schema are exported.`,
      whatToDo: "Map one value, or a computed attribute.",
    }),
  ];
}

/** What makes a path more than one value: an event, a list, a map, an object; or a field the schema does not have. */
function complexity(path: string, schema: JsonSchema | undefined): string | undefined {
  const steps = path.split(".");
  if (steps[0] === "xEvent" || steps[0] === "segmentMembership" || steps[0] === "identityMap")
    return `part of ${steps[0]}`;
  if (/[[\]]/.test(path)) return "an element of a list";
  let at: JsonSchema | undefined = schema;
  if (at === undefined) return undefined;
  for (const step of steps) {
    const next: JsonSchema | undefined = at?.properties?.[step];
    if (next === undefined)
      return at?.additionalProperties === undefined || at.additionalProperties === false
        ? "not in the union schema"
        : "an entry of a map";
    if (next.type === "array") return "a list";
    at = next;
  }
  return at.type === "object" ? "an object or a map" : undefined;
}

/** Whether Campaign fails on an audience name: anything beyond letters, digits, blanks and `_ - .`, or no name at all. */
export function audienceNameFault(name: string): boolean {
  return !/^[\p{L}\p{N}](?:[\p{L}\p{N} _.()-]*)$/u.test(name) || name.length > MAX_FILE_NAME;
}

function audienceFindings({
  name,
  namespace,
}: {
  readonly name: string;
  readonly namespace: string;
}): readonly GuardrailFinding[] {
  const findings: GuardrailFinding[] = [];
  if (audienceNameFault(name)) {
    findings.push(
      hard("campaign.audience-name", {
        value: `${name.length} characters`,
        limit: `letters, digits, blanks, _ - . ( ), at most ${MAX_FILE_NAME}`,
        source: DESTINATION,
        message: "The name of an audience holds characters that Campaign fails on, or is too long.",
        whatToDo: "Rename the audience.",
      }),
    );
  }
  if (namespace !== "ups") {
    findings.push(
      hard("campaign.audience-origin", {
        value: namespace,
        limit: "ups",
        source: DESTINATION,
        message: "Campaign takes audiences of the segmentation service only.",
        whatToDo: "Use an audience defined here, or the file destination.",
      }),
    );
  }
  return findings;
}

function setupFindings({
  everyHours,
  encryption,
  filesPerAudience,
}: CampaignDataflow): readonly GuardrailFinding[] {
  const findings: GuardrailFinding[] = [];
  if (everyHours !== undefined && everyHours >= 3 && !INTERVALS.some((hours) => hours === everyHours)) {
    findings.push(
      hard("campaign.interval-step", {
        value: everyHours,
        limit: INTERVALS.join(", "),
        source: DESTINATION,
        message: "Exports run every 3, 6, 8, 12 or 24 hours.",
        whatToDo: "Choose one of the intervals.",
      }),
    );
  }
  if (encryption === true) {
    findings.push(
      hard("campaign.encryption", {
        value: "on",
        limit: "off",
        source: PATTERN,
        message: "Campaign cannot read encrypted files.",
        whatToDo: "Switch encryption off; the landing zone is private.",
      }),
    );
  }
  if (filesPerAudience !== undefined && filesPerAudience !== 1) {
    findings.push(
      hard("campaign.files-per-audience", {
        value: filesPerAudience,
        limit: 1,
        source: PATTERN,
        message: "Each audience has one file an export (in parts of 5,000,000 rows).",
        whatToDo: "Map each audience once.",
      }),
    );
  }
  return findings;
}

function hard(rule: string, rest: Omit<GuardrailFinding, "rule" | "kind">): GuardrailFinding {
  return { rule, kind: "hard", ...rest };
}
