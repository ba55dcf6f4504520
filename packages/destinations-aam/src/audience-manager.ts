import type { DestinationDefinition } from "@tessera/destinations";
import { interpretAam } from "./interpret.ts";
import { planAam } from "./plan.ts";
import { AAM_SETTINGS, type AamSettings, parseAamSettings } from "./settings.ts";

/**
 * Audience Manager as a destination: shared audiences as signals in DCS calls to the regions where the person was
 * active in the last 14 days, in batch files for the hub otherwise. Only changes after the sharing; no backfill.
 */
export const audienceManager: DestinationDefinition<AamSettings> = {
  slug: "audience-manager",
  title: "Audience Manager",
  description:
    "Shares audience memberships with Audience Manager: on its edge within minutes, else on its hub.",
  kind: "streaming-audience",
  settings: AAM_SETTINGS,
  parseSettings: parseAamSettings,
  capabilities: {
    namespaces: ["ECID", "IDFA", "GAID", "Email_LC_SHA256", "AdCloud"],
    batchMax: 1000,
    removals: true,
    attributes: false,
    audienceDefinitions: false,
    backfill: false,
    marketingActions: ["crossSiteTargeting"],
    limits: "audience-manager",
  },
  plan: planAam,
  interpret: interpretAam,
};
