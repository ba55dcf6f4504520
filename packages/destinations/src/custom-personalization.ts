import { err, type Issue, isObject, type JsonSchema, ok, type Result } from "@tessera/xdm";
import type { DestinationDefinition } from "./definition.ts";
import { profileRequest } from "./profile-request.ts";
import { checkSettings } from "./settings.ts";

/** Settings of a page that asks for a visitor's audiences. */
export interface CustomPersonalizationSettings {
  /** The name under which the page finds its answer (`alias` in `activation:pull`). */
  readonly integrationAlias: string;
  /** The datastream it is served on; every one without it. */
  readonly datastreamId?: string;
}

const SCHEMA: JsonSchema = {
  type: "object",
  title: "Custom personalization",
  properties: {
    integrationAlias: { type: "string", minLength: 1, maxLength: 100, title: "Integration alias" },
    datastreamId: { type: "string", minLength: 1, maxLength: 100, title: "Datastream" },
    description: { type: "string", maxLength: 1000, title: "Description" },
  },
  required: ["integrationAlias"],
  additionalProperties: false,
};

/** The definition of an edge destination that answers pages with the visitor's audiences and mapped attributes. */
function pageDestination(slug: string, title: string): DestinationDefinition<CustomPersonalizationSettings> {
  return {
    slug,
    title,
    description: "Tells a page, while it loads, which audiences its visitor is in.",
    kind: "profile-request",
    settings: SCHEMA,
    parseSettings,
    capabilities: {
      namespaces: "any",
      batchMax: 1,
      removals: true,
      attributes: true,
      audienceDefinitions: false,
      backfill: false,
      marketingActions: ["onsitePersonalization"],
    },
    ...profileRequest,
  };
}

/** Custom personalization: audiences and attributes for any page, in the answer to its own request. */
export const customPersonalization: DestinationDefinition<CustomPersonalizationSettings> = pageDestination(
  "custom-personalization",
  "Custom personalization",
);

/** Adobe Commerce: the same contract, read by its Audience Activation extension. */
export const adobeCommerce: DestinationDefinition<CustomPersonalizationSettings> = pageDestination(
  "commerce",
  "Adobe Commerce",
);

function parseSettings(input: unknown): Result<CustomPersonalizationSettings, readonly Issue[]> {
  const issues = checkSettings(SCHEMA, input);
  if (issues.length > 0 || !isObject(input)) return err(issues);
  const { integrationAlias, datastreamId } = input;
  return ok({
    integrationAlias: String(integrationAlias),
    ...(typeof datastreamId === "string" ? { datastreamId } : {}),
  });
}
