import { err, type JsonSchema, ok } from "@tessera/xdm";
import type { DestinationDefinition } from "./definition.ts";
import { profileRequest } from "./profile-request.ts";
import { checkSettings } from "./settings.ts";

/** Settings of a destination that personalises pages. */
export interface PersonalizationSettings {
  /** Given back with every answer, so that a page finds its own among several. */
  readonly integrationAlias: string;
  readonly description?: string;
  readonly datastreamId: string;
}

const KINDS = {
  "custom-personalization": "Custom Personalization",
  commerce: "Adobe Commerce",
} as const;

/**
 * Destinations whose audiences (and, for authenticated callers, attributes) the edge hands to the page as
 * `activation:pull`. The two share one contract; only their names differ.
 */
export function personalizationDestination(
  kind: keyof typeof KINDS,
): DestinationDefinition<PersonalizationSettings> {
  const schema: JsonSchema = {
    type: "object",
    title: KINDS[kind],
    properties: {
      integrationAlias: { type: "string", minLength: 1, maxLength: 255, title: "Integration alias" },
      description: { type: "string", maxLength: 1024, title: "Description" },
      datastreamId: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$", title: "Datastream" },
    },
    required: ["integrationAlias", "datastreamId"],
    additionalProperties: false,
  };
  return {
    slug: kind,
    title: KINDS[kind],
    description: "Tells the page which audiences its visitor is in, in the same request.",
    kind: "profile-request",
    settings: schema,
    parseSettings: (input) => {
      const issues = checkSettings(schema, input);
      return issues.length > 0 ? err(issues) : ok(input as PersonalizationSettings);
    },
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
