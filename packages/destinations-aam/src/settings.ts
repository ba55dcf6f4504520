import { checkSettings, type FileTarget, settingsIssue } from "@tessera/destinations";
import { err, type Issue, isObject, type JsonSchema, ok, parseInstant, type Result } from "@tessera/xdm";
import { FILE_TARGET_SETTINGS, fileTargetFields } from "./file-target.ts";

/** What is known of one shared audience in Audience Manager. */
export interface AamAudienceSettings {
  /** The number of its onboarded trait; needed to take people out again. */
  readonly traitId?: number;
  /** When it was first shared, ISO 8601: earlier changes are not sent. */
  readonly sharedSince?: string;
}

/** Settings of the Audience Manager destination. */
export interface AamSettings {
  /** The organisation's alias: `acme` of `acme.demdex.net`. */
  readonly domainAlias: string;
  /** The data source (DPID) that batch files are delivered for. */
  readonly dataProviderId: number;
  /** Where batch files for the hub are put. */
  readonly hub: FileTarget;
  readonly gzip: boolean;
  /** By audience id. */
  readonly audiences: { readonly [audienceId: string]: AamAudienceSettings };
  /** The data source of hashed e-mails, when it is named by number; `EMAIL_LC_SHA256` by integration code otherwise. */
  readonly hashedEmailDataSourceId?: number;
  /** Instead of the regional hosts: one address that all calls go to (a proxy, or this project's own edge). */
  readonly dcsOrigin?: string;
}

/** The settings form of the destination. */
export const AAM_SETTINGS: JsonSchema = {
  type: "object",
  properties: {
    domainAlias: { type: "string", pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" },
    dataProviderId: { type: "integer", minimum: 1, maximum: 2_147_483_647 },
    hub: FILE_TARGET_SETTINGS,
    gzip: { type: "boolean" },
    audiences: {
      type: "object",
      additionalProperties: {
        type: "object",
        properties: {
          traitId: { type: "integer", minimum: 1, maximum: 9_007_199_254_740_991 },
          sharedSince: { type: "string" },
        },
        additionalProperties: false,
      },
    },
    hashedEmailDataSourceId: { type: "integer", minimum: 1, maximum: 2_147_483_647 },
    dcsOrigin: { type: "string", format: "uri" },
  },
  required: ["domainAlias", "dataProviderId", "hub"],
  additionalProperties: false,
};

/** Reads the settings; every violation at once, no message repeats a value. */
export function parseAamSettings(input: unknown): Result<AamSettings, readonly Issue[]> {
  const issues = [...checkSettings(AAM_SETTINGS, input)];
  if (!isObject(input)) return err(issues);
  if (issues.length === 0) issues.push(...targetIssues(input["hub"]), ...audienceIssues(input["audiences"]));
  if (issues.length > 0) return err(issues);
  // Everything was checked against the schema above.
  const given = input as unknown as Partial<AamSettings> &
    Pick<AamSettings, "domainAlias" | "dataProviderId" | "hub">;
  return ok({
    domainAlias: given.domainAlias,
    dataProviderId: given.dataProviderId,
    hub: given.hub,
    gzip: given.gzip ?? true,
    audiences: given.audiences ?? {},
    ...(given.hashedEmailDataSourceId !== undefined && {
      hashedEmailDataSourceId: given.hashedEmailDataSourceId,
    }),
    ...(given.dcsOrigin !== undefined && { dcsOrigin: new URL(given.dcsOrigin).origin }),
  });
}

function targetIssues(target: unknown): readonly Issue[] {
  if (!isObject(target)) return [];
  const { missing, foreign } = fileTargetFields(target);
  return [
    ...missing.map((path) => settingsIssue("settings.required", ["hub", ...path], "a value", undefined)),
    ...foreign.map((field) =>
      settingsIssue("settings.unknown", ["hub", field], "no such setting", target[field]),
    ),
  ];
}

function audienceIssues(audiences: unknown): readonly Issue[] {
  if (!isObject(audiences)) return [];
  return Object.entries(audiences).flatMap(([id, audience]) => {
    const since = isObject(audience) ? audience["sharedSince"] : undefined;
    return since === undefined || parseInstant(since).ok
      ? []
      : [settingsIssue("settings.format", ["audiences", id, "sharedSince"], "an ISO 8601 date-time", since)];
  });
}
