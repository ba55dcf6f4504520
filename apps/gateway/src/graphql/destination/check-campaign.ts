import type { Dataflow } from "@tessera/destinations";
import {
  campaignFiles,
  campaignManagedServices,
  type CampaignDataflowVerdict,
  checkCampaignDataflow,
} from "@tessera/destinations-campaign";
import type { JsonObject, JsonSchema } from "@tessera/xdm";

const MANAGED = campaignManagedServices();
const FILES = campaignFiles();
const NOTHING: CampaignDataflowVerdict = { violations: [], warnings: [] };

/** What Campaign's own rules have against a dataflow; nothing for other destinations. */
export function checkCampaignRules(
  dataflow: Dataflow,
  live: {
    readonly stored: { readonly settings: JsonObject };
    readonly configured: { readonly slug: string };
  },
  schema: JsonSchema | undefined,
): CampaignDataflowVerdict {
  const { slug } = live.configured;
  if (slug === FILES.slug) return checkCampaignDataflow(dataflow, {});
  if (slug !== MANAGED.slug) return NOTHING;
  const settings = MANAGED.parseSettings(live.stored.settings);
  if (!settings.ok) return { violations: settings.error, warnings: [] };
  return checkCampaignDataflow(dataflow, { managed: settings.value, ...(schema && { schema }) });
}
