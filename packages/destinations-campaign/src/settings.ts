import { checkSettings, type FileTarget } from "@tessera/destinations";
import { err, type Issue, isObject, type JsonSchema, ok, type Result } from "@tessera/xdm";
import { FILE_SETTINGS, fileSettingIssues, type FileSettings, withFileDefaults } from "./file-settings.ts";
import { fileTargetIssues, fileTargetSchema } from "./file-target.ts";

/** Identity columns of Campaign's target mappings. */
export const TARGET_IDENTITIES: readonly string[] = [
  "external_id",
  "ECID",
  "email_lc_sha256",
  "phone_sha256",
  "GAID",
  "IDFA",
];

/** The column that tells who entered and who left; always mapped. */
export const STATUS_COLUMN = "segmentMembershipStatus";

/** Settings of the managed-services destination. */
export interface CampaignSettings extends FileSettings {
  /** The Campaign instance that loads the files. */
  readonly instance: string;
  /** The target mapping there, and its columns when they are known. */
  readonly targetMapping: string;
  readonly columns?: readonly string[];
  /** `audience`: an audience of existing recipients. `profile`: their fields are updated; none is ever created. */
  readonly syncType: "audience" | "profile";
  /** Campaign serves one organisational unit only. */
  readonly organisationalUnit?: string;
  readonly landingZone: FileTarget;
}

/** Settings of the legacy file destination. */
export interface CampaignFileSettings extends FileSettings {
  readonly storage: FileTarget;
}

/** The form of the managed-services destination. */
export const CAMPAIGN_SETTINGS: JsonSchema = {
  type: "object",
  properties: {
    instance: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" },
    targetMapping: { type: "string", pattern: "^[A-Za-z][A-Za-z0-9_:.-]{0,99}$" },
    columns: { type: "array", items: { type: "string", minLength: 1, maxLength: 128 } },
    syncType: { type: "string", enum: ["audience", "profile"] },
    organisationalUnit: { type: "string", minLength: 1, maxLength: 100 },
    landingZone: fileTargetSchema(["azure-blob", "local"]),
    ...FILE_SETTINGS,
  },
  required: ["instance", "targetMapping", "syncType", "landingZone"],
  additionalProperties: false,
};

/** The form of the legacy file destination. */
export const CAMPAIGN_FILE_SETTINGS: JsonSchema = {
  type: "object",
  properties: { storage: fileTargetSchema(["s3", "sftp", "azure-blob", "local"]), ...FILE_SETTINGS },
  required: ["storage"],
  additionalProperties: false,
};

/** Reads settings of the managed-services destination; every violation at once. */
export function parseCampaignSettings(input: unknown): Result<CampaignSettings, readonly Issue[]> {
  const issues = [...checkSettings(CAMPAIGN_SETTINGS, input)];
  if (issues.length > 0 || !isObject(input)) return err(issues);
  // Everything was checked against the form above.
  const given = input as unknown as Omit<CampaignSettings, keyof FileSettings> & Partial<FileSettings>;
  const files = withFileDefaults(given);
  issues.push(...fileTargetIssues(given.landingZone, ["landingZone"]), ...fileSettingIssues(files));
  if (issues.length > 0) return err(issues);
  const { instance, targetMapping, columns, syncType, organisationalUnit, landingZone } = given;
  return ok({
    instance,
    targetMapping,
    ...(columns !== undefined && { columns }),
    syncType,
    ...(organisationalUnit !== undefined && { organisationalUnit }),
    landingZone,
    ...files,
  });
}

/** Reads settings of the legacy file destination; every violation at once. */
export function parseCampaignFileSettings(input: unknown): Result<CampaignFileSettings, readonly Issue[]> {
  const issues = [...checkSettings(CAMPAIGN_FILE_SETTINGS, input)];
  if (issues.length > 0 || !isObject(input)) return err(issues);
  const given = input as unknown as Pick<CampaignFileSettings, "storage"> & Partial<FileSettings>;
  const files = withFileDefaults(given);
  issues.push(...fileTargetIssues(given.storage, ["storage"]), ...fileSettingIssues(files));
  return issues.length > 0 ? err(issues) : ok({ storage: given.storage, ...files });
}
